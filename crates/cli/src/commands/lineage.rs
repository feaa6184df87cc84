//! `lineage`

use anyhow::Result;
use clap::Args;
use oci::{Digest, Tag};
use ops::inspect::lineage::{ImageLineage, LineageEnd, LineageReport, LineageRequest, LineageStep, STEPS_MAX};
use ops::inspect::{BaseReport, Verdict};
use serde::Serialize;

use super::describe::{one_platform, pinned};
use super::inspect::base::{self, BaseShape};
use super::inspect::identity;
use crate::printer::{Document, Text, count};
use crate::session::Session;

/// Show on what an image was built, on what that was built, and so on down
///
/// Every base stands with how many of the image's layers are its own, and with what speaks for it: an image says it of itself and the
/// layers confirm it (rung 1), the layers are byte for byte those of an image that was seen before (rung 4), or they are the same
/// uncompressed (rung 5). What an image says and its layers do not show is claimed; what they refute is contradicted.
///
/// A base is known if it was looked at, pulled or locked before, or lies in the same layout or registry. Other registries are asked only
/// with --base. With --platform the image of an index for that platform is shown.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LineageArguments {
    /// The image
    #[arg(value_name = "REF")]
    image: String,

    /// Look at this image too: a base may be it
    #[arg(long = "base", value_name = "REF")]
    bases: Vec<String>,
}

const EXAMPLES: &str = "Examples:
  supercargo lineage registry.example/shop:1.0
  supercargo lineage registry.example/shop:1.0 --base docker.io/library/alpine:3.20";

impl LineageArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let request = LineageRequest {
            reference: session.reference(&self.image)?,
            platform: one_platform(&session.settings.platforms)?,
            bases: self.bases.iter().map(|base| session.reference(base)).collect::<Result<_>>()?,
            steps: STEPS_MAX,
        };
        let report = ops::inspect::lineage::lineage(&session.context, &request).await?;
        session.print(&LineageDocument::new(&report))?;
        for note in &report.notes {
            session.printer.note(note);
        }
        let bases = report.images.iter().flat_map(|image| &image.steps).map(|step| &step.base);
        if let (Some(base), []) = (base::unchecked(bases), &request.bases[..]) {
            session.printer.note(&format!("--base {base} compares the layers with those of the base that is claimed"));
        }
        Ok(())
    }
}

/// The bases of an image. The names of the fields are a public interface.
#[derive(Serialize)]
struct LineageDocument {
    reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<Tag>,
    images: Vec<ImageShape>,
}

/// The bases of one image, the nearest first.
#[derive(Clone, Serialize)]
struct ImageShape {
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    manifest: Digest,
    layers: usize,
    steps: Vec<StepShape>,
    end: &'static str,
    #[serde(skip)]
    lines: Vec<String>,
}

#[derive(Clone, Serialize)]
struct StepShape {
    #[serde(flatten)]
    base: BaseShape,
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<String>,
}

impl LineageDocument {
    fn new(report: &LineageReport) -> Self {
        let LineageReport { location, tag, root, images, .. } = report;
        Self {
            reference: pinned(location, tag.as_ref(), &root.digest),
            tag: tag.clone(),
            images: images.iter().map(ImageShape::new).collect(),
        }
    }
}

impl ImageShape {
    fn new(image: &ImageLineage) -> Self {
        let ImageLineage { platform, manifest, layers, steps, end } = image;
        let step = |step: &LineageStep| StepShape { base: BaseShape::new(&step.base), unread: step.unread.clone() };
        Self {
            platform: platform.as_ref().map(ToString::to_string),
            manifest: *manifest,
            layers: *layers,
            steps: steps.iter().map(step).collect(),
            end: match end {
                LineageEnd::Unnamed => "unnamed",
                LineageEnd::Unproven => "unproven",
                LineageEnd::Cycle => "cycle",
                LineageEnd::Limit => "limit",
            },
            lines: lines(image),
        }
    }
}

/// Returns the lines about the bases of an image, each indented below what was built on it.
fn lines(image: &ImageLineage) -> Vec<String> {
    let mut lines = Vec::new();
    let indented = |depth: usize, text: &str| format!("{}└ {text}", "  ".repeat(depth));
    for (depth, step) in image.steps.iter().enumerate() {
        let mut of_step = step_lines(&step.base, image.layers);
        if let (Some(why), Some(last)) = (&step.unread, of_step.last_mut()) {
            *last = format!("{last}  not looked at: {why}");
        }
        lines.extend(of_step.iter().map(|line| indented(depth, line)));
    }
    let depth = image.steps.len();
    match image.end {
        LineageEnd::Unnamed if depth == 0 => lines.push(indented(0, "no base is claimed, and none is known")),
        LineageEnd::Unnamed | LineageEnd::Unproven => {}
        LineageEnd::Cycle => lines.push(indented(depth, "this was seen above: the claims go round in a circle")),
        LineageEnd::Limit => lines.push(indented(depth, "there may be more")),
    }
    lines
}

/// Returns what is claimed of a base, and what the layers show in its place.
fn step_lines(base: &BaseReport, layers: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(claim) = &base.claim {
        let (named, from) = (base::named(claim), identity::word(claim.evidence));
        lines.push(match (base.verdict, &base.proof) {
            (Verdict::Proven, Some(proof)) => {
                let found = proof.images.first().filter(|_| claim.digest.is_none());
                let named = found.map_or(named, base::reference);
                format!("{named}  {}  proven: {from} and layers (rung 1)", base::extent(proof, layers))
            }
            (Verdict::Contradicted, _) => format!("{named}  contradicted: {from}, and its layers are not the lowest"),
            _ => {
                let why = base.unchecked.as_ref().map(|why| format!(", {why}")).unwrap_or_default();
                format!("{named}  claimed: {from}{why}")
            }
        });
    }
    let shown = base.proof.as_ref().filter(|proof| proof.rung != 1);
    if let Some(proof) = shown {
        let extent = base::extent(proof, layers);
        for (position, image) in proof.images.iter().enumerate() {
            let or = if position == 0 { "" } else { "or " };
            lines.push(format!("{or}{}  {extent}  proven: layers (rung {})", base::reference(image), proof.rung));
        }
    }
    lines
}

impl Document for LineageDocument {
    fn command(&self) -> &'static str {
        "lineage"
    }

    fn text(&self, text: &mut Text) {
        text.line(format_args!("{}", self.reference));
        for image in &self.images {
            let platform = image.platform.as_deref().unwrap_or("no platform");
            text.line(format_args!("{platform}  {}  {}", image.manifest, count(image.layers, "layer")));
            for line in &image.lines {
                text.line(format_args!("{line}"));
            }
        }
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.images.clone())
    }
}
