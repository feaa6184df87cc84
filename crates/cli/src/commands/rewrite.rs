//! `rewrite`

use anyhow::Result;
use clap::Args;
use ops::project::OpenProject;
use ops::rewrite::{ChangedReference, LeftReference, RewriteReport};
use serde::Serialize;

use crate::exit::AnswerIsNo;
use crate::printer::{Document, Table, Text, count};
use crate::session::Session;

/// Put the locked references into the files of the project's targets
///
/// The targets are the `[[targets]]` of Supercargo.toml: Kubernetes manifests, Compose files, Helm values, kustomizations, Dockerfiles,
/// bake files and devcontainers; in their `paths`, `*` stands for a part of a name and `**` for directories. Only the bytes of references change. All files are checked before the first is written, each is
/// replaced whole, and --undo puts back what stood there, even after the program was killed.
#[derive(Args, Debug)]
#[command(after_help = "Example: supercargo rewrite --check")]
pub(crate) struct RewriteArguments {
    /// Only tell whether the files are as they should be: exit code 1 when one would change; nothing is written
    #[arg(long)]
    check: bool,

    /// Take the last rewrite back; nothing is written when one of its files was changed since
    #[arg(long, conflicts_with = "check")]
    undo: bool,

    /// Show what would change and write nothing
    #[arg(long, conflicts_with = "check")]
    dry_run: bool,
}

impl RewriteArguments {
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        let open = OpenProject::read(&session.settings.project)?;
        if self.undo {
            let files = ops::rewrite::undo(&open, self.dry_run)?;
            let what = if self.dry_run { "would be put back" } else { "put back" };
            let note = format!("{} {what}", count(files.len(), "file"));
            session.print(&UndoDocument { restored: files, written: !self.dry_run })?;
            session.printer.note(&note);
            return Ok(());
        }
        let report = ops::rewrite::rewrite(&open, self.dry_run || self.check)?;
        let note = note(&report);
        let is_done = report.changed.is_empty();
        session.print(&RewriteDocument::new(report))?;
        session.printer.note(&note);
        if self.check && !is_done {
            return Err(AnswerIsNo.into());
        }
        Ok(())
    }
}

fn note(report: &RewriteReport) -> String {
    let mut parts = vec![match (report.changed.len(), report.written) {
        (0, _) => format!("{} in {} as locked", count(report.kept, "reference"), count(report.files_read, "file")),
        (changed, true) => {
            format!("{} in {} rewritten", count(changed, "reference"), count(report.files.len(), "file"))
        }
        (changed, false) => {
            format!("{} in {} would change", count(changed, "reference"), count(report.files.len(), "file"))
        }
    }];
    if report.strangers > 0 {
        parts.push(format!("{} to images outside of the project", count(report.strangers, "reference")));
    }
    if !report.left.is_empty() {
        parts.push(format!("{} left alone, which --format json lists", report.left.len()));
    }
    parts.join("; ")
}

/// What a rewrite did. The names of the fields are a public interface.
#[derive(Serialize)]
struct RewriteDocument {
    written: bool,
    files: Vec<String>,
    files_read: usize,
    kept: usize,
    not_in_project: usize,
    changed: Vec<ChangedShape>,
    left: Vec<LeftShape>,
}

#[derive(Clone, Serialize)]
struct ChangedShape {
    file: String,
    line: usize,
    column: usize,
    path: String,
    image: String,
    old: String,
    new: String,
}

#[derive(Serialize)]
struct LeftShape {
    file: String,
    line: usize,
    column: usize,
    text: String,
    reason: String,
}

impl RewriteDocument {
    fn new(report: RewriteReport) -> Self {
        let changed = |one: ChangedReference| {
            let ChangedReference { file, line, column, path, image, old, new } = one;
            ChangedShape { file, line, column, path, image, old, new }
        };
        let left = |one: LeftReference| {
            let LeftReference { file, line, column, text, reason } = one;
            LeftShape { file, line, column, text, reason }
        };
        Self {
            written: report.written,
            files: report.files,
            files_read: report.files_read,
            kept: report.kept,
            not_in_project: report.strangers,
            changed: report.changed.into_iter().map(changed).collect(),
            left: report.left.into_iter().map(left).collect(),
        }
    }
}

impl Document for RewriteDocument {
    fn command(&self) -> &'static str {
        "rewrite"
    }

    fn text(&self, text: &mut Text) {
        let mut table = Table::new(&["WHERE", "OLD", "NEW"]);
        for one in &self.changed {
            let place = format!("{}:{}:{}", one.file, one.line, one.column);
            table.row([&place, &one.old, &one.new]);
        }
        text.table(&table);
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.changed.clone())
    }
}

/// What taking a rewrite back did. The names of the fields are a public interface.
#[derive(Serialize)]
struct UndoDocument {
    written: bool,
    restored: Vec<String>,
}

impl Document for UndoDocument {
    fn command(&self) -> &'static str {
        "rewrite-undo"
    }

    fn text(&self, text: &mut Text) {
        for file in &self.restored {
            text.line(format_args!("{file}"));
        }
    }
}
