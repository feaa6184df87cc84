//! Pins and legal holds on what a registry has.

use client::Repository;
pub use client::{Hold, HoldKind};
use oci::date::Timestamp;
use oci::{Digest, Reference, RegistryReference};
use resolve::duration;
use store::Store as _;

use crate::context::Context;
use crate::error::OpsError;

/// Which hold is meant.
#[derive(Clone, Debug)]
pub struct HoldRequest {
    /// The manifest, by a tag or its digest.
    pub reference: Reference,
    /// What keeps it.
    pub kind: HoldKind,
    /// Whether to look only.
    pub dry_run: bool,
}

/// What is held, or not any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldReport {
    /// The repository.
    pub location: String,
    /// The manifest.
    pub digest: Digest,
    /// When the hold ends, if it does.
    pub expires: Option<Timestamp>,
}

/// The pins and holds of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldsReport {
    /// The repository.
    pub location: String,
    /// Its pins and holds.
    pub holds: Vec<Hold>,
}

/// Sets a pin or a hold that ends as `expires` says: a time, or how long from `now` on.
///
/// # Errors
/// [`OpsError::Usage`] when the reference names nothing in a registry, `expires` is no time, or the registry has no holds;
/// [`OpsError::NotFound`] when it does not have the manifest; what the registry brings.
pub async fn add_hold(
    context: &Context,
    request: &HoldRequest,
    reason: &str,
    expires: Option<&str>,
    now: Option<Timestamp>,
) -> Result<HeldReport, OpsError> {
    let expires = expires.map(|text| time(text, now)).transpose()?;
    let (repository, digest) = manifest(context, &request.reference).await?;
    known(&repository, Some(&digest)).await?;
    if !request.dry_run && !repository.put_hold(&digest, request.kind, reason, expires).await? {
        return Err(absent(&repository, digest.to_string()));
    }
    Ok(HeldReport { location: repository.location().to_owned(), digest, expires })
}

/// Ends a pin or a hold.
///
/// # Errors
/// As [`add_hold`]; [`OpsError::NotFound`] also when there is no such hold.
pub async fn remove_hold(context: &Context, request: &HoldRequest) -> Result<HeldReport, OpsError> {
    let (repository, digest) = manifest(context, &request.reference).await?;
    let holds = known(&repository, Some(&digest)).await?;
    let is_there = holds.iter().any(|hold| hold.kind == request.kind);
    if !is_there || !request.dry_run && !repository.remove_hold(&digest, request.kind).await? {
        let what = match request.kind {
            HoldKind::Pin => "pin",
            HoldKind::Legal => "legal hold",
        };
        return Err(absent(&repository, format!("{what} on {digest}")));
    }
    Ok(HeldReport { location: repository.location().to_owned(), digest, expires: None })
}

/// Returns the pins and holds of a repository, or of one manifest where the reference names one.
///
/// # Errors
/// As [`add_hold`].
pub async fn list_holds(context: &Context, reference: &Reference) -> Result<HoldsReport, OpsError> {
    let place = registry(reference)?;
    let repository = open(context, place)?;
    let names_one = place.selector.tag.is_some() || place.selector.digest.is_some();
    let digest = if names_one { Some(manifest(context, reference).await?.1) } else { None };
    let holds = known(&repository, digest.as_ref()).await?;
    Ok(HoldsReport { location: repository.location().to_owned(), holds })
}

/// Returns the pins and holds of a manifest, or all.
async fn known(repository: &Repository, digest: Option<&Digest>) -> Result<Vec<Hold>, OpsError> {
    let none = || {
        let message = format!(
            "{} has no pins and holds: there is no such repository, or not this extension",
            repository.location()
        );
        OpsError::usage(message, "supercargo serve --help    (a registry that has them)".to_owned())
    };
    repository.holds(digest).await?.ok_or_else(none)
}

/// Returns a manifest that is there, and its repository.
async fn manifest(context: &Context, reference: &Reference) -> Result<(Repository, Digest), OpsError> {
    let place = registry(reference)?;
    let repository = open(context, place)?;
    let digest = match (&place.selector.digest, &place.selector.tag) {
        (Some(digest), _) => Some(*digest),
        (None, Some(tag)) => repository.resolve(tag).await?.map(|named| named.digest),
        (None, None) => {
            return Err(OpsError::usage(
                format!("`{reference}` says neither which tag nor which digest is meant"),
                format!("supercargo tags {reference}"),
            ));
        }
    };
    digest.map(|digest| (repository.clone(), digest)).ok_or_else(|| absent(&repository, reference.to_string()))
}

fn absent(repository: &Repository, name: String) -> OpsError {
    OpsError::NotFound { location: repository.location().to_owned(), name }
}

fn open(context: &Context, place: &RegistryReference) -> Result<Repository, OpsError> {
    Ok(context.places(place)?.destination)
}

fn registry(reference: &Reference) -> Result<&RegistryReference, OpsError> {
    match reference {
        Reference::Registry(reference) => Ok(reference),
        other => Err(OpsError::usage(
            format!("`{other}` is not in a registry: there are no pins and holds"),
            "supercargo serve hold list registry.example/app".to_owned(),
        )),
    }
}

/// Returns a time: one as RFC 3339 writes it, or so long from now on.
fn time(text: &str, now: Option<Timestamp>) -> Result<Timestamp, OpsError> {
    let later = duration::parse(text)
        .and_then(|seconds| Timestamp::from_seconds(now?.seconds().checked_add(i64::try_from(seconds).ok()?)?));
    let wrong = || {
        let message = format!("`{}` is no time", text.escape_debug());
        OpsError::usage(message, "write 52w, or 2027-01-31T12:00:00Z".to_owned())
    };
    later.or_else(|| text.parse().ok()).ok_or_else(wrong)
}
