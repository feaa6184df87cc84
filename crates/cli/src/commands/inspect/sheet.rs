//! What is printed of an image.

use oci::{Descriptor, Digest, Platform, Tag, annotation};
use ops::inspect::{Evidence, ImageSheet, InspectReport};
use serde::Serialize;

use crate::commands::describe::{Pointer, kind, pinned};
use crate::printer::{ByteSize, Document, Table, Text};

/// What an image is. The names of the fields are a public interface.
#[derive(Serialize)]
pub(super) struct Sheet {
    reference: String,
    repository: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<Tag>,
    manifest: Pointer,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Pointer>,
    identity: Vec<FactShape>,
    images: Vec<ImageShape>,
    attached: Vec<AttachedShape>,
    missing: Vec<Digest>,
}

#[derive(Serialize)]
struct FactShape {
    name: &'static str,
    value: String,
    evidence: &'static str,
}

#[derive(Serialize)]
struct ImageShape {
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    manifest: Pointer,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<Pointer>,
    layers: Vec<LayerShape>,
}

#[derive(Serialize)]
struct LayerShape {
    #[serde(flatten)]
    pointer: Pointer,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
}

#[derive(Serialize)]
struct AttachedShape {
    artifact_type: String,
    count: usize,
}

impl Sheet {
    /// Returns what is printed of a report.
    pub(super) fn new(report: &InspectReport) -> Self {
        let manifest = &report.manifest;
        let facts = report.identity.iter().map(|fact| FactShape {
            name: fact.name,
            value: fact.value.clone(),
            evidence: match fact.evidence {
                Evidence::Annotation => "annotation",
                Evidence::Label => "label",
                Evidence::Configuration => "configuration",
            },
        });
        let attached = report
            .attached
            .iter()
            .map(|attached| AttachedShape { artifact_type: attached.artifact_type.clone(), count: attached.count });
        Self {
            reference: pinned(&report.location, report.tag.as_ref(), manifest.digest()),
            repository: report.location.clone(),
            tag: report.tag.clone(),
            manifest: Pointer::from(&manifest.descriptor()),
            kind: kind(manifest.media_type()),
            artifact_type: manifest.artifact_type().map(str::to_owned),
            subject: manifest.subject().map(Pointer::from),
            identity: facts.collect(),
            images: report.images.iter().map(ImageShape::new).collect(),
            attached: attached.collect(),
            missing: report.missing.iter().map(|node| node.digest).collect(),
        }
    }

    fn facts(&self) -> Table {
        let mut table = Table::new(&[]);
        let mut row = |name: &str, value: &str| table.row([&format!("  {name}"), value]);
        row("type", &format!("{} ({}, {})", self.manifest.media_type, self.kind, ByteSize(self.manifest.bytes)));
        if let Some(artifact_type) = &self.artifact_type {
            row("artifact", artifact_type);
        }
        if let Some(subject) = &self.subject {
            row("subject", &subject.digest.to_string());
        }
        for fact in &self.identity {
            row(fact.name, &fact.value);
        }
        table
    }

    fn images(&self) -> Table {
        let mut table = Table::new(&["PLATFORM", "SIZE", "LAYERS", "DIGEST"]).right(1).right(2);
        for image in &self.images {
            table.row([
                image.platform.as_deref().unwrap_or("none"),
                &ByteSize(image.bytes).to_string(),
                &image.layers.len().to_string(),
                &image.manifest.digest.to_string(),
            ]);
        }
        table
    }

    fn layers(&self) -> Table {
        // Of several images the layers would hide the rest; --platform shows those of one.
        let [image] = &self.images[..] else { return Table::default() };
        let titled = image.layers.iter().any(|layer| layer.title.is_some());
        let header = ["LAYER", "SIZE", "TYPE", "FILE"];
        let mut table = Table::new(if titled { &header } else { &header[..3] }).right(1);
        for layer in &image.layers {
            let LayerShape { pointer, title } = layer;
            let size = ByteSize(pointer.bytes).to_string();
            let title = title.as_deref().unwrap_or_default();
            table.row([&pointer.digest.to_string(), &size, pointer.media_type.as_str(), title]);
        }
        table
    }

    fn attachments(&self) -> Table {
        let mut table = Table::new(&["ATTACHED", "COUNT"]).right(1);
        for attached in &self.attached {
            table.row([&attached.artifact_type, &attached.count.to_string()]);
        }
        table
    }
}

impl ImageShape {
    fn new(sheet: &ImageSheet) -> Self {
        Self {
            platform: sheet.platform.as_ref().map(Platform::to_string),
            manifest: Pointer::from(&sheet.descriptor),
            bytes: sheet.bytes(),
            config: sheet.config.as_ref().map(Pointer::from),
            layers: sheet.layers.iter().map(LayerShape::new).collect(),
        }
    }
}

impl LayerShape {
    fn new(layer: &Descriptor) -> Self {
        Self { pointer: Pointer::from(layer), title: layer.annotation(annotation::TITLE).map(str::to_owned) }
    }
}

impl Document for Sheet {
    fn command(&self) -> &'static str {
        "inspect"
    }

    fn text(&self, text: &mut Text) {
        text.line(format_args!("{}", self.reference));
        text.table(&self.facts());
        let tables = [self.images(), self.layers(), self.attachments()];
        for table in tables.iter().filter(|table| !table.is_empty()) {
            text.gap();
            text.table(table);
        }
    }
}
