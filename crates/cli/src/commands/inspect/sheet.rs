//! What is printed of an image.

use oci::{Descriptor, Digest, ManifestKind, Platform, Tag, annotation};
use ops::inspect::{ImageSheet, InspectReport};
use serde::Serialize;

use super::base::{self, BaseShape};
use super::identity::{self, FactShape};
use super::life::{self, LifeCycleShape};
use super::package::{self, PackageShape};
use crate::commands::describe::{Pointer, kind, pinned};
use crate::printer::{ByteSize, Document, Table, Text};

/// What an image is. The names of the fields are a public interface.
#[derive(Serialize)]
pub(super) struct Sheet<'a> {
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
    unstated: Vec<&'static str>,
    life_cycle: LifeCycleShape,
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<PackageShape>,
    images: Vec<ImageShape>,
    #[serde(skip_serializing_if = "is_zero")]
    configs_unread: usize,
    attached: Vec<AttachedShape>,
    missing: Vec<Digest>,
    #[serde(skip)]
    report: &'a InspectReport,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
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
    /// What is said of this image alone; of the only image that is the same as what is said of the whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    identity: Vec<FactShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<BaseShape>,
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

impl<'a> Sheet<'a> {
    /// Returns what is printed of a report.
    pub(super) fn new(report: &'a InspectReport) -> Self {
        let manifest = &report.manifest;
        let is_index = manifest.kind() == ManifestKind::Index;
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
            identity: report.identity.iter().map(FactShape::new).collect(),
            unstated: report.unstated.clone(),
            life_cycle: LifeCycleShape::new(&report.life_cycle),
            package: report.package.as_ref().map(PackageShape::new),
            images: report.images.iter().map(|image| ImageShape::new(image, is_index)).collect(),
            configs_unread: report.configs_unread,
            attached: attached.collect(),
            missing: report.missing.iter().map(|node| node.digest).collect(),
            report,
        }
    }

    fn manifest(&self) -> Table {
        let mut table = Table::new(&[]);
        let mut row = |name: &str, value: &str| table.row([&format!("  {name}"), value]);
        row("type", &format!("{} ({}, {})", self.manifest.media_type, self.kind, ByteSize(self.manifest.bytes)));
        if let Some(artifact_type) = &self.artifact_type {
            row("artifact", artifact_type);
        }
        if let Some(subject) = &self.subject {
            row("subject", &subject.digest.to_string());
        }
        table
    }

    fn facts(&self) -> Table {
        let (report, images) = (self.report, self.images.len());
        let mut table = Table::new(&["FACT", "FROM", "VALUE"]);
        life::rows(&mut table, &report.life_cycle, images);
        // What is claimed of the base is shown with what its layers say to that.
        let judged = report.images.iter().any(|image| image.base.is_some());
        for fact in report.identity.iter().filter(|fact| !judged || fact.name != "base") {
            identity::rows(&mut table, fact, images);
        }
        base::rows(&mut table, &report.images);
        if let Some(package) = &report.package {
            package::rows(&mut table, package);
        }
        if !self.unstated.is_empty() {
            table.row(["unstated", "", &self.unstated.join(", ")]);
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
    fn new(sheet: &ImageSheet, is_one_of_many: bool) -> Self {
        Self {
            platform: sheet.platform.as_ref().map(Platform::to_string),
            manifest: Pointer::from(&sheet.descriptor),
            bytes: sheet.bytes(),
            config: sheet.config.as_ref().map(Pointer::from),
            layers: sheet.layers.iter().map(LayerShape::new).collect(),
            identity: sheet.identity.iter().filter(|_| is_one_of_many).map(FactShape::new).collect(),
            base: sheet.base.as_ref().map(BaseShape::new),
        }
    }
}

impl LayerShape {
    fn new(layer: &Descriptor) -> Self {
        Self { pointer: Pointer::from(layer), title: layer.annotation(annotation::TITLE).map(str::to_owned) }
    }
}

impl Document for Sheet<'_> {
    fn command(&self) -> &'static str {
        "inspect"
    }

    fn text(&self, text: &mut Text) {
        text.line(format_args!("{}", self.reference));
        text.table(&self.manifest());
        let tables = [self.facts(), self.images(), self.layers(), self.attachments()];
        for table in tables.iter().filter(|table| !table.is_empty()) {
            text.gap();
            text.table(table);
        }
    }
}
