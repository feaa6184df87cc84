//! Puts an application into a store in the order that every store accepts.

use std::collections::BTreeMap;

use bytes::Bytes;
use oci::{Algorithm, Descriptor, Digest, Manifest, MediaType, Tag};
use serde_json::json;
use store::{Meter, Store, StoreError, SubjectIndexed};

use super::Application;
use crate::source::TestSource;

impl Application {
    /// Writes everything into a store: blobs, then manifests (children before parents, subjects before what is about
    /// them), then fallback tags where the store keeps no lists of referrers, then convention tags, then tags. Content of
    /// non-distributable layers is not written.
    ///
    /// # Errors
    /// The store's first error.
    pub async fn write_to_store(&self, store: &dyn Store) -> Result<(), StoreError> {
        for (descriptor, bytes) in self.blobs() {
            store.put_blob(descriptor, &TestSource::memory(bytes.clone()), &Meter::default()).await?;
        }
        let mut unlisted: BTreeMap<Digest, Vec<Descriptor>> = BTreeMap::new();
        for manifest in self.manifests() {
            let indexed = store.put_manifest(manifest).await?;
            if let (SubjectIndexed::No, Some(subject)) = (indexed, manifest.subject()) {
                unlisted.entry(subject.digest).or_default().push(manifest.referrer_descriptor());
            }
        }
        for (subject, referrers) in unlisted {
            add_to_fallback(store, &subject, referrers).await?;
        }
        let versions = self.tags().iter().map(|(tag, digest)| (tag, digest));
        for (tag, digest) in self.convention_tags().iter().chain(versions) {
            // A manifest that was lost on purpose leaves its tag without a target.
            if let Some(manifest) = self.manifest(digest) {
                store.tag(tag, manifest).await?;
            }
        }
        store.finish().await
    }
}

/// Adds referrers to the list that a fallback tag names (distribution-spec, "Referrers Tag Schema").
async fn add_to_fallback(store: &dyn Store, subject: &Digest, new: Vec<Descriptor>) -> Result<(), StoreError> {
    let tag = Tag::referrers_fallback(subject);
    let mut listed = match store.resolve(&tag).await? {
        Some(current) => store.manifest(&current.digest).await?.map_or_else(Vec::new, |list| list.children().to_vec()),
        None => Vec::new(),
    };
    for descriptor in new {
        if !listed.iter().any(|known| known.digest == descriptor.digest) {
            listed.push(descriptor);
        }
    }
    let document = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": listed});
    let bytes = Bytes::from(document.to_string());
    let list = Manifest::from_new(bytes, &MediaType::OCI_INDEX, Algorithm::Sha256).expect("a list of descriptors");
    store.put_manifest(&list).await?;
    store.tag(&tag, &list).await
}
