//! Pins and legal holds (docs/formats/registry-extension.md).

use axum::http::StatusCode;
use axum::http::header::LINK;
use axum::response::Response;
use oci::Digest;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{ApiError, Code};
use crate::incoming::Incoming;
use crate::moment;
use crate::page;
use crate::routes::{self, empty};
use crate::storage::{Hold, HoldKind, PutHold};

/// Most bytes of what describes a hold.
const BODY_MAX_BYTES: usize = 8 * 1024;
/// Most bytes of a reason.
const REASON_MAX_BYTES: usize = 1024;

/// A hold as it is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    kind: String,
    reason: String,
    expires: Option<String>,
}

pub(crate) async fn list(context: &Context<'_>) -> Result<Response, ApiError> {
    let size = page::size(&context.query, context.shared.options.referrers_page)?;
    let last = context.digest_parameter("last")?;
    let holds = context.storage().holds(&context.name, last, size + 1).await?;
    let mut holds = holds.ok_or_else(|| ApiError::name_unknown(&context.name))?;
    let mut digests: Vec<Digest> = holds.iter().map(|hold| hold.digest).collect();
    digests.dedup();
    // One more than fits shows whether there is another page.
    let last = size.checked_sub(1).and_then(|last| digests.get(last)).filter(|_| digests.len() > size).copied();
    holds.retain(|hold| last.is_none_or(|last| hold.digest <= last));
    holds.truncate(if size == 0 { 0 } else { holds.len() });
    let mut response = answer(context, &holds);
    if let Some(last) = last {
        let path = format!("/v2/{}/_supercargo/holds", context.name);
        let link = page::next(&path, &[("n", &size.to_string()), ("last", &last.to_string())])?;
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

pub(crate) async fn get(context: &Context<'_>, digest: &Digest) -> Result<Response, ApiError> {
    let holds = context.storage().holds_of(&context.name, digest).await?;
    Ok(answer(context, &holds.ok_or_else(|| ApiError::name_unknown(&context.name))?))
}

pub(crate) async fn put(context: &Context<'_>, digest: &Digest, body: &mut Incoming) -> Result<Response, ApiError> {
    let invalid = |message: String| ApiError::bad_request(Code::Unsupported, message);
    let body = body.collect(BODY_MAX_BYTES).await?;
    let wanted: Wanted =
        serde_json::from_slice(&body).map_err(|error| invalid(format!("this describes no hold: {error}")))?;
    let kind = HoldKind::of(&wanted.kind).ok_or_else(|| invalid("`kind` is `pin` or `legal`".to_owned()))?;
    let has_reason = !wanted.reason.trim().is_empty() && !wanted.reason.contains('\0');
    if !has_reason || wanted.reason.len() > REASON_MAX_BYTES {
        return Err(invalid(format!("`reason` is some text of at most {REASON_MAX_BYTES} bytes")));
    }
    let expires = wanted.expires.map(|text| {
        moment::parse(&text).ok_or_else(|| invalid("`expires` is no moment as RFC 3339 writes them".to_owned()))
    });
    let hold = PutHold {
        repository: context.name.clone(),
        digest: *digest,
        kind,
        reason: wanted.reason,
        actor: context.grant.actor(),
        expires_at: expires.transpose()?,
    };
    if context.storage().put_hold(hold).await? {
        Ok(empty(StatusCode::CREATED))
    } else {
        Err(context.absent(ApiError::manifest_unknown(digest)).await)
    }
}

pub(crate) async fn delete(context: &Context<'_>, digest: &Digest) -> Result<Response, ApiError> {
    let kind = context.query.get("kind").and_then(HoldKind::of);
    let kind = kind.ok_or_else(|| ApiError::bad_request(Code::Unsupported, "`kind` is `pin` or `legal`"))?;
    if context.storage().remove_hold(&context.name, digest, kind).await? {
        Ok(empty(StatusCode::ACCEPTED))
    } else {
        let none = ApiError::new(StatusCode::NOT_FOUND, Code::ManifestUnknown, "there is no such hold");
        Err(context.absent(none.detail(json!({ "digest": digest, "kind": kind.as_str() }))).await)
    }
}

fn answer(context: &Context<'_>, holds: &[Hold]) -> Response {
    let with_actors = context.grant.may_see_actors(&context.name);
    let shape = |hold: &Hold| {
        let mut shape = json!({
            "digest": hold.digest,
            "kind": hold.kind.as_str(),
            "reason": hold.reason,
            "since": moment::text(hold.made_at),
            "expires": hold.expires_at.and_then(moment::text),
        });
        if let (Value::Object(shape), Some(actor)) = (&mut shape, hold.actor.as_ref().filter(|_| with_actors)) {
            shape.insert("actor".to_owned(), actor.as_str().into());
        }
        shape
    };
    let holds: Vec<Value> = holds.iter().map(shape).collect();
    routes::json(json!({ "name": context.name, "holds": holds }).to_string())
}
