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
use crate::storage::Room;

const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// What stands around the descriptors of an answer.
const HEAD: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":["#;
const TAIL: &str = "]}";

/// Answers with what refers to `subject`, which need not exist; neither need the repository, for this endpoint must not
/// answer 404. A page is no longer than a manifest may be, except for one entry that is. Pages are in the order of the digests: `last` is the last digest of the page before.
///
/// What a fallback tag lists is listed too, as far as it is here (distribution-spec, "Enabling the Referrers API"): whoever
/// kept such a tag has put the manifests that it lists, and those say themselves what they refer to.
pub(crate) async fn list(context: &Context<'_>, subject: &Digest) -> Result<Response, ApiError> {
    let artifact_type = context.query.get("artifactType").filter(|text| !text.is_empty());
    let last = context.digest_parameter("last")?;
    let count = context.shared.options.referrers_page;
    let room = Room { entries: count, bytes: MANIFEST_MAX_BYTES - HEAD.len() - TAIL.len() };
    let found = context.storage().referrers(&context.name, subject, artifact_type, last, room).await?;
    let entries: Vec<&str> = found.listed.iter().map(|referrer| referrer.descriptor.as_str()).collect();
    let document = [HEAD, &entries.join(","), TAIL].concat();
    let content_type = HeaderValue::try_from(MediaType::OCI_INDEX.as_str()).map_err(ApiError::internal)?;
    let mut response = json(document);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    if let Some(last) = found.listed.last().filter(|_| found.more) {
        let path = format!("/v2/{}/referrers/{subject}", context.name);
        let last = last.digest.to_string();
        let mut parameters = vec![("last", last.as_str())];
        parameters.extend(artifact_type.map(|wanted| ("artifactType", wanted)));
        response.headers_mut().insert(LINK, page::next(&path, &parameters)?);
    }
    if artifact_type.is_some() {
        response.headers_mut().insert(FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
    }
    Ok(response)
}
