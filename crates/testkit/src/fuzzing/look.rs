//! Asks a store whose content is hostile everything there is to ask.

use std::collections::BTreeMap;

use futures_util::TryStreamExt as _;
use oci::{Descriptor, Digest, Manifest, Tag};
use store::{Referrers, Store, StoreError};

use super::assert_printable;

/// Most tags that are followed.
const TAGS_MAX: usize = 8;

/// Returns what a store answered; what it said instead can be shown.
pub(super) fn checked<T>(result: Result<T, StoreError>) -> Option<T> {
    result.inspect_err(assert_printable).ok()
}

/// Asks for everything, and checks that the answers fit together. Returns what the tags point to.
pub(super) async fn look(store: &dyn Store) -> BTreeMap<Tag, Descriptor> {
    let tags = checked(store.tags().await).unwrap_or_default();
    let roots = checked(store.roots().await).flatten().unwrap_or_default();
    for (tag, descriptor) in &roots {
        assert!(descriptor.manifest_kind().is_some(), "{descriptor:?} is no root");
        assert!(tag.as_ref().is_none_or(|tag| tags.contains(tag)), "{tag:?} is in the roots only");
        look_at(store, &descriptor.digest).await;
    }
    let mut named = BTreeMap::new();
    for tag in tags.into_iter().take(TAGS_MAX) {
        if let Some(Some(descriptor)) = checked(store.resolve(&tag).await) {
            look_at(store, &descriptor.digest).await;
            named.insert(tag, descriptor);
        }
    }
    named
}

async fn look_at(store: &dyn Store, digest: &Digest) {
    checked(store.stat_manifest(digest).await);
    for artifact_type in [None, Some("application/spdx+json")] {
        if let Some(Referrers::Listed(listed)) = checked(store.referrers(digest, artifact_type).await) {
            for referrer in listed {
                assert!(artifact_type.is_none() || referrer.artifact_type.as_deref() == artifact_type);
                if let Some(Some(manifest)) = checked(store.manifest(&referrer.digest).await) {
                    assert_eq!(manifest.subject().map(|subject| subject.digest), Some(*digest), "a stranger is listed");
                }
            }
        }
    }
    let Some(Some(manifest)) = checked(store.manifest(digest).await) else { return };
    assert!(digest.verify(manifest.bytes()).is_ok());
    for blob in manifest.config().into_iter().chain(manifest.layers()).take(TAGS_MAX) {
        look_at_blob(store, &manifest, blob).await;
    }
}

async fn look_at_blob(store: &dyn Store, manifest: &Manifest, blob: &Descriptor) {
    let stated = checked(store.stat_blob(&blob.digest).await);
    let Some(Some(body)) = checked(store.open_blob(blob, 0).await) else { return };
    assert!(!matches!(stated, Some(None)), "{} of {} is there and is not", blob.digest, manifest.digest());
    let stream = body.into_verified_stream(blob, store.location());
    if let Some(content) = checked(stream.try_collect::<Vec<bytes::Bytes>>().await) {
        assert!(blob.digest.verify(&content.concat()).is_ok());
    }
}
