//! `serve key`

use anyhow::Result;
use clap::Args;
use ops::serve::{KeyRequest, MadeKey, make_key};
use serde::Serialize;

use crate::printer::{Document, Text};
use crate::session::Session;

/// Make a key for a program
///
/// Prints the key, which is kept nowhere, and the table by which a server knows it, which is no secret. A program gives the key as the
/// password of its user, or as a bearer token.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:\n  supercargo serve key --id deploy --user ci\n  \
    supercargo serve key --id mirror --user ci --repositories 'mirror/*' --actions read --expires 52w")]
pub(crate) struct KeyArguments {
    /// What the key is called, in rules and in the log
    #[arg(long)]
    id: String,

    /// The user for whom it stands
    #[arg(long)]
    user: String,

    /// The repositories that it is for [default: all]
    #[arg(long, value_name = "PATTERN")]
    repositories: Vec<String>,

    /// What may be done by it [default: all]
    #[arg(long, value_name = "ACTION", value_delimiter = ',')]
    actions: Vec<String>,

    /// When it ends: 52w, 2027-01-31 or 2027-01-31T12:00:00Z [default: never]
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
}

impl KeyArguments {
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        let Self { id, user, repositories, actions, expires } = self;
        let made = make_key(&KeyRequest { id, user, repositories, actions, expires }, session.now())?;
        session.print(&KeyDocument::from(&made))
    }
}

/// A key that was made. The names of the fields are a public interface.
#[derive(Serialize)]
struct KeyDocument<'k> {
    key: &'k str,
    table: &'k str,
}

impl<'k> From<&'k MadeKey> for KeyDocument<'k> {
    fn from(made: &'k MadeKey) -> Self {
        Self { key: made.secret.reveal(), table: &made.table }
    }
}

impl Document for KeyDocument<'_> {
    fn command(&self) -> &'static str {
        "serve-key"
    }

    fn text(&self, text: &mut Text) {
        text.line(format_args!("{}\n", self.key));
        for line in self.table.lines() {
            text.line(format_args!("{line}"));
        }
    }
}
