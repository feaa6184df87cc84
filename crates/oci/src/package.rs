//! Package descriptors: what the publisher of an image says of it as a package (docs/formats/package.md).
//!
//! A descriptor is an artifact about the image with a body in JSON. Where it is too much, annotations of the image say the most
//! important of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use crate::date::Timestamp;
use crate::descriptor::Annotations;
use crate::json::bounded_list;
use crate::limits::{
    PACKAGE_EDGES_MAX, PACKAGE_MAX_BYTES, PACKAGE_REQUIREMENT_MAX_BYTES as REQUIREMENT_MAX_BYTES,
    PACKAGE_TEXT_MAX_BYTES as TEXT_MAX_BYTES,
};
use crate::platform::Platform;
use crate::reference::{RegistryReference, Selector};

/// Type of an artifact that describes an image as a package.
pub const ARTIFACT_TYPE: &str = "application/vnd.supercargo.package.v1+json";

/// The annotation that holds what an image needs of others, as `REPOSITORY REQUIREMENT` with `;` between them.
pub const REQUIRES: &str = "vnd.supercargo.requires";

/// The annotation that holds what an image does not go with, in the same form.
pub const CONFLICTS: &str = "vnd.supercargo.conflicts";

const SCHEMA: &str = "supercargo.package.v1";

/// The requirement of whoever needs any version.
const ANY: &str = "*";

/// What the publisher of an image says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Package {
    /// What it is called.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Its licence, as an SPDX expression.
    pub license: Option<String>,
    /// Who supplies it.
    pub supplier: Option<String>,
    /// Where its source is.
    pub source: Option<String>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// What it needs of others.
    pub requires: Vec<PackageEdge>,
    /// What of others it does not go with.
    pub conflicts: Vec<PackageEdge>,
    /// What it can stand in for.
    pub provides: Vec<PackageEdge>,
    /// The repository whose place it takes.
    pub supersedes: Option<RegistryReference>,
}

/// Versions of an image in another repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageEdge {
    /// The repository. Its selector is empty.
    pub repository: RegistryReference,
    /// The versions, in the grammar of requirements; `*` for any. What it means depends on how the other's versions are written, so
    /// it is read where that is known.
    pub requirement: String,
    /// The platform for which alone this is so.
    pub platform: Option<Platform>,
}

impl fmt::Display for PackageEdge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.repository, self.requirement)?;
        self.platform.as_ref().map_or(Ok(()), |platform| write!(f, " on {platform}"))
    }
}

#[derive(Deserialize)]
struct Document {
    schema: String,
    name: Option<Line>,
    version: Option<Line>,
    license: Option<Line>,
    supplier: Option<Line>,
    source: Option<Line>,
    created: Option<Read<Timestamp>>,
    #[serde(default, deserialize_with = "edges")]
    requires: Vec<Edge>,
    #[serde(default, deserialize_with = "edges")]
    conflicts: Vec<Edge>,
    #[serde(default, deserialize_with = "edges")]
    provides: Vec<Edge>,
    supersedes: Option<Repository>,
}

#[derive(Deserialize)]
struct Edge {
    repository: Repository,
    requirement: Option<Words>,
    platform: Option<Read<Platform>>,
}

/// One line of text for people.
struct Line(String);

/// The text of a requirement.
struct Words(String);

/// A repository without tag and digest.
struct Repository(RegistryReference);

/// What can be read of a text. That it is read while the document is, lets an error say the line and the column.
struct Read<T>(T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Read<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bounded(String::deserialize(deserializer)?, TEXT_MAX_BYTES).map(Self).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        requirement(&String::deserialize(deserializer)?).map(Self).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Repository {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        repository(&String::deserialize(deserializer)?).map(Self).map_err(serde::de::Error::custom)
    }
}

fn edges<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Edge>, D::Error> {
    bounded_list::<_, _, PACKAGE_EDGES_MAX>(deserializer)
}

fn bounded(text: String, most: usize) -> Result<String, String> {
    match text.len() {
        found if found > most => Err(format!("a text of {found} bytes, the limit is {most}")),
        _ => Ok(text),
    }
}

fn requirement(text: &str) -> Result<String, String> {
    let text = bounded(text.trim().to_owned(), REQUIREMENT_MAX_BYTES)?;
    if text.is_empty() {
        return Err("an empty requirement; `*` stands for any version".to_owned());
    }
    if text.chars().any(char::is_control) { Err("a control character in a requirement".to_owned()) } else { Ok(text) }
}

fn repository(text: &str) -> Result<RegistryReference, String> {
    let reference: RegistryReference = text.parse().map_err(|error| format!("{error}"))?;
    if reference.selector == Selector::default() {
        Ok(reference)
    } else {
        Err(format!("`{}` names an image, not a repository", crate::text::printable(text)))
    }
}

impl Package {
    /// Reads the body of an artifact of [`ARTIFACT_TYPE`]. Fields of later versions are left out.
    ///
    /// # Errors
    /// [`PackageError`] says what is wrong, and on which line and in which column where that is known.
    pub fn parse(bytes: &[u8]) -> Result<Self, PackageError> {
        if bytes.len() > PACKAGE_MAX_BYTES {
            return Err(PackageError::TooLarge { found: bytes.len() });
        }
        let document: Document = crate::json::object(bytes).map_err(PackageError::Json)?;
        if document.schema != SCHEMA {
            return Err(PackageError::Schema(document.schema.chars().take(80).collect()));
        }
        let line = |line: Option<Line>| line.map(|line| line.0);
        let edges = |edges: Vec<Edge>| edges.into_iter().map(PackageEdge::from).collect();
        Ok(Self {
            name: line(document.name),
            version: line(document.version),
            license: line(document.license),
            supplier: line(document.supplier),
            source: line(document.source),
            created: document.created.map(|created| created.0),
            requires: edges(document.requires),
            conflicts: edges(document.conflicts),
            provides: edges(document.provides),
            supersedes: document.supersedes.map(|supersedes| supersedes.0),
        })
    }

    /// Reads what the annotations of an image say in the place of a descriptor; `None` when they say nothing of it.
    ///
    /// # Errors
    /// [`PackageError::Annotation`] names the annotation and what of it cannot be read.
    pub fn from_annotations(annotations: &Annotations) -> Result<Option<Self>, PackageError> {
        let read = |key: &'static str| match annotations.get(key) {
            Some(text) => annotated(text).map_err(|reason| PackageError::Annotation { key, reason }).map(Some),
            None => Ok(None),
        };
        Ok(match (read(REQUIRES)?, read(CONFLICTS)?) {
            (None, None) => None,
            (requires, conflicts) => Some(Self {
                requires: requires.unwrap_or_default(),
                conflicts: conflicts.unwrap_or_default(),
                ..Self::default()
            }),
        })
    }
}

impl From<Edge> for PackageEdge {
    fn from(edge: Edge) -> Self {
        Self {
            repository: edge.repository.0,
            requirement: edge.requirement.map_or_else(|| ANY.to_owned(), |words| words.0),
            platform: edge.platform.map(|platform| platform.0),
        }
    }
}

/// Reads `REPOSITORY REQUIREMENT; REPOSITORY REQUIREMENT`.
fn annotated(text: &str) -> Result<Vec<PackageEdge>, String> {
    if text.len() > PACKAGE_MAX_BYTES {
        return Err(format!("it has {} bytes, the limit is {PACKAGE_MAX_BYTES}", text.len()));
    }
    let mut edges = Vec::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        if edges.len() == PACKAGE_EDGES_MAX {
            return Err(format!("more than {PACKAGE_EDGES_MAX} parts"));
        }
        let (name, wanted) = part.split_once(char::is_whitespace).unwrap_or((part, ANY));
        edges.push(PackageEdge { repository: repository(name)?, requirement: requirement(wanted)?, platform: None });
    }
    Ok(edges)
}

/// Why a package descriptor cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// More bytes than are read into memory.
    #[error("package descriptor has {found} bytes, the limit is {}", PACKAGE_MAX_BYTES)]
    TooLarge {
        /// Its size in bytes.
        found: usize,
    },
    /// Not JSON of this shape.
    #[error("package descriptor: {}", crate::text::printable(&.0.to_string()))]
    Json(#[source] serde_json::Error),
    /// A version that is not known here, or something else.
    #[error("package descriptor has the schema `{}`, not `{}`", crate::text::printable(.0), SCHEMA)]
    Schema(String),
    /// An annotation that cannot be read.
    #[error("annotation {key}: {}", crate::text::printable(.reason))]
    Annotation {
        /// The annotation.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl PackageError {
    /// Returns the line and the column where the document cannot be read, both from 1.
    pub fn place(&self) -> Option<(usize, usize)> {
        match self {
            Self::Json(error) if error.line() > 0 => Some((error.line(), error.column())),
            _ => None,
        }
    }
}
