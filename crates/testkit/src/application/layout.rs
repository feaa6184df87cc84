//! Writes an application as an OCI image layout, without any code of the product, so that other programs can judge it and
//! the product can be judged by it.
#![expect(clippy::disallowed_methods, reason = "files of one test run")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use oci::{Descriptor, annotation};
use serde_json::json;

use super::Application;

impl Application {
    /// Writes a layout: every blob and manifest, and an index with the tagged manifests first and then every referrer,
    /// as oras does. Convention tags are tags like any other.
    ///
    /// # Panics
    /// When a file cannot be written.
    pub fn write_layout(&self, directory: &Path) {
        let blobs = self.blobs().map(|(descriptor, bytes)| (descriptor.digest, bytes));
        let manifests = self.manifests().iter().map(|manifest| (*manifest.digest(), manifest.bytes()));
        for (digest, bytes) in blobs.chain(manifests) {
            let place = directory.join("blobs").join(digest.algorithm().name());
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join(digest.encoded()), bytes).unwrap();
        }
        let mut listed: Vec<Descriptor> = Vec::new();
        for (tag, digest) in self.tags().iter().map(|(tag, digest)| (tag, digest)).chain(self.convention_tags()) {
            let mut descriptor = self.manifest(digest).expect("a tag names a manifest").descriptor();
            descriptor.annotations = BTreeMap::from([(annotation::REF_NAME.to_owned(), tag.to_string())]);
            listed.push(descriptor);
        }
        let referrers = self.manifests().iter().filter(|manifest| manifest.subject().is_some());
        listed.extend(referrers.map(oci::Manifest::referrer_descriptor));
        let index = json!({"schemaVersion": 2, "mediaType": oci::MediaType::OCI_INDEX, "manifests": listed});
        fs::write(directory.join("index.json"), index.to_string()).unwrap();
        fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    }
}
