//! What is printed of what a publisher says of an image as a package.

use oci::Digest;
use oci::package::PackageEdge;
use ops::inspect::ReadPackage;
use serde::Serialize;

use crate::printer::Table;

/// What a publisher says of an image. The names of the fields are a public interface.
#[derive(Serialize)]
pub(super) struct PackageShape {
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact: Option<Digest>,
    #[serde(flatten)]
    content: Content,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content {
    Read {
        requires: Vec<EdgeShape>,
        conflicts: Vec<EdgeShape>,
        provides: Vec<EdgeShape>,
        #[serde(skip_serializing_if = "Option::is_none")]
        supersedes: Option<String>,
    },
    Unreadable {
        error: String,
    },
}

#[derive(Serialize)]
struct EdgeShape {
    repository: String,
    requirement: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
}

impl PackageShape {
    pub(super) fn new(read: &ReadPackage) -> Self {
        let edges = |edges: &[PackageEdge]| edges.iter().map(EdgeShape::new).collect();
        let content = match &read.package {
            Ok(package) => Content::Read {
                requires: edges(&package.requires),
                conflicts: edges(&package.conflicts),
                provides: edges(&package.provides),
                supersedes: package.supersedes.as_ref().map(ToString::to_string),
            },
            Err(error) => Content::Unreadable { error: error.clone() },
        };
        Self { artifact: read.artifact, content }
    }
}

impl EdgeShape {
    fn new(edge: &PackageEdge) -> Self {
        Self {
            repository: edge.repository.to_string(),
            requirement: edge.requirement.clone(),
            platform: edge.platform.as_ref().map(ToString::to_string),
        }
    }
}

/// Adds the rows of what a publisher says of other images.
pub(super) fn rows(table: &mut Table, read: &ReadPackage) {
    let from =
        read.artifact.map_or_else(|| "annotation".to_owned(), |artifact| format!("artifact {}", artifact.short()));
    let package = match &read.package {
        Ok(package) => package,
        Err(error) => {
            table.row(["package", &from, &format!("cannot be read: {error}")]);
            return;
        }
    };
    let said = [("requires", &package.requires), ("conflicts", &package.conflicts), ("provides", &package.provides)];
    for (name, edges) in said {
        for edge in edges {
            table.row([name, &from, &edge.to_string()]);
        }
    }
    if let Some(other) = &package.supersedes {
        table.row(["supersedes", &from, &other.to_string()]);
    }
}
