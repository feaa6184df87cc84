//! What is printed of the artifacts of an image.

use oci::{Annotations, Digest};
use ops::artifacts::{ArtifactNode, ArtifactsReport, Relation};
use serde::Serialize;

use crate::commands::describe::{Pointer, kind, pinned};
use crate::printer::{Document, Text};

/// What refers to an image. The names of the fields are a public interface.
#[derive(Serialize)]
pub(super) struct TreeDocument {
    reference: String,
    artifacts: usize,
    root: NodeShape,
    missing: Vec<Digest>,
}

#[derive(Clone, Serialize)]
struct NodeShape {
    relation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    #[serde(flatten)]
    pointer: Pointer,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    #[serde(skip_serializing_if = "Annotations::is_empty")]
    annotations: Annotations,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<FileShape>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    below: Vec<NodeShape>,
}

#[derive(Clone, Serialize)]
struct FileShape {
    title: String,
    #[serde(flatten)]
    pointer: Pointer,
}

/// An artifact without what is about it, for one JSON document a line.
#[derive(Serialize)]
struct ArtifactLine {
    about: Digest,
    #[serde(flatten)]
    node: NodeShape,
}

impl TreeDocument {
    /// Returns what is printed of a report.
    pub(super) fn new(report: &ArtifactsReport) -> Self {
        Self {
            reference: pinned(&report.location, report.tag.as_ref(), &report.root.descriptor.digest),
            artifacts: report.root.artifact_count(),
            root: NodeShape::new(&report.root),
            missing: report.losses.iter().map(|loss| loss.node.digest).collect(),
        }
    }
}

impl NodeShape {
    fn new(node: &ArtifactNode) -> Self {
        let files = node
            .files
            .iter()
            .map(|file| FileShape { title: file.title.clone(), pointer: Pointer::from(&file.descriptor) });
        Self {
            relation: match &node.relation {
                Relation::Root => "root",
                Relation::Child(_) => "child",
                Relation::Layer => "layer",
                Relation::Subject => "subject",
                Relation::Convention(oci::name::ConventionSuffix::Signature) => "sig-tag",
                Relation::Convention(oci::name::ConventionSuffix::Attestation) => "att-tag",
                Relation::Convention(oci::name::ConventionSuffix::Sbom) => "sbom-tag",
                Relation::Attestation => "attestation",
            },
            platform: match &node.relation {
                Relation::Child(platform) => platform.as_ref().map(ToString::to_string),
                _ => None,
            },
            pointer: Pointer::from(&node.descriptor),
            artifact_type: node.artifact_type.clone(),
            annotations: node.annotations.clone(),
            files: files.collect(),
            below: node.below.iter().map(Self::new).collect(),
        }
    }

    /// Returns what a person is told of the node in one line.
    fn label(&self) -> String {
        let what = match (self.relation, &self.platform, &self.artifact_type) {
            ("child", Some(platform), _) => platform.clone(),
            ("child", None, _) => kind(&self.pointer.media_type).to_owned(),
            ("layer", ..) => "layer".to_owned(),
            ("sig-tag" | "att-tag" | "sbom-tag" | "attestation", _, kind) => {
                format!("{} ({})", kind.as_deref().unwrap_or("no type"), self.relation)
            }
            (_, _, kind) => kind.as_deref().unwrap_or("no type").to_owned(),
        };
        let titles: Vec<&str> = self.files.iter().map(|file| file.title.as_str()).collect();
        let titles = if titles.is_empty() { String::new() } else { format!("  {}", titles.join(", ")) };
        format!("{what}  {}{titles}", self.pointer.digest)
    }

    /// Writes what lies below the node, each line after `indent`.
    fn draw(&self, indent: &str, text: &mut Text) {
        for (position, node) in self.below.iter().enumerate() {
            let last = position + 1 == self.below.len();
            let (branch, further) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            text.line(format_args!("{indent}{branch}{}", node.label()));
            node.draw(&format!("{indent}{further}"), text);
        }
    }

    fn lines(&self, lines: &mut Vec<ArtifactLine>) {
        for node in &self.below {
            if !matches!(node.relation, "child" | "layer") {
                let node = Self { below: Vec::new(), ..node.clone() };
                lines.push(ArtifactLine { about: self.pointer.digest, node });
            }
            node.lines(lines);
        }
    }
}

impl Document for TreeDocument {
    fn command(&self) -> &'static str {
        "artifacts"
    }

    fn text(&self, text: &mut Text) {
        text.line(format_args!("{}", self.reference));
        self.root.draw("", text);
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        let mut lines = Vec::new();
        self.root.lines(&mut lines);
        Some(lines)
    }
}
