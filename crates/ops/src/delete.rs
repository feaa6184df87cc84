//! Takes a tag or a manifest away, and says what refers to it.

use oci::{Descriptor, Digest, Reference, Selector, Tag};
use store::{Referrers, Store};
use transfer::TransferError;

use crate::context::Context;
use crate::error::OpsError;
use crate::found::open_to_change;

/// What to take away.
#[derive(Clone, Debug)]
pub struct DeleteRequest {
    /// A tag, or a manifest by its digest.
    pub reference: Reference,
    /// Whether to look only.
    pub dry_run: bool,
}

/// What was taken away.
#[derive(Clone, Debug)]
pub struct DeleteReport {
    /// Where it was.
    pub location: String,
    /// What it was.
    pub deleted: Deleted,
    /// The manifest that the tag pointed to, or that was deleted.
    pub manifest: Descriptor,
    /// What refers to that manifest: lists of referrers and fallback tags name these.
    pub referrers: Vec<Descriptor>,
    /// Tags by which tools attach something to that manifest (`sha256-….sig`).
    pub attachments: Vec<Tag>,
}

/// What was taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// A tag; what it pointed to is still there.
    Tag(Tag),
    /// A manifest, with every tag that pointed to it.
    Manifest(Digest),
}

/// Takes a tag away, or a manifest if a digest is given. Of what refers to it nothing is touched, except that a manifest is
/// also taken out of the fallback tag of its own subject.
///
/// # Errors
/// [`OpsError::Usage`] when neither tag nor digest is given, [`OpsError::NotFound`] when it is not there, and what the store
/// brings: many registries refuse to delete.
pub async fn delete(context: &Context, request: &DeleteRequest) -> Result<DeleteReport, OpsError> {
    let Selector { tag, digest } = request.reference.selector();
    let deleted = match (digest, tag) {
        (Some(digest), _) => Deleted::Manifest(digest),
        (None, Some(tag)) => Deleted::Tag(tag),
        (None, None) => {
            return Err(OpsError::usage(
                format!("`{}` says neither which tag nor which digest to delete", request.reference),
                format!("supercargo tags {}", request.reference),
            ));
        }
    };
    let source = context.open_itself(&request.reference).await?;
    let found = match &deleted {
        Deleted::Manifest(digest) => source.stat_manifest(digest).await?,
        Deleted::Tag(tag) => source.resolve(tag).await?,
    };
    let location = source.location().to_owned();
    let missing = || OpsError::NotFound {
        location: location.clone(),
        name: match &deleted {
            Deleted::Manifest(digest) => format!("manifest {digest}"),
            Deleted::Tag(tag) => format!("tag {tag}"),
        },
    };
    let manifest = found.ok_or_else(missing)?;
    let referrers = referrers(&*source, &manifest.digest).await?;
    let tags = source.tags().await?.into_iter();
    let mut attachments: Vec<Tag> = tags
        .filter(|tag| matches!(tag.attached_to(), Some((subject, Some(_))) if subject == manifest.digest))
        .collect();
    attachments.sort();

    if !request.dry_run {
        let store = open_to_change(context, &request.reference).await?;
        let was_there = match &deleted {
            Deleted::Tag(tag) => store.delete_tag(tag).await?,
            Deleted::Manifest(digest) => delete_manifest(&*store, digest).await?,
        };
        store.finish().await?;
        if !was_there {
            return Err(missing());
        }
    }
    Ok(DeleteReport { location, deleted, manifest, referrers, attachments })
}

async fn referrers(store: &dyn Store, subject: &Digest) -> Result<Vec<Descriptor>, TransferError> {
    match store.referrers(subject, None).await? {
        Referrers::Listed(listed) => Ok(listed),
        Referrers::Unsupported => transfer::fallback::read(store, subject).await,
    }
}

/// A store without lists of referrers does not know that the manifest stands in the fallback tag of its subject. The tag is
/// corrected first: a list that names what is gone would be an error of every later copy. When the store then refuses to delete,
/// the list is put back.
async fn delete_manifest(store: &dyn Store, digest: &Digest) -> Result<bool, OpsError> {
    let Some(manifest) = store.manifest(digest).await? else { return Ok(false) };
    let unlisted = match manifest.subject() {
        Some(subject) if store.referrers(&subject.digest, None).await? == Referrers::Unsupported => {
            transfer::fallback::remove_referrer(store, &subject.digest, digest).await?;
            Some(subject.digest)
        }
        _ => None,
    };
    match (store.delete_manifest(digest).await, unlisted) {
        (Err(refused), Some(subject)) => {
            let referrers = std::slice::from_ref(&manifest);
            transfer::fallback::add_referrers(store, &subject, referrers, &transfer::NoCache).await?;
            Err(refused.into())
        }
        (outcome, _) => Ok(outcome?),
    }
}
