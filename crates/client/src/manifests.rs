//! Manifests: asking for them by tag and by digest, and putting them (distribution-spec, "Pulling manifests", "Pushing
//! Manifests").

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderValue, Method, StatusCode};
use oci::limits::MANIFEST_MAX_BYTES;
use oci::{Algorithm, Descriptor, Digest, Manifest, ManifestError, MediaType, Tag};
use store::{Store as _, StoreError, SubjectIndexed};

use crate::absence::{self, Sought};
use crate::auth::Access;
use crate::exchange::Answer;
use crate::host::{Call, Context};
use crate::profile::Quirk;
use crate::repository::Repository;
use crate::retry;

/// The digest of what an answer is about.
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// The digest of the subject that a registry has taken note of.
pub(crate) const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
/// A tag that a registry has set.
pub(crate) const TAG: HeaderName = HeaderName::from_static("oci-tag");

/// [`MediaType::MANIFESTS`] as one header: some registries read only the first field.
pub(crate) const ACCEPTED: HeaderValue = HeaderValue::from_static(
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.oci.artifact.manifest.v1+json",
);

/// Returns what a tag points to.
pub(crate) async fn resolve(repository: &Repository, tag: &Tag) -> Result<Option<Descriptor>, StoreError> {
    let action = format!("the request for tag {tag}");
    let context = repository.context(&action, Access::Pull);
    let Some(answer) = ask(repository, Method::HEAD, tag.as_str(), context).await? else { return Ok(None) };
    if let Some(descriptor) = answer.as_ref().and_then(|answer| stated(answer, None)) {
        return Ok(Some(descriptor));
    }
    // The header does not say it all, so the bytes have to.
    let manifest = fetch(repository, tag.as_str(), None, context).await?;
    Ok(manifest.map(|manifest| manifest.descriptor()))
}

/// Returns type, digest and size of a manifest.
pub(crate) async fn stat(repository: &Repository, digest: &Digest) -> Result<Option<Descriptor>, StoreError> {
    let action = format!("the request for manifest {digest}");
    let context = repository.context(&action, Access::Pull);
    let name = digest.to_string();
    let Some(answer) = ask(repository, Method::HEAD, &name, context).await? else { return Ok(None) };
    if let Some(answer) = &answer {
        check_stated_digest(answer, digest, &context)?;
        if let Some(descriptor) = stated(answer, Some(digest)) {
            return Ok(Some(descriptor));
        }
    }
    let manifest = fetch(repository, &name, Some(digest), context).await?;
    Ok(manifest.map(|manifest| manifest.descriptor()))
}

/// Returns a manifest, verified.
pub(crate) async fn get(repository: &Repository, digest: &Digest) -> Result<Option<Manifest>, StoreError> {
    let action = format!("the request for manifest {digest}");
    fetch(repository, &digest.to_string(), Some(digest), repository.context(&action, Access::Pull)).await
}

/// Puts a manifest under its digest.
pub(crate) async fn put(repository: &Repository, manifest: &Manifest) -> Result<SubjectIndexed, StoreError> {
    let action = format!("the upload of manifest {}", manifest.digest());
    let answer = send(repository, manifest, &format!("manifests/{}", manifest.digest()), &action).await?;
    let indexed = manifest.subject().is_none() || answer.headers.contains_key(SUBJECT);
    answer.discard().await;
    Ok(if indexed { SubjectIndexed::Yes } else { SubjectIndexed::No })
}

/// Points a tag to a manifest.
pub(crate) async fn tag(repository: &Repository, tag: &Tag, manifest: &Manifest) -> Result<(), StoreError> {
    let action = format!("setting tag {tag}");
    let digest = manifest.digest();
    if digest.algorithm() != Algorithm::Sha256 {
        // A registry that is given bytes under a tag names them by sha256. Newer ones set tags along with a digest
        // (distribution-spec main, end-7b) and say so; others ignore the parameter.
        let answer = send(repository, manifest, &format!("manifests/{digest}?tag={tag}"), &action).await?;
        let set = answer.headers.get_all(TAG).iter().any(|value| value.as_bytes() == tag.as_str().as_bytes());
        answer.discard().await;
        if set {
            return Ok(());
        }
    }
    send(repository, manifest, &format!("manifests/{tag}"), &action).await?.discard().await;
    Ok(())
}

/// Points a tag to a manifest if it names what is expected. A registry that does not heed conditions has been asked right before.
pub(crate) async fn tag_in_place_of(
    repository: &Repository,
    tag: &Tag,
    manifest: &Manifest,
    expected: Option<&Digest>,
) -> Result<bool, StoreError> {
    if resolve(repository, tag).await?.map(|named| named.digest).as_ref() != expected {
        return Ok(false);
    }
    let action = format!("setting tag {tag}");
    let context = repository.context(&action, Access::Push);
    let condition = expected.map_or_else(|| "*".to_owned(), |digest| format!("\"{digest}\""));
    let condition = HeaderValue::try_from(condition).map_err(|_| context.protocol("the digest cannot be sent"))?;
    let header = if expected.is_some() { IF_MATCH } else { IF_NONE_MATCH };
    // Under its tag a registry names bytes by sha256; another algorithm needs the tag beside the digest.
    let place = match manifest.digest().algorithm() {
        Algorithm::Sha256 => format!("manifests/{tag}"),
        _ => format!("manifests/{}?tag={tag}", manifest.digest()),
    };
    let answer = exchange(repository, manifest, &place, context, Some((header, condition))).await?;
    if answer.status == StatusCode::PRECONDITION_FAILED {
        answer.discard().await;
        // The answer that it was set may have been lost, and the request sent once more.
        return Ok(resolve(repository, tag).await?.is_some_and(|named| named.digest == *manifest.digest()));
    }
    accepted(answer, manifest, &context).await?.discard().await;
    Ok(true)
}

/// Asks for a manifest. `None` says that it is not there, `Some(None)` that this registry does not say so to HEAD.
async fn ask(
    repository: &Repository,
    method: Method,
    name: &str,
    context: Context<'_>,
) -> Result<Option<Option<Answer>>, StoreError> {
    let registry = repository.registry();
    let is_head = method == Method::HEAD;
    if is_head && registry.has(Quirk::HeadRefused) == Some(true) {
        return Ok(Some(None));
    }
    let url = repository.url(&format!("manifests/{name}")).await?;
    let call = Call::new(method, url, context).with(ACCEPT, ACCEPTED);
    let answer = match registry.call_whole(call, MANIFEST_MAX_BYTES).await {
        // A page for people is no answer of a registry to HEAD.
        Ok(answer) if is_head && answer.status == StatusCode::NOT_FOUND && answer.is_page() => return Ok(Some(None)),
        // Some deny HEAD whatever it asks for.
        Ok(answer) if is_head && answer.status == StatusCode::FORBIDDEN => {
            answer.discard().await;
            return Ok(Some(None));
        }
        outcome => absence::unless_absent(repository, Sought::Manifest, outcome, &context).await?,
    };
    let Some(answer) = answer else { return Ok(None) };
    match answer.status {
        StatusCode::OK => {
            registry.learned.learn_given(repository.name(), name);
            Ok(Some(Some(answer)))
        }
        // It may take GET; if it does not, that answer says why.
        status if is_head && status.is_client_error() && !retry::is_passing(status) => Ok(Some(None)),
        _ => Err(context.refused(answer).await),
    }
}

/// Returns the descriptor that a header states in full.
fn stated(answer: &Answer, asked: Option<&Digest>) -> Option<Descriptor> {
    let media_type = answer.media_type().filter(|media_type| media_type.manifest_kind().is_some())?;
    let digest = match asked {
        Some(digest) => *digest,
        None => answer.digest(&CONTENT_DIGEST)?,
    };
    let size = answer.stated_length().filter(|&size| size > 0)?;
    Some(Descriptor::new(media_type, digest, size))
}

/// A registry that says it gives other content than was asked for is wrong one way or the other.
fn check_stated_digest(answer: &Answer, asked: &Digest, context: &Context<'_>) -> Result<(), StoreError> {
    match answer.digest(&CONTENT_DIGEST) {
        // Some registries call everything by its sha256, whatever it was asked for by.
        Some(found) if found.algorithm() == asked.algorithm() => {
            asked.expect(found).map_err(|source| StoreError::Digest { location: context.location.to_owned(), source })
        }
        _ => Ok(()),
    }
}

async fn fetch(
    repository: &Repository,
    name: &str,
    digest: Option<&Digest>,
    context: Context<'_>,
) -> Result<Option<Manifest>, StoreError> {
    let Some(answer) = ask(repository, Method::GET, name, context).await?.flatten() else { return Ok(None) };
    // Where the header says something else the manifest says what it is.
    let media_type = answer.media_type().filter(|media_type| media_type.manifest_kind().is_some());
    if answer.is_page() {
        let reason = "it answered with a web page; is there a login page or a proxy in between?";
        return Err(context.protocol(reason));
    }
    let stated = answer.stated_length();
    let bytes = answer.read(MANIFEST_MAX_BYTES).await.map_err(|failure| context.failed(failure))?;
    let invalid = |source| match source {
        ManifestError::Digest(source) => StoreError::Digest { location: repository.location().to_owned(), source },
        source => StoreError::Manifest { location: repository.location().to_owned(), name: name.to_owned(), source },
    };
    let bytes = bytes.ok_or_else(|| {
        let at_least = stated.and_then(|length| usize::try_from(length).ok()).unwrap_or(MANIFEST_MAX_BYTES + 1);
        invalid(ManifestError::TooLarge { found: at_least })
    })?;
    Manifest::parse(bytes, media_type.as_ref(), digest).map(Some).map_err(invalid)
}

/// Sends a manifest and checks that the registry has taken it for what it is.
async fn send(repository: &Repository, manifest: &Manifest, place: &str, action: &str) -> Result<Answer, StoreError> {
    let context = repository.context(action, Access::Push);
    let answer = exchange(repository, manifest, place, context, None).await?;
    accepted(answer, manifest, &context).await
}

/// Sends a manifest and returns the answer, whatever it is.
async fn exchange(
    repository: &Repository,
    manifest: &Manifest,
    place: &str,
    context: Context<'_>,
    condition: Option<(HeaderName, HeaderValue)>,
) -> Result<Answer, StoreError> {
    let url = repository.url(place).await?;
    let media_type =
        content_type(manifest.media_type()).ok_or_else(|| context.protocol("its media type cannot be sent"))?;
    let mut call = Call::new(Method::PUT, url, context).with(CONTENT_TYPE, media_type);
    if let Some((header, value)) = condition {
        call = call.with(header, value);
    }
    call.body = Some(Bytes::clone(manifest.bytes()));
    repository.registry().call(call).await
}

/// Returns an answer that says that a manifest was taken for what it is.
async fn accepted(answer: Answer, manifest: &Manifest, context: &Context<'_>) -> Result<Answer, StoreError> {
    if !matches!(answer.status, StatusCode::CREATED | StatusCode::OK | StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
        return Err(context.refused(answer).await);
    }
    check_stated_digest(&answer, manifest.digest(), context)?;
    Ok(answer)
}

fn content_type(media_type: &MediaType) -> Option<HeaderValue> {
    HeaderValue::try_from(media_type.as_str()).ok()
}

#[cfg(test)]
mod tests {
    use oci::MediaType;

    #[test]
    fn accepts_what_a_manifest_may_be() {
        let all: Vec<_> = MediaType::MANIFESTS.iter().map(MediaType::as_str).collect();
        assert_eq!(super::ACCEPTED.to_str().unwrap(), all.join(", "));
    }
}
