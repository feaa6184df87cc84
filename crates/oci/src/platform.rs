//! Operating system, architecture, variant, and which of them run where (image-spec, "image index", `platform`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The platform that a manifest is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// CPU architecture, a `GOARCH` value.
    pub architecture: String,
    /// Operating system, a `GOOS` value.
    pub os: String,
    /// Version of the operating system (Windows).
    #[serde(rename = "os.version", default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Features of the operating system that are needed.
    #[serde(rename = "os.features", default, skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// Variant of the CPU, such as `v7` of `arm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Features of the CPU, reserved by the specification but written by docker.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
}

impl Platform {
    /// Returns the platform `os/architecture` without a variant.
    pub fn new(os: &str, architecture: &str) -> Self {
        Self {
            architecture: architecture.to_owned(),
            os: os.to_owned(),
            os_version: None,
            os_features: Vec::new(),
            variant: None,
            features: Vec::new(),
        }
    }

    /// Tells whether content for `self` is what a user means by `wanted`: same system and architecture, and, where
    /// `wanted` names a variant, the same variant. `arm64` and `arm64/v8` are one, as are `arm` and `arm/v7`, `amd64` and
    /// `amd64/v1` (containerd's normalisation, which every runtime follows).
    pub fn satisfies(&self, wanted: &Self) -> bool {
        let same = self.os == wanted.os && self.architecture() == wanted.architecture();
        let version = wanted.os_version.is_none() || self.os_version == wanted.os_version;
        same && version && (wanted.variant.is_none() || self.variant() == wanted.variant())
    }

    fn architecture(&self) -> &str {
        match self.architecture.as_str() {
            "x86_64" | "x86-64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        }
    }

    fn variant(&self) -> Option<&str> {
        match (self.architecture(), self.variant.as_deref()) {
            ("arm64", None | Some("8")) => Some("v8"),
            ("arm", None | Some("7")) => Some("v7"),
            ("amd64", None) => Some("v1"),
            (_, variant) => variant,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", crate::text::printable(&self.os), crate::text::printable(&self.architecture))?;
        match &self.variant {
            Some(variant) => write!(f, "/{}", crate::text::printable(variant)),
            None => Ok(()),
        }
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || PlatformError(text.chars().take(80).collect());
        let word = |part: &&str| {
            !part.is_empty()
                && part.len() <= 64
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        let parts: Vec<&str> = text.split('/').collect();
        if !(2..=3).contains(&parts.len()) || !parts.iter().all(word) {
            return Err(invalid());
        }
        let mut platform = Self::new(parts[0], parts[1]);
        platform.variant = parts.get(2).map(|&variant| variant.to_owned());
        Ok(platform)
    }
}

/// Text that is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a platform: write os/architecture or os/architecture/variant, such as linux/arm64/v8", crate::text::printable(.0))]
pub struct PlatformError(String);
