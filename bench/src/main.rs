//! Measures supercargo and its peers side by side; started by `cargo xtask bench` and `cargo xtask corpus`.
//!
//! | command | does |
//! |---|---|
//! | `copy` | runs the scenarios of [`scenarios`] and holds the figures against their targets |
//! | `registry` | runs the scenarios of [`serving`] likewise |
//! | `generate` | writes the small images and the application as OCI layouts, the same bytes in every run |
//! | `measure` | runs one program and says what it used; a process of its own, so that nothing else is counted |
//! | `solve` | decides on versions of fifty images, in this process |
//! | `tags` | lists many tags of a registry that is far away |
//! | `layer` | pulls an image with one large layer over slow networks |
//! | `load` | sends one request over and over, and says what it took |
//! | `hash` | hashes files, to know what of a copy is hashing |
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a terminal is all this program talks to")]
#![expect(unreachable_pub, reason = "in a program, pub says: for the other modules")]
#![expect(clippy::disallowed_methods, reason = "files of one run, and a report that the next run replaces")]

mod contender;
mod content;
mod discard;
mod generate;
mod hash;
mod layer;
mod listing;
mod load;
mod machine;
mod measure;
mod peers;
mod process;
mod registry;
mod releases;
mod report;
mod runner;
mod scenarios;
mod serving;
mod solve;
mod statistics;
mod table;
mod target;
mod tools;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use tools::Tool;

#[derive(Parser)]
#[command(about = "Measures supercargo and its peers side by side")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compares copies.
    Copy(CopyArguments),
    /// Compares registries under load.
    Registry(serving::RegistryArguments),
    /// Writes the generated part of the corpus.
    Generate { directory: PathBuf },
    /// Runs a program and prints what it used as JSON.
    Measure {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<String>,
    },
    /// Measures how long a decision on many versions takes.
    Solve,
    /// Measures how long it takes to list many tags.
    Tags(listing::ListingArguments),
    /// Compares how an image with one large layer is pulled over slow networks.
    Layer(layer::LayerArguments),
    /// Sends one request over and over.
    Load(load::LoadArguments),
    /// Hashes files with sha256 as supercargo does.
    Hash { files: Vec<PathBuf> },
}

/// What a comparison is made with.
#[derive(Args)]
pub struct CopyArguments {
    /// The Debian application: a directory of layouts, one for each version.
    #[arg(long)]
    debian: PathBuf,
    /// The generated images: what `generate` has written.
    #[arg(long)]
    generated: PathBuf,
    /// A program, as NAME=VERSION=PATH. Without supercargo only the peers are measured.
    #[arg(long = "tool", value_name = "NAME=VERSION=PATH")]
    tools: Vec<Tool>,
    /// Where registries and layouts of the run lie; a temporary directory otherwise.
    #[arg(long)]
    work: Option<PathBuf>,
    /// Five runs instead of ten.
    #[arg(long)]
    quick: bool,
    /// Do not wait for a quiet machine before each scenario.
    #[arg(long)]
    busy: bool,
    /// Only scenarios whose name contains this; may be repeated.
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<String>,
    /// Where the figures go as JSON.
    #[arg(long)]
    output: PathBuf,
}

fn main() -> ExitCode {
    let outcome: Result<ExitCode> = match Arguments::parse().command {
        Command::Copy(arguments) => runner::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Registry(arguments) => serving::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Generate { directory } => generate::generate(&directory).map(|()| ExitCode::SUCCESS),
        Command::Measure { command } => measure::run_and_print(&command),
        Command::Solve => solve::run().map(|()| ExitCode::SUCCESS),
        Command::Tags(arguments) => listing::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Layer(arguments) => layer::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Load(arguments) => load::command(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Hash { files } => hash::hash(&files).map(|()| ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("bench: {error:#}");
        ExitCode::FAILURE
    })
}
