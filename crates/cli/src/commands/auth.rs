//! `auth`

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use ops::credentials::{CredentialKind, Explained, FileState, Place};
use serde::Serialize;

use crate::printer::{Document, Text};
use crate::session::Session;

/// Show where credentials come from
///
/// Example: supercargo auth explain registry.example
#[derive(Args, Debug)]
pub(crate) struct AuthArguments {
    #[command(subcommand)]
    command: AuthCommand,
}

#[derive(Debug, Subcommand)]
enum AuthCommand {
    Explain(ExplainArguments),
}

/// Show which file has credentials for a registry, and which come first
///
/// The files are shown in the order in which they are asked. The first that has something decides; programs that a file names are
/// asked, up to that file. What is secret is not shown.
///
/// Example: supercargo auth explain registry.example/team/app
#[derive(Args, Debug)]
struct ExplainArguments {
    /// The registry, or a repository in it
    #[arg(value_name = "HOST[/PATH]")]
    place: Place,
}

impl AuthArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let AuthCommand::Explain(arguments) = self.command;
        let explained = ops::credentials::explain(&session.context, &arguments.place).await;
        session.print(&ExplainDocument::new(&arguments.place, explained))
    }
}

/// Where credentials come from. The names of the fields are a public interface.
#[derive(Serialize)]
struct ExplainDocument {
    place: String,
    files: Vec<FileShape>,
}

#[derive(Clone, Serialize)]
struct FileShape {
    file: PathBuf,
    /// `used`, `not-reached`, `nothing`, `missing` or `failed`.
    state: &'static str,
    /// The registry, or the prefix, for which it has something.
    key: Option<String>,
    /// The program that was asked.
    helper: Option<String>,
    /// `password`, `identity-token` or `registry-token`.
    kind: Option<&'static str>,
    user: Option<String>,
    reason: Option<String>,
}

impl ExplainDocument {
    fn new(place: &Place, explained: Vec<Explained>) -> Self {
        let files = explained.into_iter().map(FileShape::new);
        Self { place: place.to_string(), files: files.collect() }
    }
}

impl FileShape {
    fn new(explained: Explained) -> Self {
        let file = explained.file;
        let empty = Self { file, state: "missing", key: None, helper: None, kind: None, user: None, reason: None };
        match explained.state {
            FileState::Missing => empty,
            FileState::NotReached => Self { state: "not-reached", ..empty },
            FileState::Broken { reason } => Self { state: "failed", reason: Some(reason), ..empty },
            FileState::Nothing { helpers } => {
                let helper = Some(helpers.join(", ")).filter(|helpers| !helpers.is_empty());
                Self { state: "nothing", helper, ..empty }
            }
            FileState::Failed { origin, reason } => {
                Self { state: "failed", key: Some(origin.place), helper: origin.helper, reason: Some(reason), ..empty }
            }
            FileState::Found { origin, kind, user } => {
                let kind = Some(match kind {
                    CredentialKind::Password => "password",
                    CredentialKind::IdentityToken => "identity-token",
                    CredentialKind::RegistryToken => "registry-token",
                });
                Self { state: "used", key: Some(origin.place), helper: origin.helper, kind, user, ..empty }
            }
        }
    }

    /// Returns what the file has, for people.
    fn told(&self) -> String {
        let told = match (self.state, &self.kind) {
            ("not-reached", _) => "not reached: one before it decides".to_owned(),
            (state, None) => state.to_owned(),
            (state, Some(kind)) => format!("{state}: {kind}"),
        };
        let more = [(" of ", &self.user), (" for ", &self.key), (", asked ", &self.helper), (": ", &self.reason)];
        let more = more.into_iter().filter_map(|(before, said)| Some(format!("{before}{}", said.as_ref()?)));
        told + &more.collect::<String>()
    }
}

impl Document for ExplainDocument {
    fn command(&self) -> &'static str {
        "auth-explain"
    }

    fn text(&self, text: &mut Text) {
        for shape in &self.files {
            text.line(format_args!("{}  {}", shape.file.display(), shape.told()));
        }
        if !self.files.iter().any(|shape| matches!(shape.state, "used" | "failed")) {
            text.line(format_args!("no credentials: {} is asked as anybody would ask it", self.place));
        }
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.files.clone())
    }
}
