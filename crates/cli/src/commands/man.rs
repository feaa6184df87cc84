//! `man`

mod page;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, CommandFactory as _};
use ops::OpsError;
use ops::pages::{self, Page};
use serde::Serialize;

use crate::arguments::Arguments;
use crate::printer::{self, Document, Text, count};
use crate::session::Session;

/// Write the manual
///
/// Writes the page of the program, or of one command, to the standard output, for `man -l -`. With --all every page becomes a file
/// `supercargo-COMMAND.1` in a directory, as package builders want it.
///
/// Example: supercargo man lock merge | man -l -
#[derive(Args, Debug)]
pub(crate) struct ManArguments {
    /// The command, as it is typed [default: the program]
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,

    /// Write all pages into this directory, which is made where it is missing
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    all: Option<PathBuf>,
}

impl ManArguments {
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        let mut program = Arguments::command();
        // Only now do commands know those above them, and the options that all have.
        program.build();
        let Some(directory) = self.all else {
            return printer::write(&page::render(find(&program, &self.command)?)?);
        };
        let pages = all(&program)?;
        let files = pages::write(&directory, &pages)?;
        session.print(&ManDocument { directory, files })
    }
}

/// Returns the command of which these are the words.
fn find<'a>(program: &'a clap::Command, words: &[String]) -> Result<&'a clap::Command> {
    let mut found = program;
    for word in words {
        found = found.find_subcommand(word).ok_or_else(|| {
            let message = format!("{} has no command `{word}`", page::typed(found));
            OpsError::usage(message, format!("{} --help", page::typed(found)))
        })?;
    }
    Ok(found)
}

/// Returns the page of a command and those of all commands below it.
fn all(command: &clap::Command) -> Result<Vec<Page>> {
    let mut pages = vec![Page { name: page::file_name(command), content: page::render(command)? }];
    for below in command.get_subcommands() {
        pages.extend(all(below)?);
    }
    Ok(pages)
}

/// The pages that were written. The names of the fields are a public interface.
#[derive(Serialize)]
struct ManDocument {
    directory: PathBuf,
    files: Vec<PathBuf>,
}

impl Document for ManDocument {
    fn command(&self) -> &'static str {
        "man"
    }

    fn text(&self, text: &mut Text) {
        text.line(format_args!("{} in {}", count(self.files.len(), "page"), self.directory.display()));
    }
}
