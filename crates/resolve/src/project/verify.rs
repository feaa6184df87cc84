//! `[[policy.verify]]`: what has to be attached to images.

use std::collections::{BTreeMap, BTreeSet};

use super::{Image, Policy};
use crate::document::{DocumentError, Table, Text};
use crate::mirror::Glob;

/// What an artifact that is attached to an image is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It proves who made the image.
    Signature,
    /// It lists what is in it.
    Sbom,
    /// It says how it was made.
    Attestation,
}

impl Role {
    const ALL: [Self; 3] = [Self::Signature, Self::Sbom, Self::Attestation];

    /// Returns the word for it in files and in output for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Sbom => "sbom",
            Self::Attestation => "attestation",
        }
    }

    /// Returns the word for it in sentences.
    pub const fn shown(self) -> &'static str {
        match self {
            Self::Sbom => "SBOM",
            other => other.as_str(),
        }
    }
}

/// What has to be attached to some images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verify {
    /// The repositories; none means all.
    pub repositories: Option<Glob>,
    /// What has to be attached.
    pub require: BTreeSet<Role>,
}

impl Policy {
    /// Returns what has to be attached to an image, each with the number of the first table that requires it, from 0.
    pub fn required_of(&self, image: &Image) -> BTreeMap<Role, usize> {
        let repository = image.repository.to_string();
        let mut required = BTreeMap::new();
        for (number, verify) in self.verify.iter().enumerate() {
            if verify.repositories.as_ref().is_none_or(|glob| glob.matches(&repository)) {
                for role in &verify.require {
                    required.entry(*role).or_insert(number);
                }
            }
        }
        required
    }
}

pub(super) fn verify(table: &Table<'_>) -> Result<Verify, DocumentError> {
    let repositories = match table.text("match") {
        Some(text) => Some(Glob::of_repositories(text.text).ok_or_else(|| {
            let message = format!("`{}` matches no repository", text.text.escape_debug());
            DocumentError::new(message, text.place.clone()).help("match = \"registry.example/shop/*\"")
        })?),
        None => None,
    };
    let role = |text: &Text<'_>| {
        Role::ALL.into_iter().find(|role| role.as_str() == text.text).ok_or_else(|| {
            let message = format!("`{}` is nothing that can be required", text.text.escape_debug());
            DocumentError::new(message, text.place.clone()).help("require = [\"signature\", \"sbom\", \"attestation\"]")
        })
    };
    let require = table.texts("require").unwrap_or_default().iter().map(role).collect::<Result<_, _>>()?;
    Ok(Verify { repositories, require })
}
