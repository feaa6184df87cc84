//! The run of the program from the command line to the exit code.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use clap::error::ErrorKind;
use ops::OpsError;
use tokio::runtime::{Builder, Runtime};

use crate::arguments::Arguments;
use crate::commands::Command;
use crate::environment::Environment;
use crate::exit::{self, Exit};
use crate::session::Session;
use crate::settings::Settings;
use crate::signals::interrupted;
use crate::{error, printer};

/// How long work on other threads is waited for after the result is known, or after an interruption.
const SHUTDOWN: Duration = Duration::from_millis(500);

/// Threads for commands that move content: one hashes while the other reads and writes.
const WORKERS: usize = 2;

/// Runs the command line `typed`, of which the first word is the program, and returns how the program ends.
pub(crate) fn run(typed: &[OsString]) -> Exit {
    let arguments = match Arguments::try_parse_from(typed) {
        Ok(arguments) => arguments,
        Err(error) => return not_a_command(&error, typed),
    };
    let environment = Environment::read();
    // Until the settings are known nothing says that colours are wanted.
    let mut color = false;
    let outcome = enter(&arguments).and_then(|()| {
        let mut settings = Settings::new(&arguments.global, &environment)?;
        color = settings.color;
        if arguments.command.asks_much() {
            settings.context = settings.context.for_questions();
        }
        execute(arguments.command, &Session::new(settings, typed))
    });
    let Err(error) = outcome else { return Exit::Done };
    if let Some(text) = error::show(&error, typed, color) {
        printer::say(&text);
    }
    exit::of(&error)
}

/// Changes to the directory that `-C` names.
fn enter(arguments: &Arguments) -> Result<()> {
    let Some(directory) = &arguments.global.directory else { return Ok(()) };
    std::env::set_current_dir(directory)
        .map_err(|source| OpsError::File { action: "cannot change to", path: directory.clone(), source }.into())
}

fn execute(command: Command, session: &Session) -> Result<()> {
    let is_server = command.is_server();
    let runtime = runtime(&command).context("cannot start")?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            // Signals are listened for before the work begins.
            biased;
            interrupted = interrupted(), if !is_server => Err(interrupted.into()),
            outcome = command.run(session) => outcome,
        }
    });
    session.display.finish();
    session.keep_observations();
    session.tell_unknown();
    runtime.shutdown_timeout(SHUTDOWN);
    outcome
}

/// Threads are started only for commands that have work for them; a server has some for all processors.
fn runtime(command: &Command) -> std::io::Result<Runtime> {
    if command.is_server() {
        Builder::new_multi_thread().enable_all().build()
    } else if command.moves_content() {
        Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()
    } else {
        Builder::new_current_thread().enable_all().build()
    }
}

/// Shows help or version, or says what is wrong with the arguments.
fn not_a_command(error: &clap::Error, typed: &[OsString]) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            match printer::write(error.render().to_string().as_bytes()) {
                Ok(()) => Exit::Done,
                Err(error) => exit::of(&error),
            }
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            printer::say(error.render().to_string().trim_end());
            Exit::Usage
        }
        _ => {
            printer::say(&error::show_usage(error, typed, false));
            Exit::Usage
        }
    }
}
