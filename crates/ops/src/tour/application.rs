//! An application made of a few files: an index with an image for each of two platforms.

use std::path::Path;

use bytes::Bytes;
use oci::{Algorithm, Annotations, Descriptor, Digest, Manifest, ManifestError, MediaType, Platform, Tag, annotation};
use serde_json::{Value, json};
use store::{LayoutStore, Meter, Store};
use transfer::TransferError;

use crate::artifact::Content;
use crate::error::OpsError;

/// An application in an OCI layout, with files to attach beside it.
#[derive(Clone, Debug)]
pub struct Application {
    /// The index.
    pub index: Digest,
    /// The layer that both images share.
    pub shared_layer: Digest,
}

/// A file beside the layout.
const SBOM: &str = r#"{"spdxVersion":"SPDX-2.3","name":"shop","packages":[{"name":"shop","versionInfo":"1.0"}]}"#;

/// Makes the application in the layout `shop` below `directory`, under the tag 1.0, and beside it `sbom.json`, `signature.sig` and
/// `layer.md` to attach. The bytes are the same every time.
///
/// # Errors
/// When something cannot be written.
pub async fn write_application(directory: &Path) -> Result<Application, OpsError> {
    let layout = LayoutStore::open_or_create(directory.join("shop"))?;
    let shared = layer("etc/shop.conf", b"currency = \"EUR\"\n")?;
    let shared_layer = put(&layout, MediaType::OCI_LAYER, shared.clone()).await?;
    let mut children = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let program = format!("#!/bin/sh\necho 'the shop is open on {architecture}'\n");
        let own = layer("usr/bin/shop", program.as_bytes())?;
        let config = json!({
            "architecture": architecture,
            "os": "linux",
            "config": { "Entrypoint": ["/usr/bin/shop"] },
            "rootfs": { "type": "layers", "diff_ids": [Digest::sha256(&shared), Digest::sha256(&own)] },
        });
        let config = put(&layout, MediaType::OCI_CONFIG, bytes(&config)?).await?;
        let own = put(&layout, MediaType::OCI_LAYER, own).await?;
        let image = manifest(
            &json!({
                "schemaVersion": 2,
                "mediaType": MediaType::OCI_MANIFEST,
                "config": config,
                "layers": [shared_layer, own],
            }),
            &MediaType::OCI_MANIFEST,
        )?;
        layout.put_manifest(&image).await?;
        children.push(Descriptor { platform: Some(Platform::new("linux", architecture)), ..image.descriptor() });
    }
    let annotations: Annotations = [
        (annotation::TITLE, "shop"),
        (annotation::VERSION, "1.0"),
        (annotation::LICENSES, "Apache-2.0"),
        (annotation::SOURCE, "https://example.com/shop"),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect();
    let index = manifest(
        &json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_INDEX,
            "manifests": children,
            "annotations": annotations,
        }),
        &MediaType::OCI_INDEX,
    )?;
    let tag: Tag = "1.0".parse().map_err(oci::ReferenceError::Name)?;
    layout.tag(&tag, &index).await?;
    layout.finish().await?;
    for (name, content) in [
        ("sbom.json", SBOM),
        ("signature.sig", "not a real signature\n"),
        ("layer.md", "etc/shop.conf is reviewed once a year\n"),
    ] {
        store::atomic::write(&directory.join(name), content.as_bytes())?;
    }
    Ok(Application { index: *index.digest(), shared_layer: shared_layer.digest })
}

async fn put(store: &LayoutStore, media_type: MediaType, content: Bytes) -> Result<Descriptor, OpsError> {
    let descriptor = Descriptor::of(media_type, &content);
    store.put_blob(&descriptor, &Content::Memory(content), &Meter::default()).await?;
    Ok(descriptor)
}

fn manifest(document: &Value, media_type: &MediaType) -> Result<Manifest, OpsError> {
    let manifest = Manifest::from_new(bytes(document)?, media_type, Algorithm::Sha256);
    Ok(manifest.map_err(TransferError::from)?)
}

fn bytes(document: &Value) -> Result<Bytes, OpsError> {
    let bytes = serde_json::to_vec(document).map_err(ManifestError::Json).map_err(TransferError::from)?;
    Ok(bytes.into())
}

/// Returns an uncompressed layer with one file in it.
fn layer(path: &str, content: &[u8]) -> Result<Bytes, OpsError> {
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o755);
    header.set_mtime(0);
    let mut archive = tar::Builder::new(Vec::new());
    let written = archive.append_data(&mut header, path, content).and_then(|()| archive.into_inner());
    written.map(Bytes::from).map_err(|source| OpsError::File {
        action: "cannot make the layer with",
        path: path.into(),
        source,
    })
}
