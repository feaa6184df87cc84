//! What refers to a digest (distribution-spec end-12, "Listing Referrers").

use axum::http::header::{CONTENT_TYPE, LINK};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use oci::limits::MANIFEST_MAX_BYTES;
use oci::{Digest, MediaType};

use crate::context::Context;
use crate::error::ApiError;
use crate::page;
use crate::routes::json;
use crate::storage::Referrer;

const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// What stands around the descriptors of an answer.
const HEAD: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":["#;
const TAIL: &str = "]}";

/// Answers with what refers to `subject`, which need not exist; neither need the repository, for this endpoint must not
/// answer 404. Pages are in the order of the digests: `last` is the last digest of the page before.
///
/// What a fallback tag lists is listed too, as far as it is here (distribution-spec, "Enabling the Referrers API"): whoever
/// kept such a tag has put the manifests that it lists, and those say themselves what they refer to.
pub(crate) async fn list(context: &Context<'_>, subject: &Digest) -> Result<Response, ApiError> {
    let artifact_type = context.query.get("artifactType").filter(|text| !text.is_empty());
    let last = context.digest_parameter("last")?;
    let count = context.shared.options.referrers_page;
    let listed = context.storage().referrers(&context.name, subject, artifact_type, last, count + 1).await?;
    let (document, next) = page(&listed, count);
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

/// Returns a document of at most `count` entries that is no larger than a manifest may be, and the digest of its last entry
/// when there are more. It has at least one entry if there is any.
fn page(listed: &[Referrer], count: usize) -> (String, Option<Digest>) {
    let mut document = HEAD.to_owned();
    let mut last = None;
    for (entries, referrer) in listed.iter().enumerate() {
        let entry = &referrer.descriptor;
        let full = document.len() + 1 + entry.len() + TAIL.len() > MANIFEST_MAX_BYTES || entries >= count;
        if full && last.is_some() {
            return (document + TAIL, last);
        }
        if last.replace(referrer.digest).is_some() {
            document.push(',');
        }
        document.push_str(entry);
    }
    (document + TAIL, None)
}
