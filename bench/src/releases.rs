//! Repositories of many releases, published without any of the programs that are compared.

use std::ops::Range;

use anyhow::Result;
use oci::Digest;
use serde_json::json;

use crate::registry::Registry;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// A release by its number, from 1.0.0 on.
#[derive(Clone, Copy, Debug)]
pub struct Release(pub usize);

impl Release {
    /// Returns its tag.
    pub fn tag(self) -> String {
        format!("1.{}.{}", self.0 / 5, self.0 % 5)
    }

    fn created(self) -> String {
        format!("2024-{:02}-{:02}T10:00:00Z", 1 + self.0 / 28 % 12, 1 + self.0 % 28)
    }
}

/// Publishes releases, each an index of images for two platforms.
pub fn publish(registry: &Registry, repository: &str, releases: Range<usize>) -> Result<()> {
    let layer = repository.as_bytes();
    registry.put_blob(repository, &Digest::sha256(layer).to_string(), layer)?;
    let described = |media_type: &str, bytes: &[u8]| json!({"mediaType": media_type, "digest": Digest::sha256(bytes).to_string(), "size": bytes.len()});
    for release in releases.map(Release) {
        let mut images = Vec::new();
        for architecture in ["amd64", "arm64"] {
            let config = json!({
                "architecture": architecture, "os": "linux", "created": release.created(),
                "rootfs": {"type": "layers", "diff_ids": [Digest::sha256(layer).to_string()]},
            });
            let config = config.to_string().into_bytes();
            registry.put_blob(repository, &Digest::sha256(&config).to_string(), &config)?;
            let manifest = json!({
                "schemaVersion": 2, "mediaType": MANIFEST,
                "config": described(CONFIG, &config), "layers": [described(LAYER, layer)],
            });
            let manifest = manifest.to_string().into_bytes();
            registry.put_manifest(repository, &Digest::sha256(&manifest).to_string(), MANIFEST, &manifest)?;
            let mut image = described(MANIFEST, &manifest);
            image["platform"] = json!({"os": "linux", "architecture": architecture});
            images.push(image);
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": images}).to_string().into_bytes();
        registry.put_manifest(repository, &release.tag(), INDEX, &index)?;
    }
    Ok(())
}
