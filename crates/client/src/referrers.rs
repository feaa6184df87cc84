//! The list of what refers to a manifest (distribution-spec, "Listing Referrers").

use http::header::HeaderName;
use http::{Method, StatusCode};
use oci::limits::{MANIFEST_MAX_BYTES, REFERRERS_MAX};
use oci::{Algorithm, Descriptor, Digest, Manifest, MediaType};
use store::{Referrers, StoreError};

use crate::auth::Access;
use crate::exchange::Answer;
use crate::host::{Call, Context};
use crate::pages::Pages;
use crate::profile::Quirk;
use crate::refusal;
use crate::repository::Repository;

/// Codes by which a registry says that it does not have the subject.
const ABSENT_CODES: [&str; 3] = ["MANIFEST_INVALID", "MANIFEST_UNKNOWN", "NAME_UNKNOWN"];

/// Names the filters that a registry has applied.
pub(crate) const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// Returns what refers to `subject`, the whole list or an error.
pub(crate) async fn list(
    repository: &Repository,
    subject: &Digest,
    artifact_type: Option<&str>,
) -> Result<Referrers, StoreError> {
    let learned = &repository.registry().learned;
    if learned.lacks_referrers(repository.name()) {
        return Ok(Referrers::Unsupported);
    }
    let action = format!("the list of referrers of {subject}");
    let context = repository.context(&action, Access::Pull);
    let mut url = repository.url(&format!("referrers/{subject}")).await?;
    if let Some(artifact_type) = artifact_type {
        url.query_pairs_mut().append_pair("artifactType", artifact_type);
    }
    let lies_about_filters = repository.registry().has(Quirk::FilterClaimed) == Some(true);
    let mut pages = Pages::default();
    let mut listed: Vec<Descriptor> = Vec::new();
    let mut first = true;
    loop {
        let call = Call::new(Method::GET, url, context).only_to_what_names(subject);
        let answer = repository.registry().call_whole(call, MANIFEST_MAX_BYTES).await?;
        if answer.status != StatusCode::OK {
            return if first {
                unsupported(repository, subject, answer, &context).await
            } else {
                Err(context.refused(answer).await)
            };
        }
        if first {
            learned.learn_has_referrers(repository.name());
            first = false;
        }
        let filtered = applied(&answer, "artifactType") && !lies_about_filters;
        let next = pages.after(&answer, &context)?;
        let mut page = read_page(answer, &context).await?;
        if let Some(wanted) = artifact_type.filter(|_| !filtered) {
            page.retain(|descriptor| descriptor.artifact_type.as_deref() == Some(wanted));
        }
        listed.append(&mut page);
        if listed.len() > REFERRERS_MAX {
            return Err(context.protocol(format!("there are more than {REFERRERS_MAX}")));
        }
        let Some(next) = next else { break };
        url = next;
    }
    Ok(Referrers::Listed(listed))
}

/// Decides whether the answer to the first page says that there is no Referrers API.
async fn unsupported(
    repository: &Repository,
    subject: &Digest,
    answer: Answer,
    context: &Context<'_>,
) -> Result<Referrers, StoreError> {
    let status = answer.status;
    let complaint = refusal::complaint(answer).await;
    let learned = &repository.registry().learned;
    let failed = |status| refusal::error_of(status, &complaint, context.location, context.action);
    match status {
        // A registry with the API answers with an empty list; 404 without a code of the protocol says that nothing knows
        // this path. With one it may be this repository or this subject that is not known, so the next one is asked again.
        StatusCode::NOT_FOUND if !complaint.is_empty() => Ok(Referrers::Unsupported),
        // Some know no list of what they do not have, which there may be a list of in the fallback.
        StatusCode::BAD_REQUEST if ABSENT_CODES.iter().any(|code| complaint.has(code)) => Ok(Referrers::Unsupported),
        // It was sent to a page about something else, or nothing knows this path. Where it has listed before, that is a bad day.
        status
            if status.is_redirection()
                || matches!(
                    status,
                    StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
                ) =>
        {
            if learned.has_referrers(repository.name()) {
                return Err(failed(status));
            }
            learned.learn_lacks_referrers(repository.name());
            Ok(Referrers::Unsupported)
        }
        // It does not know the algorithm, so it cannot have listed anything under it.
        StatusCode::BAD_REQUEST if subject.algorithm() != Algorithm::Sha256 => Ok(Referrers::Unsupported),
        status => Err(failed(status)),
    }
}

fn applied(answer: &Answer, filter: &str) -> bool {
    let values = answer.headers.get_all(FILTERS_APPLIED).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|name| name.trim() == filter)
}

async fn read_page(answer: Answer, context: &Context<'_>) -> Result<Vec<Descriptor>, StoreError> {
    match answer.media_type() {
        Some(media_type) if media_type == MediaType::OCI_INDEX => {}
        Some(other) => return Err(context.protocol(format!("it is of type `{other}` and not an index"))),
        None => return Err(context.protocol("it has no media type")),
    }
    let body = answer.read(MANIFEST_MAX_BYTES).await.map_err(|failure| context.failed(failure))?;
    let body = body.ok_or_else(|| context.protocol(format!("a page has more than {MANIFEST_MAX_BYTES} bytes")))?;
    let index = Manifest::parse(body, Some(&MediaType::OCI_INDEX), None)
        .map_err(|error| context.protocol(format!("it cannot be read: {error}")))?;
    Ok(index.children().to_vec())
}
