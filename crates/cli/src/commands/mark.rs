//! `mark`

use anyhow::Result;
use clap::{ArgGroup, Args};
use oci::{Date, Mark, RegistryReference};
use ops::mark::MarkRequest;
use serde::Serialize;

use super::describe::{Pointer, one_platform};
use crate::printer::{Document, Text};
use crate::session::Session;

/// Say what became of an image: yanked, deprecated, at the end of its life, superseded
///
/// The image stays as it is: the mark is an artifact about it, of type application/vnd.supercargo.lifecycle.v1, and inspect shows it.
/// A mark about an index counts for all of its images. Prints the digest of the artifact; to take the mark back, delete that.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("state").required(true).multiple(true)), after_long_help = EXAMPLES)]
pub(crate) struct MarkArguments {
    /// The image; with --platform, one of an index
    #[arg(value_name = "REF")]
    image: String,

    /// Publishing it was a mistake: nothing new should take it
    #[arg(long, group = "state")]
    yanked: bool,

    /// There is something better
    #[arg(long, group = "state")]
    deprecated: bool,

    /// From this day on it is not looked after, as in 2027-01-31
    #[arg(long, value_name = "DATE", group = "state")]
    eol: Option<Date>,

    /// What to use in its place
    #[arg(long, value_name = "REF", group = "state")]
    superseded_by: Option<RegistryReference>,

    /// Why, for people
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// Say which artifact would be made, and change nothing
    #[arg(long)]
    dry_run: bool,
}

const EXAMPLES: &str = "Examples:
  supercargo mark registry.example/shop:1.0 --yanked --reason 'the licence file is missing'
  supercargo mark registry.example/shop:1.0 --eol 2027-01-31 --superseded-by registry.example/shop:2.0";

impl MarkArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let request = MarkRequest {
            reference: session.reference(&self.image)?,
            platform: one_platform(&session.settings.platforms)?,
            mark: Mark {
                yanked: self.yanked,
                deprecated: self.deprecated,
                end_of_life: self.eol,
                superseded_by: self.superseded_by,
                reason: self.reason,
            },
            now: session.now(),
            dry_run: self.dry_run,
        };
        let report = ops::mark::mark(&session.context, &request, session.progress()).await?;
        session.print(&MarkDocument {
            dry_run: request.dry_run,
            repository: report.location,
            manifest: Pointer::from(&report.artifact),
            subject: Pointer::from(&report.subject),
        })
    }
}

/// What was said of what. The names of the fields are a public interface.
#[derive(Serialize)]
struct MarkDocument {
    dry_run: bool,
    repository: String,
    manifest: Pointer,
    subject: Pointer,
}

impl Document for MarkDocument {
    fn command(&self) -> &'static str {
        "mark"
    }

    fn text(&self, text: &mut Text) {
        text.line(format_args!("{}", self.manifest.digest));
    }
}
