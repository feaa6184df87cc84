//! The binary `supercargo`: arguments, settings, printing, progress and exit codes around the operations of `ops`.
//!
//! | module | holds |
//! |---|---|
//! | [`arguments`] | the command line as it is typed |
//! | [`commands`] | one file per command: arguments, one call into `ops`, printing |
//! | [`environment`] | the only place that reads environment variables |
//! | [`settings`] | flags over environment over defaults, merged once |
//! | [`session`] | what every command is given |
//! | [`printer`] | the result on the standard output, as text or JSON |
//! | [`progress`] | how a copy is shown while it runs |
//! | [`error`] | errors for people |
//! | [`exit`] | exit codes |
//! | [`signals`] | signals that ask the program to end |
//! | [`run`] | the run of the program from the command line to the exit code |

mod arguments;
mod commands;
mod environment;
mod error;
mod exit;
mod printer;
mod progress;
mod prompt;
mod run;
mod session;
mod settings;
mod signals;

use std::process::ExitCode;

fn main() -> ExitCode {
    run::run(&std::env::args_os().collect::<Vec<_>>()).into()
}
