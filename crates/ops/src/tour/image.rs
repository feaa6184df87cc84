//! Small multi-platform images: an index with an image for each of two platforms, the same bytes every time.

use bytes::Bytes;
use oci::{Algorithm, Annotations, Descriptor, Digest, Manifest, ManifestError, MediaType, Platform, Tag, annotation};
use serde_json::{Value, json};
use store::{LayoutStore, Meter, Store};
use transfer::TransferError;

use crate::artifact::Content;
use crate::error::OpsError;

/// What an image is made of.
pub(super) struct Recipe<'a> {
    /// What it is called.
    pub(super) title: &'a str,
    /// Its version, which is its tag too.
    pub(super) version: &'a str,
    /// When it was made, as RFC 3339 has it; an image need not say so.
    pub(super) created: Option<&'a str>,
    /// The file of the layer that both platforms share: its path and its content.
    pub(super) shared: (&'a str, &'a str),
    /// What the program prints, before the name of the architecture.
    pub(super) message: &'a str,
    /// The variables that containers get.
    pub(super) environment: &'a [&'a str],
}

/// An image that was written.
pub(super) struct Written {
    /// The index.
    pub(super) index: Digest,
    /// The layer that both images share.
    pub(super) shared_layer: Digest,
}

/// Writes an image into a layout, under its tag.
///
/// # Errors
/// When something cannot be written.
pub(super) async fn write(layout: &LayoutStore, recipe: &Recipe<'_>) -> Result<Written, OpsError> {
    let (path, content) = recipe.shared;
    let shared = layer(path, content.as_bytes())?;
    let shared_layer = put(layout, MediaType::OCI_LAYER, shared.clone()).await?;
    let mut children = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let program = format!("#!/bin/sh\necho '{} on {architecture}'\n", recipe.message);
        let program_path = format!("usr/bin/{}", recipe.title);
        let own = layer(&program_path, program.as_bytes())?;
        let mut settings = json!({ "Entrypoint": [format!("/{program_path}")] });
        if !recipe.environment.is_empty() {
            settings["Env"] = json!(recipe.environment);
        }
        let mut config = json!({
            "architecture": architecture,
            "os": "linux",
            "config": settings,
            "rootfs": { "type": "layers", "diff_ids": [Digest::sha256(&shared), Digest::sha256(&own)] },
        });
        if let Some(created) = recipe.created {
            config["created"] = json!(created);
        }
        let config = put(layout, MediaType::OCI_CONFIG, bytes(&config)?).await?;
        let own = put(layout, MediaType::OCI_LAYER, own).await?;
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
    let index = manifest(
        &json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_INDEX,
            "manifests": children,
            "annotations": annotations(recipe),
        }),
        &MediaType::OCI_INDEX,
    )?;
    let tag: Tag = recipe.version.parse().map_err(oci::ReferenceError::Name)?;
    layout.tag(&tag, &index).await?;
    Ok(Written { index: *index.digest(), shared_layer: shared_layer.digest })
}

fn annotations(recipe: &Recipe<'_>) -> Annotations {
    let said = [
        (annotation::TITLE, recipe.title.to_owned()),
        (annotation::VERSION, recipe.version.to_owned()),
        (annotation::LICENSES, "Apache-2.0".to_owned()),
        (annotation::SOURCE, format!("https://example.com/{}", recipe.title)),
    ];
    said.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
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
