//! What refers to a digest (distribution-spec end-12, "Listing Referrers").

use std::collections::{BTreeMap, BTreeSet};

use axum::http::header::{CONTENT_TYPE, LINK};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use oci::limits::MANIFEST_MAX_BYTES;
use oci::{Descriptor, Digest, MediaType, Tag};
use store::{Referrers, Store};

use crate::context::Context;
use crate::error::ApiError;
use crate::page;
use crate::routes::json;

const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// What stands around the descriptors of an answer.
const HEAD: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":["#;
const TAIL: &str = "]}";

/// Answers with what refers to `subject`, which need not exist; neither need the repository, for this endpoint must not
/// answer 404. Pages are in the order of the digests: `last` is the last digest of the page before.
pub(crate) async fn list(context: &Context<'_>, subject: &Digest) -> Result<Response, ApiError> {
    let artifact_type = context.query.get("artifactType").filter(|text| !text.is_empty());
    let last = context.digest_parameter("last")?;
    let mut listed = BTreeMap::new();
    if let Some(store) = context.repository_if_any().await? {
        listed = referrers(store.as_ref(), subject).await?;
    }
    listed.retain(|digest, descriptor| {
        let wanted = artifact_type.is_none_or(|wanted| descriptor.artifact_type.as_deref() == Some(wanted));
        wanted && last.is_none_or(|last| *digest > last)
    });

    let (document, next) = page(&listed, context.shared.options.referrers_page)?;
    let content_type = HeaderValue::try_from(MediaType::OCI_INDEX.as_str()).map_err(ApiError::internal)?;
    let mut response = json(document);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    if let Some(last) = next {
        let path = format!("/v2/{}/referrers/{subject}", context.name);
        let last = last.to_string();
        let mut parameters = vec![("last", last.as_str())];
        parameters.extend(artifact_type.map(|wanted| ("artifactType", wanted)));
        response.headers_mut().insert(LINK, page::next(&path, &parameters)?);
    }
    if artifact_type.is_some() {
        response.headers_mut().insert(FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
    }
    Ok(response)
}

/// Returns what the store lists, and what a fallback tag lists from the time before (distribution-spec, "Enabling the
/// Referrers API") as far as it is here and says itself that it refers to `subject`.
async fn referrers(store: &dyn Store, subject: &Digest) -> Result<BTreeMap<Digest, Descriptor>, ApiError> {
    let mut listed = BTreeMap::new();
    if let Referrers::Listed(descriptors) = store.referrers(subject, None).await? {
        listed.extend(descriptors.into_iter().map(|descriptor| (descriptor.digest, descriptor)));
    }
    let Some(tagged) = store.resolve(&Tag::referrers_fallback(subject)).await? else { return Ok(listed) };
    let Some(fallback) = store.manifest(&tagged.digest).await? else { return Ok(listed) };
    // Whoever wrote the tag may have listed one large manifest thousands of times.
    let children: BTreeSet<Digest> = fallback.children().iter().map(|child| child.digest).collect();
    for child in children {
        if !listed.contains_key(&child)
            && let Some(manifest) = store.manifest(&child).await?
            && manifest.subject().is_some_and(|found| found.digest == *subject)
        {
            listed.insert(child, manifest.referrer_descriptor());
        }
    }
    Ok(listed)
}

/// Returns a document of at most `count` entries that is no larger than a manifest may be, and the digest of its last entry
/// when there are more. It has at least one entry if there is any.
fn page(listed: &BTreeMap<Digest, Descriptor>, count: usize) -> Result<(String, Option<Digest>), ApiError> {
    let mut document = HEAD.to_owned();
    let mut last = None;
    for (entries, (digest, descriptor)) in listed.iter().enumerate() {
        let entry = serde_json::to_string(descriptor).map_err(ApiError::internal)?;
        let full = document.len() + 1 + entry.len() + TAIL.len() > MANIFEST_MAX_BYTES || entries >= count;
        if full && last.is_some() {
            return Ok((document + TAIL, last));
        }
        if last.replace(*digest).is_some() {
            document.push(',');
        }
        document.push_str(&entry);
    }
    Ok((document + TAIL, None))
}
