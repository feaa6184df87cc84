//! Manifests: GET, HEAD, PUT, DELETE by tag and by digest (distribution-spec end-3, end-7, end-9).

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, WARNING};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use oci::limits::MANIFEST_MAX_BYTES;
use oci::{Manifest, MediaType, NameError, Tag};

use crate::conditions;
use crate::context::Context;
use crate::error::{ApiError, Code};
use crate::head::ContentHead;
use crate::incoming::Incoming;
use crate::route::ManifestName;
use crate::routes::{CONTENT_DIGEST, created, digest_value, empty};
use crate::storage::{PutManifest, Refused, RemoveManifest, StoredManifest};

const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const TAG: HeaderName = HeaderName::from_static("oci-tag");

/// Most tags set by one request (distribution-spec: at least 10).
const TAGS_MAX: usize = 100;

pub(crate) async fn get(context: &Context<'_>, name: &ManifestName) -> Result<Response, ApiError> {
    let manifest = context.storage().manifest(&context.name, name).await?;
    let Some(manifest) = manifest else {
        // Nobody sees the body of an error to HEAD, which alone would tell whether there is such a repository.
        let unknown = ApiError::manifest_unknown(name);
        return Err(if context.is_head { unknown } else { context.absent(unknown).await });
    };
    answer(context, &manifest)
}

/// Answers with a manifest, or says that the caller has it already.
pub(crate) fn answer(context: &Context<'_>, manifest: &StoredManifest) -> Result<Response, ApiError> {
    context.storage().pulled(&context.name, &manifest.descriptor.digest);
    if let Some(unwanted) = conditions::unwanted(context.headers, &manifest.descriptor.digest)? {
        return Ok(unwanted);
    }
    let mut response = found(&manifest.head, manifest.descriptor.size);
    *response.body_mut() = Body::from(manifest.bytes.clone());
    Ok(response)
}

pub(crate) async fn put(context: &Context<'_>, name: ManifestName, body: &mut Incoming) -> Result<Response, ApiError> {
    let (expected, tags, parameters) = match name {
        ManifestName::Tag(tag) => (None, vec![tag], false),
        ManifestName::Digest(digest) => (Some(digest), tag_parameters(context)?, true),
    };
    let bytes = body.collect(MANIFEST_MAX_BYTES).await?;
    // What it says of itself must make sense without the header, for that is not kept with the bytes everywhere.
    Manifest::parse(bytes.clone(), None, expected.as_ref())?;
    let manifest = Manifest::parse(bytes, content_type(context)?.as_ref(), expected.as_ref())?;

    let mut response = created(&context.manifest_path(manifest.digest()), manifest.digest())?;
    response.headers_mut().insert(ETAG, conditions::entity_tag(manifest.digest())?);
    if let Some(subject) = manifest.subject()
        && context.shared.options.referrers
    {
        response.headers_mut().insert(SUBJECT, digest_value(&subject.digest)?);
    }
    for tag in tags.iter().filter(|_| parameters) {
        response.headers_mut().append(TAG, HeaderValue::try_from(tag.as_str()).map_err(ApiError::internal)?);
    }
    let permission = context.grant.permission(&context.name, manifest.digest());
    let put = PutManifest {
        repository: context.name.clone(),
        manifest,
        tags,
        condition: conditions::expected(context.headers)?,
        permission,
        sparse: context.shared.options.sparse,
        quotas: context.shared.options.quotas.clone(),
        immutable: context.shared.options.immutable.clone(),
        actor: context.grant.actor(),
    };
    match context.storage().put_manifest(put).await? {
        Err(Refused::Permission) => Err(context.grant.refuse_push(&context.name)),
        put => {
            let missing = put?.len();
            if missing > 0 {
                let text = format!("299 - \"{missing} of what this manifest is made of is not in the repository\"");
                response.headers_mut().insert(WARNING, HeaderValue::try_from(text).map_err(ApiError::internal)?);
            }
            Ok(response)
        }
    }
}

pub(crate) async fn delete(context: &Context<'_>, name: &ManifestName) -> Result<Response, ApiError> {
    let remove = RemoveManifest {
        repository: context.name.clone(),
        name: name.clone(),
        condition: conditions::expected(context.headers)?,
        immutable: context.shared.options.immutable.clone(),
        actor: context.grant.actor(),
    };
    if context.storage().remove_manifest(remove).await?? {
        Ok(empty(StatusCode::ACCEPTED))
    } else {
        Err(context.absent(ApiError::manifest_unknown(name)).await)
    }
}

fn tag_parameters(context: &Context<'_>) -> Result<Vec<Tag>, ApiError> {
    let mut tags = Vec::new();
    for text in context.query.all("tag") {
        if tags.len() == TAGS_MAX {
            let message = format!("one request sets at most {TAGS_MAX} tags");
            return Err(ApiError::new(StatusCode::URI_TOO_LONG, Code::ManifestInvalid, message));
        }
        let tag =
            text.parse().map_err(|error: NameError| ApiError::bad_request(Code::ManifestInvalid, error.to_string()))?;
        tags.push(tag);
    }
    Ok(tags)
}

fn content_type(context: &Context<'_>) -> Result<Option<MediaType>, ApiError> {
    let invalid = || ApiError::bad_request(Code::ManifestInvalid, "the Content-Type is not a media type");
    let mut values = context.headers.get_all(CONTENT_TYPE).iter();
    let Some(value) = values.next() else { return Ok(None) };
    // Which of them counts, another program might see otherwise.
    if values.next().is_some() {
        return Err(invalid());
    }
    let text = value.to_str().map_err(|_| invalid())?;
    MediaType::from_content_type(text).map(Some).map_err(|_| invalid())
}

fn found(head: &ContentHead, length: u64) -> Response {
    let mut response = empty(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, head.content_type.clone());
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CONTENT_DIGEST, head.digest.clone());
    headers.insert(ETAG, head.entity_tag.clone());
    response
}
