//! What tags named (distribution-spec, `extensions/_oci.md`, "tag-history"), and tags as of a time
//! (docs/formats/registry-extension.md).
//!
//! A manifest as of a time has a path of its own: at `manifests/<tag>` a client or cache that does not know the parameter would
//! take what was for what is.

use axum::http::header::LINK;
use axum::response::Response;
use oci::Tag;
use serde_json::{Map, Value, json};

use crate::conditions;
use crate::context::Context;
use crate::error::{ApiError, Code};
use crate::moment;
use crate::page;
use crate::route::ManifestName;
use crate::routes::{created, json, manifests};
use crate::storage::{Move, MovePage, Refused, Reversion, Revert, Reverted, TagThen, Then};

/// When a tag was pointed to a manifest.
const CREATED: &str = "org.opencontainers.distribution.tag.created";
/// When a tag was removed.
const DELETED: &str = "org.opencontainers.distribution.tag.deleted";
/// The number of a move of a tag.
const NUMBER: &str = "vnd.supercargo.tag.number";
/// Who moved a tag.
const ACTOR: &str = "vnd.supercargo.tag.actor";

/// The type of what nobody knows the type of.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// Answers with the moves of a tag, the newest first.
pub(crate) async fn list(context: &Context<'_>, tag: &Tag) -> Result<Response, ApiError> {
    let size = page::size(&context.query, context.shared.options.tags_page)?;
    let before = moment_parameter(context, "before")?.unwrap_or(i64::MAX);
    let digest = context.digest_parameter("digest")?;
    // One more than fits shows whether there is another page.
    let limit = size + 1;
    let wanted = MovePage { repository: context.name.clone(), tag: tag.clone(), before, digest, limit };
    let moves = context.storage().moves(wanted).await?.ok_or_else(|| ApiError::name_unknown(&context.name))?;
    let mut moves = moves.ok_or_else(|| {
        ApiError::bad_request(Code::DigestInvalid, format!("the tag {tag} never named {}", digest_text(context)))
    })?;
    let more = moves.len() > size;
    moves.truncate(size);
    let with_actors = context.grant.may_see_actors(&context.name);
    let entries = moves.iter().map(|entry| descriptor(entry, with_actors)).collect::<Result<Vec<_>, _>>()?;
    let mut response = json(Value::Array(entries).to_string());
    if let Some(last) = moves.last().filter(|_| more) {
        let path = format!("/v2/{}/_oci/tag-history/{tag}", context.name);
        let (n, before) = (size.to_string(), written(last.at)?);
        let mut parameters = vec![("n", n.as_str()), ("before", before.as_str())];
        parameters.extend(context.query.get("digest").map(|digest| ("digest", digest)));
        response.headers_mut().insert(LINK, page::next(&path, &parameters)?);
    }
    Ok(response)
}

/// Answers with the tags as they were at a time.
pub(crate) async fn tags(context: &Context<'_>) -> Result<Response, ApiError> {
    let at = required(context)?;
    let size = page::size(&context.query, context.shared.options.tags_page)?;
    let last = context.query.get("last").unwrap_or_default();
    let found = context.storage().tags_then(&context.name, at, last, size + 1).await?;
    let (first, mut tags) = found.ok_or_else(|| ApiError::name_unknown(&context.name))?;
    let more = tags.len() > size;
    tags.truncate(size);
    let (mut entries, mut unknown) = (Vec::with_capacity(tags.len()), Vec::new());
    for TagThen { tag, digest, since } in &tags {
        match digest {
            Some(digest) => entries.push(json!({ "tag": tag, "digest": digest, "since": written(*since)? })),
            None => unknown.push(tag),
        }
    }
    let begins = first.map(written).transpose()?;
    let mut document = json!({ "name": context.name, "at": written(at)?, "begins": begins, "tags": entries });
    if !unknown.is_empty() {
        document["lost"] = json!(unknown);
    }
    let mut response = json(document.to_string());
    if let Some(last) = tags.last().filter(|_| more) {
        let path = format!("/v2/{}/_supercargo/tags", context.name);
        let (at, n) = (written(at)?, size.to_string());
        let next = page::next(&path, &[("at", &at), ("n", &n), ("last", &last.tag)])?;
        response.headers_mut().insert(LINK, next);
    }
    Ok(response)
}

/// Answers with the manifest that a tag named at a time.
pub(crate) async fn get(context: &Context<'_>, tag: &Tag) -> Result<Response, ApiError> {
    let at = required(context)?;
    match context.storage().tag_then(&context.name, tag, at).await? {
        Then::Absent => Err(context.absent(ApiError::not_then(tag, &format!("at {}", written(at)?))).await),
        Then::Lost => Err(ApiError::lost_then(tag, &format!("at {}", written(at)?))),
        Then::Named(digest) => {
            let manifest = context.storage().manifest(&context.name, &ManifestName::Digest(digest)).await?;
            manifests::answer(context, &*manifest.ok_or_else(|| ApiError::gone(tag, &digest))?)
        }
    }
}

/// Points a tag to what it named at a time or after a move. The condition of the request is checked where the tag is moved.
pub(crate) async fn revert(context: &Context<'_>, tag: Tag) -> Result<Response, ApiError> {
    let number = context.query.get("number").map(|text| {
        let number = text.parse::<u32>().ok().filter(|number| *number > 0);
        number.map(i64::from).ok_or_else(|| ApiError::bad_request(Code::Unsupported, "`number` is not that of a move"))
    });
    let (to, when) = match (number.transpose()?, moment_parameter(context, "at")?) {
        (Some(number), None) => (Reverted::Number(number), format!("after its move {number}")),
        (None, Some(at)) => (Reverted::At(at), format!("at {}", written(at)?)),
        _ => return Err(ApiError::bad_request(Code::Unsupported, "one of `at` and `number` is needed")),
    };
    let (grant, repository) = (context.grant.clone(), context.name.clone());
    let revert = Revert {
        repository: context.name.clone(),
        tag: tag.clone(),
        to,
        condition: conditions::expected(context.headers)?,
        permission: Box::new(move |digest| grant.permission(&repository, digest)),
        immutable: context.shared.options.immutable.clone(),
        quotas: context.shared.options.quotas.clone(),
        actor: context.grant.actor(),
    };
    match context.storage().revert(revert).await? {
        Reversion::Done(digest) => created(&context.manifest_path(&digest), &digest),
        Reversion::Absent => Err(context.absent(ApiError::not_then(&tag, &when)).await),
        Reversion::Lost => Err(ApiError::lost_then(&tag, &when)),
        Reversion::Gone(digest) => Err(ApiError::gone(&tag, &digest)),
        Reversion::Refused(Refused::Permission) => Err(context.grant.refuse_push(&context.name)),
        Reversion::Refused(refused) => Err(refused.into()),
    }
}

fn descriptor(entry: &Move, with_actor: bool) -> Result<Value, ApiError> {
    let mut annotations = Map::new();
    let event = if entry.removed { DELETED } else { CREATED };
    annotations.insert(event.to_owned(), written(entry.at)?.into());
    annotations.insert(NUMBER.to_owned(), entry.number.to_string().into());
    if let Some(actor) = entry.actor.as_ref().filter(|_| with_actor) {
        annotations.insert(ACTOR.to_owned(), actor.as_str().into());
    }
    Ok(json!({
        "mediaType": entry.media_type.as_deref().unwrap_or(UNKNOWN_TYPE),
        "digest": entry.digest,
        "size": entry.size.unwrap_or_default(),
        "annotations": annotations,
    }))
}

/// Returns the moment that the query has to name.
fn required(context: &Context<'_>) -> Result<i64, ApiError> {
    moment_parameter(context, "at")?.ok_or_else(|| ApiError::bad_request(Code::Unsupported, "`at` is missing"))
}

fn moment_parameter(context: &Context<'_>, key: &str) -> Result<Option<i64>, ApiError> {
    let wrong = || ApiError::bad_request(Code::Unsupported, format!("`{key}` is no moment as RFC 3339 writes them"));
    context.query.get(key).map(|text| moment::parse(text).ok_or_else(wrong)).transpose()
}

fn digest_text<'c>(context: &'c Context<'_>) -> &'c str {
    context.query.get("digest").unwrap_or_default()
}

/// Returns a moment of the database as text.
fn written(milliseconds: i64) -> Result<String, ApiError> {
    moment::text(milliseconds).ok_or_else(|| ApiError::internal("a moment that cannot be written"))
}
