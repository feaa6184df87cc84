//! Manifests: GET, HEAD, PUT, DELETE by tag and by digest (distribution-spec end-3, end-7, end-9).

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use graph::Space;
use graph::node::content_edges;
use oci::limits::MANIFEST_MAX_BYTES;
use oci::{Descriptor, Digest, Manifest, MediaType, NameError, Tag};
use store::{Store, SubjectIndexed};

use crate::context::Context;
use crate::error::{ApiError, Code};
use crate::incoming::Incoming;
use crate::route::ManifestName;
use crate::routes::{CONTENT_DIGEST, created, digest_value, empty};

const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const TAG: HeaderName = HeaderName::from_static("oci-tag");

/// Most tags set by one request (distribution-spec: at least 10).
const TAGS_MAX: usize = 100;

pub(crate) async fn get(context: &Context<'_>, name: &ManifestName) -> Result<Response, ApiError> {
    let store = context.repository().await?;
    let unknown = || ApiError::manifest_unknown(name);
    let digest = match name {
        ManifestName::Digest(digest) => *digest,
        ManifestName::Tag(tag) => store.resolve(tag).await?.ok_or_else(unknown)?.digest,
    };
    let manifest = store.manifest(&digest).await?.ok_or_else(unknown)?;
    let mut response = found(&manifest.descriptor())?;
    *response.body_mut() = Body::from(manifest.bytes().clone());
    Ok(response)
}

pub(crate) async fn head(context: &Context<'_>, name: &ManifestName) -> Result<Response, ApiError> {
    let store = context.repository().await?;
    let descriptor = match name {
        ManifestName::Digest(digest) => store.stat_manifest(digest).await?,
        ManifestName::Tag(tag) => store.resolve(tag).await?,
    };
    found(&descriptor.ok_or_else(|| ApiError::manifest_unknown(name))?)
}

pub(crate) async fn put(context: &Context<'_>, name: ManifestName, body: &mut Incoming) -> Result<Response, ApiError> {
    let (expected, tags, parameters) = match name {
        ManifestName::Tag(tag) => (None, vec![tag], false),
        ManifestName::Digest(digest) => (Some(digest), tag_parameters(context)?, true),
    };
    let bytes = body.collect(MANIFEST_MAX_BYTES).await?;
    // A store may keep the bytes and nothing beside them, so they must say what they are.
    Manifest::parse(bytes.clone(), None, expected.as_ref())?;
    let manifest = Manifest::parse(bytes, content_type(context)?.as_ref(), expected.as_ref())?;
    if !context.shared.options.sparse {
        check_content(context.repository_if_any().await?.as_deref(), &manifest).await?;
    }
    let store = context.repository_or_new().await?;
    let indexed = store.put_manifest(&manifest).await?;
    for tag in &tags {
        store.tag(tag, &manifest).await?;
    }
    if tags.is_empty() {
        // A tag makes everything durable, as an acknowledgement promises; without one that is to be asked for.
        store.finish().await?;
    }

    let mut response = created(&context.manifest_path(manifest.digest()), manifest.digest())?;
    if let Some(subject) = manifest.subject()
        && context.shared.options.referrers
        && indexed == SubjectIndexed::Yes
    {
        response.headers_mut().insert(SUBJECT, digest_value(&subject.digest)?);
    }
    for tag in tags.iter().filter(|_| parameters) {
        response.headers_mut().append(TAG, HeaderValue::try_from(tag.as_str()).map_err(ApiError::internal)?);
    }
    Ok(response)
}

pub(crate) async fn delete(context: &Context<'_>, digest: &Digest) -> Result<Response, ApiError> {
    let deleted = context.repository().await?.delete_manifest(digest).await?;
    if deleted { Ok(empty(StatusCode::ACCEPTED)) } else { Err(ApiError::manifest_unknown(digest)) }
}

pub(crate) async fn delete_tag(context: &Context<'_>, tag: &Tag) -> Result<Response, ApiError> {
    let deleted = context.repository().await?.delete_tag(tag).await?;
    if deleted { Ok(empty(StatusCode::ACCEPTED)) } else { Err(ApiError::manifest_unknown(tag)) }
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
    let Some(value) = context.headers.get(CONTENT_TYPE) else { return Ok(None) };
    let text = value.to_str().map_err(|_| invalid())?;
    MediaType::from_content_type(text).map(Some).map_err(|_| invalid())
}

/// Refuses a manifest that names content which the repository, if there is one, does not have, or has with another size. Its
/// subject may be missing, and so may layers that lie elsewhere by their nature.
async fn check_content(repository: Option<&dyn Store>, manifest: &Manifest) -> Result<(), ApiError> {
    let mut missing = Vec::new();
    let mut seen = BTreeSet::new();
    for (edge, descriptor) in content_edges(manifest) {
        // To look at a large child once is enough, however often it is named.
        if !seen.insert((edge.to, descriptor.size)) {
            continue;
        }
        let found = match (repository, edge.to.space) {
            (None, _) => None,
            (Some(store), Space::Manifest) => store.stat_manifest(&descriptor.digest).await?.map(|found| found.size),
            (Some(store), Space::Blob) => store.stat_blob(&descriptor.digest).await?,
        };
        match found {
            Some(size) if size == descriptor.size => {}
            Some(size) => {
                let message = "the manifest names content with another size than it has";
                let detail =
                    serde_json::json!({ "digest": descriptor.digest, "stated": descriptor.size, "found": size });
                return Err(ApiError::bad_request(Code::ManifestInvalid, message).detail(detail));
            }
            None if descriptor.media_type.is_non_distributable() => {}
            None => missing.push(descriptor.digest),
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(ApiError::missing_content(&missing)) }
}

fn found(descriptor: &Descriptor) -> Result<Response, ApiError> {
    let mut response = empty(StatusCode::OK);
    let headers = response.headers_mut();
    let content_type = HeaderValue::try_from(descriptor.media_type.as_str()).map_err(ApiError::internal)?;
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(descriptor.size));
    headers.insert(CONTENT_DIGEST, digest_value(&descriptor.digest)?);
    Ok(response)
}
