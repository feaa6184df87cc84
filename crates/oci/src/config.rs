//! The parts of an image configuration that identify it (image-spec, "Image Configuration").

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::descriptor::null_as_default;
use crate::digest::Digest;
use crate::json::bounded_list;
use crate::limits::{CONFIG_MAX_BYTES, DIFF_IDS_MAX, HISTORY_MAX};
use crate::platform::Platform;

/// The view of an image configuration. Fields that identify an image are read, the rest is left in the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ImageConfig {
    /// When the image was made, RFC 3339 as written.
    #[serde(default)]
    pub created: Option<String>,
    /// Who made it.
    #[serde(default)]
    pub author: Option<String>,
    /// CPU architecture.
    #[serde(default)]
    pub architecture: Option<String>,
    /// Operating system.
    #[serde(default)]
    pub os: Option<String>,
    /// Version of the operating system.
    #[serde(rename = "os.version", default)]
    pub os_version: Option<String>,
    /// Variant of the CPU.
    #[serde(default)]
    pub variant: Option<String>,
    /// How the image is run.
    #[serde(default)]
    pub config: Option<Execution>,
    /// The uncompressed layers.
    #[serde(default)]
    pub rootfs: Option<RootFs>,
    /// The steps in which it was built, the first first.
    #[serde(default, deserialize_with = "bounded_list::<_, _, HISTORY_MAX>")]
    pub history: Vec<HistoryEntry>,
}

/// How an image is run: the part that says who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Execution {
    /// Labels.
    #[serde(rename = "Labels", default)]
    pub labels: Option<BTreeMap<String, String>>,
    /// User and group.
    #[serde(rename = "User", default)]
    pub user: Option<String>,
    /// Entry point.
    #[serde(rename = "Entrypoint", default)]
    pub entrypoint: Option<Vec<String>>,
    /// Default arguments.
    #[serde(rename = "Cmd", default)]
    pub cmd: Option<Vec<String>>,
}

/// The uncompressed layers, bottom first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct RootFs {
    /// Digests of the uncompressed layers.
    #[serde(default, deserialize_with = "bounded_list::<_, _, DIFF_IDS_MAX>")]
    pub diff_ids: Vec<Digest>,
}

/// One step in which an image was built, as its builder tells it. Nothing of it can be checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct HistoryEntry {
    /// When, RFC 3339 as written.
    #[serde(default)]
    pub created: Option<String>,
    /// The command.
    #[serde(default)]
    pub created_by: Option<String>,
    /// Who.
    #[serde(default)]
    pub author: Option<String>,
    /// What the builder adds.
    #[serde(default)]
    pub comment: Option<String>,
    /// Whether the step made no layer.
    #[serde(default, deserialize_with = "null_as_default")]
    pub empty_layer: bool,
}

impl ImageConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    /// [`ConfigError`] when it is larger than [`CONFIG_MAX_BYTES`] or not JSON of this shape.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        if bytes.len() > CONFIG_MAX_BYTES {
            return Err(ConfigError::TooLarge { found: bytes.len() });
        }
        Ok(crate::json::object(bytes)?)
    }

    /// Returns the platform, when both system and architecture are stated.
    pub fn platform(&self) -> Option<Platform> {
        // Signatures of older tools leave both empty.
        let stated = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
        let mut platform = Platform::new(&stated(&self.os)?, &stated(&self.architecture)?);
        platform.variant.clone_from(&self.variant);
        platform.os_version.clone_from(&self.os_version);
        Some(platform)
    }

    /// Returns the digests of the uncompressed layers, bottom first.
    pub fn diff_ids(&self) -> &[Digest] {
        self.rootfs.as_ref().map_or(&[], |rootfs| &rootfs.diff_ids)
    }

    /// Returns the value of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.config.as_ref()?.labels.as_ref()?.get(key).map(String::as_str)
    }
}

/// Why bytes are not an image configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// More bytes than are read into memory.
    #[error("image configuration has {found} bytes, the limit is {}", CONFIG_MAX_BYTES)]
    TooLarge {
        /// Its size in bytes.
        found: usize,
    },
    /// Not JSON of this shape.
    #[error("image configuration is not valid JSON of its type")]
    Json(#[from] serde_json::Error),
}
