//! `serve audit`

use anyhow::Result;
use ops::OpsError;
use ops::registry::{Audit, Found};
use ops::serve::Prepared;
use serde::Serialize;

use crate::printer::{ByteSize, Document, Text, count};
use crate::session::Session;

/// Compares what lies in blob storage with what the database names.
pub(super) async fn run(prepared: &Prepared, session: &Session) -> Result<()> {
    let audit = ops::serve::audit(prepared).await?;
    session.print(&AuditDocument::new(&audit))?;
    if audit.count() == 0 {
        return Ok(());
    }
    let configuration = &prepared.configuration;
    let root = || configuration.root.as_ref().map(|root| root.display().to_string());
    Err(OpsError::Integrity {
        location: configuration.database_url().or_else(root).unwrap_or_default(),
        message: count(usize::try_from(audit.count()).unwrap_or(usize::MAX), "fault"),
    }
    .into())
}

/// What an audit found. The names of the fields are a public interface.
#[derive(Serialize)]
struct AuditDocument {
    objects: u64,
    bytes: u64,
    copies: u64,
    journal: u64,
    blobs: u64,
    manifests: u64,
    tags: u64,
    uploads: u64,
    due: u64,
    given_up: u64,
    noted: u64,
    incomplete: FoundShape,
    faults: Vec<FaultShape>,
}

#[derive(Serialize)]
struct FaultShape {
    fault: &'static str,
    #[serde(flatten)]
    found: FoundShape,
}

#[derive(Serialize)]
struct FoundShape {
    count: u64,
    first: Vec<String>,
}

impl FoundShape {
    fn new(found: &Found) -> Self {
        Self { count: found.count, first: found.first.clone() }
    }

    /// Writes a line for each name, and one for those that are not named.
    fn text(&self, what: &str, text: &mut Text) {
        for name in &self.first {
            text.line(format_args!("{what}: {name}"));
        }
        let more = self.count.saturating_sub(self.first.len() as u64);
        if more > 0 {
            text.line(format_args!("{what}: {more} more"));
        }
    }
}

impl AuditDocument {
    fn new(audit: &Audit) -> Self {
        let fault = |(fault, found): (&ops::registry::Fault, &Found)| FaultShape {
            fault: fault.name(),
            found: FoundShape::new(found),
        };
        Self {
            objects: audit.objects,
            bytes: audit.bytes,
            copies: audit.copies,
            journal: audit.journal,
            blobs: audit.blobs,
            manifests: audit.manifests,
            tags: audit.tags,
            uploads: audit.uploads,
            due: audit.due,
            given_up: audit.given_up,
            noted: audit.noted,
            incomplete: FoundShape::new(&audit.incomplete),
            faults: audit.faults.iter().map(fault).collect(),
        }
    }
}

impl Document for AuditDocument {
    fn command(&self) -> &'static str {
        "serve-audit"
    }

    fn text(&self, text: &mut Text) {
        for fault in &self.faults {
            fault.found.text(fault.fault, text);
        }
        self.incomplete.text("incomplete", text);
        let Self { objects, copies, journal, blobs, manifests, tags, uploads, due, given_up, noted, .. } = self;
        let bytes = ByteSize(self.bytes);
        text.line(format_args!(
            "{objects} objects ({bytes}), {blobs} blobs, {manifests} manifests, {tags} tags, {uploads} uploads under way"
        ));
        text.line(format_args!("{copies} copies of manifests, {journal} parts of the journal"));
        text.line(format_args!(
            "{due} for the collector to look at, {given_up} for it to remove, {noted} changes for the journal to say"
        ));
    }
}
