//! One image with files to attach beside it.

use std::path::Path;

use oci::Digest;
use store::{LayoutStore, Store};

use super::image::{self, Recipe};
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
    let recipe = Recipe {
        title: "shop",
        version: "1.0",
        created: None,
        shared: ("etc/shop.conf", "currency = \"EUR\"\n"),
        message: "the shop is open",
        environment: &[],
    };
    let written = image::write(&layout, &recipe).await?;
    layout.finish().await?;
    for (name, content) in [
        ("sbom.json", SBOM),
        ("signature.sig", "not a real signature\n"),
        ("layer.md", "etc/shop.conf is reviewed once a year\n"),
    ] {
        store::atomic::write(&directory.join(name), content.as_bytes())?;
    }
    Ok(Application { index: written.index, shared_layer: written.shared_layer })
}
