//! `why`

use anyhow::Result;
use clap::Args;
use oci::Digest;
use ops::tree::{Asked, Reason};
use serde::Serialize;

use super::locking;
use crate::printer::{Document, Text};
use crate::session::Session;

/// Show why an image is locked as it is
///
/// `candidates` shows the versions that were not taken. A lock that is not up to date is brought up to date first; otherwise no
/// registry is asked.
///
/// Example: supercargo why query
#[derive(Args, Debug)]
pub(crate) struct WhyArguments {
    /// The image, as the project calls it
    #[arg(value_name = "NAME")]
    name: String,
}

impl WhyArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let open = locking::current(session, false).await?;
        let reason = ops::tree::why(&open, &self.name)?;
        session.print(&WhyDocument::of(&reason))
    }
}

/// Why an image is locked as it is. The names of the fields are a public interface.
#[derive(Serialize)]
struct WhyDocument {
    name: String,
    repository: String,
    version: String,
    tag: String,
    digest: Digest,
    chosen: String,
    created: Option<String>,
    created_from: Option<&'static str>,
    file: String,
    asked: Vec<AskedShape>,
    needed_by: Vec<NeedShape>,
    needs: Vec<String>,
    conflicts: Vec<String>,
}

#[derive(Serialize)]
struct AskedShape {
    what: String,
    file: String,
    line: usize,
}

#[derive(Serialize)]
struct NeedShape {
    name: String,
    what: String,
    /// Whether the publisher of that image says so, and not the project.
    declared: bool,
}

impl AskedShape {
    fn of(asked: &Asked) -> Self {
        let file = asked.position.file.display().to_string();
        Self { what: asked.what.clone(), file, line: asked.position.line }
    }
}

impl WhyDocument {
    fn of(reason: &Reason) -> Self {
        let image = &reason.locked;
        Self {
            name: reason.name.clone(),
            repository: image.repository.to_string(),
            version: image.version.clone(),
            tag: image.tag.to_string(),
            digest: image.digest,
            chosen: image.chosen.clone(),
            created: image.created.clone(),
            created_from: image.created_from.map(ops::resolve::lock::TimeSource::as_str),
            file: reason.file.display().to_string(),
            asked: reason.asked.iter().map(AskedShape::of).collect(),
            needed_by: needed_by(reason),
            needs: image.requires.clone(),
            conflicts: image.conflicts.clone(),
        }
    }

    /// Returns what a word for the choice means.
    fn chosen(&self) -> String {
        match self.chosen.split_once(':') {
            Some(("follows", other)) => format!("it has the version of {other}"),
            Some(("forced-by", other)) => format!("it is the newest that goes with {other}"),
            _ => match self.chosen.as_str() {
                "highest" => "it is the newest that is wanted".to_owned(),
                "lowest" => "it is the oldest that is wanted".to_owned(),
                "precise" => "it was asked for by `update --precise`".to_owned(),
                other => other.to_owned(),
            },
        }
    }
}

fn needed_by(reason: &Reason) -> Vec<NeedShape> {
    let needed = reason.needed_by.iter().map(|need| NeedShape {
        declared: reason.declared_by.contains(need),
        name: need.0.clone(),
        what: need.1.clone(),
    });
    let excluded = reason.conflicts_of.iter().map(|(name, what)| NeedShape {
        declared: true,
        name: name.clone(),
        what: format!("other than {what}"),
    });
    needed.chain(excluded).collect()
}

impl Document for WhyDocument {
    fn command(&self) -> &'static str {
        "why"
    }

    fn text(&self, text: &mut Text) {
        text.line(format_args!("{} {}  {}:{}@{}", self.name, self.version, self.repository, self.tag, self.digest));
        text.line(format_args!("  chosen: {}", self.chosen()));
        for AskedShape { what, file, line } in &self.asked {
            text.line(format_args!("  asked:  {what}  ({file}:{line})"));
        }
        for NeedShape { name, what, declared } in &self.needed_by {
            let by = if *declared { "  (declared by its publisher)" } else { "" };
            text.line(format_args!("  needed: by {name}, {what}{by}"));
        }
        for need in &self.needs {
            text.line(format_args!("  needs:  {need}"));
        }
        for conflict in &self.conflicts {
            text.line(format_args!("  not with: {conflict}  (declared by its publisher)"));
        }
        if let (Some(created), Some(from)) = (&self.created, self.created_from) {
            let from = if from == "referrer" { "package descriptor" } else { from };
            text.line(format_args!("  made:   {created}, says its {from}"));
        }
    }
}
