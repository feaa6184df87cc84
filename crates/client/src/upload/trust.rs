//! Whether a registry refuses content of a wrong digest.
//!
//! Bytes that move in the kernel are not hashed here, so the other side must do it. That it should is not enough: it is shown
//! a few bytes under a digest that is not theirs, once per registry and algorithm, while the first large blob moves (see `Upload::place_in_doubt`).

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use oci::{Algorithm, Descriptor};
use rand::RngExt as _;
use store::StoreError;

use crate::auth::Access;
use crate::blobs;
use crate::exchange::{Body, Request};
use crate::host::{Call, Context};
use crate::repository::Repository;
use crate::syntax::location::{add_parameter, is_downgrade};

/// Blobs from this size on are worth the requests it takes to find out.
const WORTHWHILE_BYTES: u64 = 4 * 1024 * 1024;

/// What is uploaded to find out.
const PROBE: &[u8] = b"supercargo asks whether this registry verifies digests\n";

/// Tells whether the registry has been seen to refuse content that is not what its digest says. Asks it when the blob is
/// large; for small ones only what is known already counts.
pub(super) async fn is_verifying(repository: &Repository, descriptor: &Descriptor) -> Result<bool, StoreError> {
    let algorithm = descriptor.digest.algorithm();
    let known = repository.registry().learned.verifying(algorithm);
    if descriptor.size < WORTHWHILE_BYTES {
        return Ok(known.get().copied().unwrap_or(false));
    }
    known.get_or_try_init(|| ask(repository, algorithm)).await.copied()
}

/// Tells whether [`is_verifying`] would have to ask for this blob.
pub(super) fn is_open(repository: &Repository, descriptor: &Descriptor) -> bool {
    let known = repository.registry().learned.verifying(descriptor.digest.algorithm());
    descriptor.size >= WORTHWHILE_BYTES && known.get().is_none()
}

/// Uploads bytes under a wrong digest. Anything but a clear refusal counts as "does not verify".
async fn ask(repository: &Repository, algorithm: Algorithm) -> Result<bool, StoreError> {
    // Uploads that wait for the verdict may hold every permit.
    let context = Context { without_permit: true, ..repository.context("a trial upload", Access::Push) };
    let url = repository.url("blobs/uploads/").await?;
    let answer = repository.registry().call(Call::new(Method::POST, url, context)).await?;
    if answer.status != StatusCode::ACCEPTED {
        return Err(context.refused(answer).await);
    }
    let base = answer.url.clone();
    let session = answer.location();
    answer.discard().await;
    let Some(session) = session.ok().filter(|session| !is_downgrade(&base, session)) else { return Ok(false) };
    // The digest of something nobody has.
    let wrong = algorithm.digest(&rand::rng().random::<[u8; 32]>());
    let mut url = session.clone();
    add_parameter(&mut url, "digest", &wrong.to_string());
    let mut request =
        Request::new(Method::PUT, url).with(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    request.body = Body::Bytes(Bytes::from_static(PROBE));
    let refused = match repository.registry().send_once(request, &context).await? {
        Ok(answer) => {
            // Not: 401 and 403, which speak of us, 404, which speaks of the session, 429 and everything else.
            let refused = matches!(answer.status.as_u16(), 400 | 406 | 409 | 412 | 416 | 422);
            answer.discard().await;
            refused
        }
        Err(_) => false,
    };
    super::cancel(repository, context, session).await;
    Ok(refused && matches!(blobs::stat_as(repository, &wrong, context).await, Ok(None)))
}
