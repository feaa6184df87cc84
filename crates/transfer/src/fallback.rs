//! The list of referrers for registries that keep none: an index under a tag made of the subject's digest
//! (distribution-spec, "Referrers Tag Schema").
//!
//! The tag is shared by every tool that attaches something, and the protocol has no lock for it: entries of others are kept,
//! and the caller proves afterwards that its own are still there.

use std::collections::BTreeSet;

use oci::{Algorithm, Descriptor, Digest, Manifest, MediaType, Tag};
use serde_json::json;
use store::Store;

use crate::cache::ManifestCache;
use crate::error::TransferError;

/// Adds `referrers` to the list that the fallback tag of `subject` holds, and returns what the list holds afterwards, as
/// the store shows it. The new list is kept in `cache`, where the next copy looks for it.
///
/// # Errors
/// What the store brings. The tag points either to the former list or to the whole new one.
pub async fn add_referrers(
    store: &dyn Store,
    subject: &Digest,
    referrers: &[Manifest],
    cache: &dyn ManifestCache,
) -> Result<BTreeSet<Digest>, TransferError> {
    let tag = Tag::referrers_fallback(subject);
    // Right before it is written: what was listed a while ago others may have added to.
    let mut listed = read(store, subject).await?;
    let before = listed.len();
    for referrer in referrers {
        if !listed.iter().any(|descriptor| descriptor.digest == *referrer.digest()) {
            listed.push(referrer.referrer_descriptor());
        }
    }
    if listed.len() > before {
        let index = index_of(&listed)?;
        store.tag(&tag, &index).await?;
        cache.keep(&index);
        // The tag is shared without a lock: what it points to now counts, not what was written.
        let shown = store.resolve(&tag).await?;
        if shown.is_none_or(|shown| shown.digest != *index.digest()) {
            listed = read(store, subject).await?;
        }
    }
    Ok(listed.into_iter().map(|descriptor| descriptor.digest).collect())
}

/// Takes `referrer` out of the list that the fallback tag of `subject` holds; the tag goes with its last entry.
///
/// # Errors
/// What the store brings.
pub async fn remove_referrer(store: &dyn Store, subject: &Digest, referrer: &Digest) -> Result<(), TransferError> {
    let tag = Tag::referrers_fallback(subject);
    let mut listed = read(store, subject).await?;
    let before = listed.len();
    listed.retain(|descriptor| descriptor.digest != *referrer);
    if listed.len() == before {
        return Ok(());
    }
    if listed.is_empty() {
        store.delete_tag(&tag).await?;
    } else {
        store.tag(&tag, &index_of(&listed)?).await?;
    }
    Ok(())
}

/// Returns what the fallback tag of `subject` lists; nothing when there is no such tag.
///
/// # Errors
/// What the store brings, and [`TransferError::FallbackTaken`] when the tag is used for something else.
pub async fn read(store: &dyn Store, subject: &Digest) -> Result<Vec<Descriptor>, TransferError> {
    let tag = Tag::referrers_fallback(subject);
    let Some(descriptor) = store.resolve(&tag).await? else { return Ok(Vec::new()) };
    // Some registries take the tag for the digest that it is made of: there is no list then.
    if descriptor.digest == *subject {
        return Ok(Vec::new());
    }
    let Some(manifest) = store.manifest(&descriptor.digest).await? else { return Ok(Vec::new()) };
    if manifest.kind() == oci::ManifestKind::Image {
        return Err(TransferError::FallbackTaken { location: store.location().to_owned(), tag });
    }
    Ok(manifest.children().to_vec())
}

/// Returns an index that lists `referrers`.
///
/// # Errors
/// [`TransferError::Manifest`] when the list is longer than an index may be.
fn index_of(referrers: &[Descriptor]) -> Result<Manifest, TransferError> {
    let document = json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": referrers });
    let bytes = serde_json::to_vec(&document).map_err(oci::ManifestError::Json)?;
    Ok(Manifest::from_new(bytes.into(), &MediaType::OCI_INDEX, Algorithm::Sha256)?)
}
