//! Every form in which a user names an image (the command line contract, "References").
//!
//! ```text
//! [HOST[:PORT]/]REPO[:TAG][@DIGEST]      a registry
//! oci:PATH[:TAG][@DIGEST]                an OCI image layout directory
//! oci-archive:FILE[:TAG][@DIGEST]        the same in a tar
//! docker-archive:FILE[:TAG]              `docker save` output
//! store:NAME[:TAG][@DIGEST]              the local content store
//! ```

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::digest::{Digest, DigestError};
use crate::limits::REFERENCE_MAX_BYTES;
use crate::name::{Host, NameError, RepositoryName, Tag};

/// Docker Hub's name in references.
const DOCKER_HUB: &str = "docker.io";
/// What it is also called.
const DOCKER_HUB_ALIASES: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];

/// Which manifest of a repository, layout or archive is meant: by tag, by digest, by both, or by neither.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Selector {
    /// The tag.
    pub tag: Option<Tag>,
    /// The digest. Where both are given the digest decides, and the tag is what it is called.
    pub digest: Option<Digest>,
}

/// A repository of a registry and what is meant in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RegistryReference {
    /// The registry.
    pub host: Host,
    /// The repository.
    pub repository: RepositoryName,
    /// The manifest.
    pub selector: Selector,
}

/// Where an image is, and which.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// In a registry.
    Registry(RegistryReference),
    /// In an OCI image layout directory.
    Layout {
        /// The directory.
        path: PathBuf,
        /// The manifest.
        selector: Selector,
    },
    /// In a tar of an OCI image layout, plain or compressed with zstd.
    Archive {
        /// The file.
        path: PathBuf,
        /// The manifest.
        selector: Selector,
    },
    /// In the output of `docker save`.
    DockerArchive {
        /// The file.
        path: PathBuf,
        /// The image's name and tag as they stand in the archive's `manifest.json`.
        tag: Option<String>,
    },
    /// In the local content store.
    Store {
        /// The name under which it is kept.
        name: RepositoryName,
        /// The manifest.
        selector: Selector,
    },
}

impl Reference {
    /// Returns which manifest is meant.
    pub fn selector(&self) -> Selector {
        match self {
            Self::Registry(RegistryReference { selector, .. })
            | Self::Layout { selector, .. }
            | Self::Archive { selector, .. }
            | Self::Store { selector, .. } => selector.clone(),
            Self::DockerArchive { .. } => Selector::default(),
        }
    }

    /// Returns the same place with another selector. A docker archive has none and is returned as it is.
    #[must_use]
    pub fn with_selector(&self, selector: Selector) -> Self {
        let mut reference = self.clone();
        match &mut reference {
            Self::Registry(RegistryReference { selector: place, .. })
            | Self::Layout { selector: place, .. }
            | Self::Archive { selector: place, .. }
            | Self::Store { selector: place, .. } => *place = selector,
            Self::DockerArchive { .. } => {}
        }
        reference
    }
}

impl RegistryReference {
    /// Returns the same under the one name that stands for all names of Docker Hub; any other registry has one name.
    #[must_use]
    pub fn canonical(&self) -> Self {
        if !DOCKER_HUB_ALIASES.contains(&self.host.as_str()) {
            return self.clone();
        }
        // What is a repository under one name is one under the other: only the part `library/` may be added.
        let named = format!("{DOCKER_HUB}/{}{}", self.repository, self.selector).parse();
        named.unwrap_or_else(|_| self.clone())
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if text.len() > REFERENCE_MAX_BYTES {
            return Err(ReferenceError::TooLong { found: text.len() });
        }
        // No path needs them, no terminal shows them, and a NUL is in no path at all.
        if text.chars().any(char::is_control) {
            return Err(ReferenceError::ControlCharacter { given: text.chars().take(300).collect() });
        }
        let place = |rest: &str, what| {
            let (path, selector) = split_selector(rest)?;
            if path.is_empty() {
                Err(ReferenceError::NoPath { form: what })
            } else {
                Ok((PathBuf::from(path), selector))
            }
        };
        // As hosts are: in capitals a word would else be a host, and be shown as what it is not.
        let word = text.split_once(':').map(|(word, rest)| (word.to_ascii_lowercase(), rest));
        match word.as_ref().map(|(word, rest)| (word.as_str(), *rest)) {
            Some(("oci", rest)) => place(rest, "oci:").map(|(path, selector)| Self::Layout { path, selector }),
            Some(("oci-archive", rest)) => {
                place(rest, "oci-archive:").map(|(path, selector)| Self::Archive { path, selector })
            }
            Some(("docker-archive", rest)) => {
                let (path, tag) = rest.split_once(':').map_or((rest, None), |(path, tag)| (path, Some(tag)));
                if path.is_empty() {
                    return Err(ReferenceError::NoPath { form: "docker-archive:" });
                }
                Ok(Self::DockerArchive { path: PathBuf::from(path), tag: tag.map(str::to_owned) })
            }
            Some(("store", rest)) => {
                let (name, selector) = split_selector(rest)?;
                Ok(Self::Store { name: name.parse()?, selector })
            }
            Some(("docker", rest)) if rest.starts_with("//") => Err(ReferenceError::Transport {
                given: text.chars().take(200).collect(),
                instead: rest.trim_start_matches('/').chars().take(200).collect(),
            }),
            _ => text.parse().map(Self::Registry),
        }
    }
}

impl FromStr for RegistryReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, selector) = split_selector(text)?;
        let (host, repository) = match name.split_once('/') {
            Some((host, repository)) if is_host(host) => (host, repository),
            _ => {
                let library = if name.contains('/') { "" } else { "library/" };
                let hint = text.chars().take(300).collect::<String>();
                // Refuse what is not a name at all before calling it a short name.
                let _: RepositoryName = name.parse()?;
                return Err(ReferenceError::ShortName {
                    name: hint.clone(),
                    instead: format!("{DOCKER_HUB}/{library}{hint}"),
                });
            }
        };
        let host: Host = host.parse()?;
        let repository = if host.as_str() == DOCKER_HUB && !repository.contains('/') {
            format!("library/{repository}").parse()?
        } else {
            repository.parse()?
        };
        Ok(Self { host, repository, selector })
    }
}

/// A first component is a host when it could not be part of a repository path: it has a dot, a port, or is `localhost`.
fn is_host(component: &str) -> bool {
    component.contains(['.', ':', '[']) || component == "localhost"
}

/// Splits `PLACE[:TAG][@DIGEST]`. A colon before a slash belongs to the place (a port, a drive, a directory).
fn split_selector(text: &str) -> Result<(&str, Selector), ReferenceError> {
    let (rest, digest) = match text.rsplit_once('@') {
        Some((rest, digest)) => (rest, Some(digest.parse()?)),
        None => (text, None),
    };
    let (place, tag) = match rest.rsplit_once(':') {
        Some((place, tag)) if !tag.contains('/') => (place, Some(tag.parse()?)),
        _ => (rest, None),
    };
    Ok((place, Selector { tag, digest }))
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Display for RegistryReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.host, self.repository, self.selector)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = |path: &PathBuf| crate::text::printable(&path.to_string_lossy()).into_owned();
        match self {
            Self::Registry(reference) => reference.fmt(f),
            Self::Layout { path: p, selector } => write!(f, "oci:{}{selector}", path(p)),
            Self::Archive { path: p, selector } => write!(f, "oci-archive:{}{selector}", path(p)),
            Self::DockerArchive { path: p, tag: None } => write!(f, "docker-archive:{}", path(p)),
            Self::DockerArchive { path: p, tag: Some(tag) } => {
                write!(f, "docker-archive:{}:{}", path(p), crate::text::printable(tag))
            }
            Self::Store { name, selector } => write!(f, "store:{name}{selector}"),
        }
    }
}

/// Why a reference could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// Nothing was given.
    #[error("the reference is empty")]
    Empty,
    /// Longer than any reference may be.
    #[error("the reference has {found} bytes, the limit is {}", REFERENCE_MAX_BYTES)]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// Characters that would drive a terminal.
    #[error("`{}` holds a control character", crate::text::printable(.given))]
    ControlCharacter {
        /// What was given.
        given: String,
    },
    /// A transport without a path.
    #[error("`{form}` needs a path after the colon")]
    NoPath {
        /// The transport.
        form: &'static str,
    },
    /// A name without a registry.
    #[error("`{}` does not say which registry it is in", crate::text::printable(.name))]
    ShortName {
        /// What was given.
        name: String,
        /// The full name it would have on Docker Hub.
        instead: String,
    },
    /// Another tool's way of writing.
    #[error("`{}` is another tool's form: write `{}`", crate::text::printable(.given), crate::text::printable(.instead))]
    Transport {
        /// What was given.
        given: String,
        /// What to write.
        instead: String,
    },
    /// A host, repository or tag that breaks its grammar.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A digest that breaks its grammar.
    #[error(transparent)]
    Digest(#[from] DigestError),
}
