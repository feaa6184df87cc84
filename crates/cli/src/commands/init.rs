//! `init`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use oci::text::printable;
use ops::import::{ImportReport, ImportRequest};
use ops::resolve::resolution::Update;
use serde::Serialize;

use super::locking::ChoiceArguments;
use crate::exit::Unread;
use crate::printer::{Document, Table, Text, count, warn};
use crate::session::Session;

/// Make a project in this directory
///
/// With --from its images are those that files name: Kubernetes manifests, Compose files, Helm values, kustomizations, Dockerfiles,
/// bake files, devcontainers, and the lists of imgpkg, docker-lock, regsync and skopeo. Of each repository and variant the project
/// then wants what goes with the tag that is named, and `supercargo rewrite` puts what is locked back into the files.
///
/// Example: supercargo init --from compose.yaml deploy/
#[derive(Args, Debug)]
pub(crate) struct InitArguments {
    /// What the application is called [default: the name of the directory]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Files that name images, and directories with such files
    #[arg(long, value_name = "FILE|DIR", num_args = 1..)]
    from: Vec<PathBuf>,

    /// Write no Supercargo.lock
    #[arg(long, requires = "from")]
    no_lock: bool,

    /// Show what would be written and write nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    choice: ChoiceArguments,
}

impl InitArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        if !self.from.is_empty() {
            return self.import(session).await;
        }
        let request = ops::init::InitRequest { name: self.name, dry_run: self.dry_run };
        let report = ops::init::init(&session.settings.project, &request)?;
        let file = report.file.display().to_string();
        let content = self.dry_run.then_some(report.text);
        session.print(&InitDocument { file, content, ..InitDocument::default() })
    }

    async fn import(self, session: &Session) -> Result<()> {
        let request = ImportRequest { sources: self.from, name: self.name, lock: !self.no_lock, dry_run: self.dry_run };
        let options = self.choice.options(session, Update::Needed)?;
        let place = &session.settings.project;
        let report = ops::import::import(&session.context, place, &request, &options).await?;
        let lock_warnings = report.lock.iter().flat_map(|lock| &lock.warnings);
        for warning in report.warnings.iter().chain(lock_warnings) {
            warn(warning);
        }
        report.unread.iter().for_each(|entry| warn(&format!("left out: {entry}")));
        for skipped in &report.skipped {
            let text = printable(&skipped.text);
            session.printer.note(&format!("left out: {} `{text}`: {}", skipped.place, skipped.reason));
        }
        let (images, targets) = (count(report.images.len(), "image"), count(report.targets.len(), "file"));
        let next = match (self.dry_run, report.lock.is_some()) {
            (true, _) => "; nothing was written",
            (false, true) => ".   run: supercargo rewrite",
            (false, false) => ".   run: supercargo lock",
        };
        let unread = Unread(report.unread.len());
        session.print(&InitDocument::new(report, self.dry_run))?;
        session.printer.note(&format!("{images} of {targets}{next}"));
        unread.outcome()
    }
}

/// The project that was made. The names of the fields are a public interface.
#[derive(Default, Serialize)]
struct InitDocument {
    file: String,
    content: Option<String>,
    images: Vec<String>,
    proposed: Vec<ProposedShape>,
    targets: Vec<String>,
    skipped: Vec<SkippedShape>,
    warnings: Vec<String>,
}

/// An image of the project, as it was found.
#[derive(Serialize)]
struct ProposedShape {
    name: String,
    repository: String,
    version: Option<String>,
    variant: Option<String>,
    tag: Option<String>,
    locked: Option<String>,
}

#[derive(Serialize)]
struct SkippedShape {
    place: String,
    text: String,
    reason: String,
}

impl InitDocument {
    fn new(report: ImportReport, dry_run: bool) -> Self {
        let locked = |name: &String| Some(report.lock.as_ref()?.lock.images.get(name)?.tag.to_string());
        let proposed = report.images.iter().map(|image| {
            let addition = image.addition.clone();
            ProposedShape {
                locked: locked(&addition.name),
                name: addition.name,
                repository: addition.repository,
                version: addition.version,
                variant: addition.variant,
                tag: addition.template,
            }
        });
        Self {
            proposed: proposed.collect(),
            images: report.images.iter().map(|image| image.addition.name.clone()).collect(),
            file: report.file.display().to_string(),
            content: dry_run.then_some(report.text),
            targets: report.targets,
            skipped: report
                .skipped
                .into_iter()
                .map(|skipped| SkippedShape { place: skipped.place, text: skipped.text, reason: skipped.reason })
                .collect(),
            warnings: report.warnings.into_iter().chain(report.unread).collect(),
        }
    }
}

impl Document for InitDocument {
    fn command(&self) -> &'static str {
        "init"
    }

    fn text(&self, text: &mut Text) {
        if let Some(content) = &self.content {
            return content.lines().for_each(|line| text.line(format_args!("{line}")));
        }
        text.line(format_args!("{}", self.file));
        let mut table = Table::new(&["IMAGE", "REPOSITORY", "WANTED", "VARIANT", "LOCKED"]);
        for image in &self.proposed {
            let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            let wanted = image.version.clone().or_else(|| image.tag.clone());
            table.row([
                image.name.clone(),
                image.repository.clone(),
                or_dash(&wanted),
                or_dash(&image.variant),
                or_dash(&image.locked),
            ]);
        }
        text.table(&table);
    }
}
