//! Where copies go: one place, or below a prefix.

use std::str::FromStr;

use oci::{Reference, ReferenceError, RepositoryName, Selector};

use crate::error::OpsError;

/// Where copies go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// One repository, layout, archive or name.
    Exactly(Reference),
    /// Below a prefix that ends with a slash (`HOST/mirror/`): each image keeps the last component of its repository's name.
    Below(String),
}

impl FromStr for Destination {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.ends_with('/') {
            // Any name below it tells whether the prefix itself is well formed.
            let named: Result<Reference, _> = format!("{text}image").parse();
            return match named {
                Ok(_) => Ok(Self::Below(text.to_owned())),
                Err(ReferenceError::ShortName { .. }) => {
                    Err(ReferenceError::ShortName { name: text.to_owned(), instead: format!("docker.io/{text}") })
                }
                Err(error) => Err(error),
            };
        }
        text.parse().map(Self::Exactly)
    }
}

impl Destination {
    /// Returns the place for one source. A tag that the destination does not give is the source's.
    ///
    /// # Errors
    /// [`OpsError::Usage`] when the destination names a digest, or cannot be written to, or the source has no name.
    pub fn place_for(&self, source: &Reference) -> Result<Reference, OpsError> {
        let given = source.selector();
        let place = match self {
            Self::Exactly(place) => place.clone(),
            Self::Below(prefix) => {
                let name = name_of(source)?;
                let place: Reference = format!("{prefix}{name}").parse()?;
                place
            }
        };
        if let Reference::DockerArchive { .. } = place {
            return Err(OpsError::usage(
                "a docker archive can only be read",
                "write an OCI archive: oci-archive:FILE".to_owned(),
            ));
        }
        let selector = place.selector();
        if selector.digest.is_some() {
            return Err(OpsError::usage(
                format!("the destination `{place}` names a digest"),
                "give it a tag, or nothing: the digest follows from the content".to_owned(),
            ));
        }
        let tag = selector.tag.or(given.tag);
        Ok(place.with_selector(Selector { tag, digest: None }))
    }
}

/// Returns what an image is called, without its place.
fn name_of(source: &Reference) -> Result<String, OpsError> {
    let file_name = |path: &std::path::Path| path.file_stem().map(|name| name.to_string_lossy().to_lowercase());
    let name = match source {
        Reference::Registry(reference) => Some(reference.repository.last_component().to_owned()),
        Reference::Store { name, .. } => Some(name.last_component().to_owned()),
        Reference::Layout { path, .. } | Reference::Archive { path, .. } | Reference::DockerArchive { path, .. } => {
            file_name(path)
        }
    };
    let valid = name.filter(|name| name.parse::<RepositoryName>().is_ok());
    valid.ok_or_else(|| {
        OpsError::usage(
            format!("`{source}` does not tell under which name it should be copied"),
            "give each image its own destination".to_owned(),
        )
    })
}
