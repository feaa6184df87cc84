//! `bench registry`: registries under load, beside each other.
//!
//! | scenario | what |
//! |---|---|
//! | `manifest-get`, `manifest-head` | manifests by tag |
//! | `blob-get-1`, `-4`, `-32` | blobs of 10 MB, over so many connections |
//! | `push-100kB`, `push-1MB`, `push-10MB` | images, with all their requests, on the disk |
//! | `push-memory-…` | the same in a file system that is in memory, where nothing waits for a disk |
//! | `memory` | the peak while 64 connections pull blobs of 10 MB |
//! | `start` | the time to the first answer, and the memory of a server that does nothing |
//! | `tags` | manifests by tag, few and many tags in a repository, and a delete among many |
//! | `growth` | a million manifests and two million referrers |
//! | `collector` | manifests by tag while others are deleted and collected |
//! | `garbage` | half of many manifests is garbage, until it is gone |
//!
//! Everybody runs at the same time and is asked in turn, so that what else the machine does meets all of them.

mod blobs;
mod collector;
mod figures;
mod fixture;
mod garbage;
mod growth;
mod idle;
mod image;
mod jobs;
mod manifests;
mod outcome;
mod pushes;
mod requests;
pub mod server;
mod tags;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use tempfile::TempDir;

use crate::contender::Role;
use crate::discard::Discarded;
use crate::load::{Measured, Script, Until, run as load};
use crate::machine::{self, Machine};
use crate::tools::{Tool, Tools};
use figures::Sample;
use outcome::{Outcome, Row};
use server::{Kind, Server};

/// What registries are compared with.
#[derive(Args)]
pub struct RegistryArguments {
    /// A program, as NAME=VERSION=PATH: supercargo, distribution, zot.
    #[arg(long = "tool", value_name = "NAME=VERSION=PATH")]
    tools: Vec<Tool>,
    /// The directory below which the registries keep their files while they are measured.
    #[arg(long)]
    work: Option<PathBuf>,
    /// Where the large fixture is kept between runs.
    #[arg(long)]
    fixtures: PathBuf,
    /// Manifests of the large fixture; it has twice as many referrers.
    #[arg(long)]
    manifests: Option<u64>,
    /// Small and short: to see that everything runs.
    #[arg(long)]
    quick: bool,
    /// Only scenarios whose name contains this; may be repeated.
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<String>,
    /// Where the figures go as JSON.
    #[arg(long)]
    output: PathBuf,
}

/// A scenario, by what its name says.
type Scenario = fn(&mut Bench) -> Result<Outcome>;

const ALL: [(&str, Scenario); 16] = [
    ("manifest-get", |bench| manifests::measure(bench, "GET")),
    ("manifest-head", |bench| manifests::measure(bench, "HEAD")),
    ("blob-get-1", |bench| blobs::measure(bench, 1)),
    ("blob-get-4", |bench| blobs::measure(bench, 4)),
    ("blob-get-32", |bench| blobs::measure(bench, 32)),
    ("push-100kB", |bench| pushes::measure(bench, &pushes::SMALL)),
    ("push-1MB", |bench| pushes::measure(bench, &pushes::MIDDLE)),
    ("push-10MB", |bench| pushes::measure(bench, &pushes::LARGE)),
    ("push-memory-100kB", |bench| pushes::measure_in_memory(bench, &pushes::SMALL)),
    ("push-memory-1MB", |bench| pushes::measure_in_memory(bench, &pushes::MIDDLE)),
    ("push-memory-10MB", |bench| pushes::measure_in_memory(bench, &pushes::LARGE)),
    ("memory", blobs::measure_memory),
    ("start", idle::measure),
    ("tags", tags::measure),
    ("growth", growth::measure),
    ("collector", collector::measure),
];

/// The one that takes longest is the last.
const LAST: (&str, Scenario) = ("garbage", garbage::measure);

/// All that a run has shown.
#[derive(Serialize)]
struct Report {
    machine: Machine,
    tools: Vec<Tool>,
    quick: bool,
    outcomes: Vec<Outcome>,
}

/// What scenarios run on.
struct Bench {
    tools: Tools,
    work: PathBuf,
    fixtures: PathBuf,
    discarded: Discarded,
    quick: bool,
    manifests: u64,
}

/// Manifests of the large fixture.
const MANIFESTS: u64 = 1_000_000;
const QUICK_MANIFESTS: u64 = 20_000;

/// The command `bench registry`.
pub fn run(arguments: &RegistryArguments) -> Result<()> {
    let below = arguments.work.clone().unwrap_or_else(std::env::temp_dir);
    fs::create_dir_all(&below)?;
    let temporary = TempDir::with_prefix_in("supercargo-bench-", &below)?;
    let work = temporary.path().canonicalize()?;
    if let Some(directory) = arguments.output.parent() {
        fs::create_dir_all(directory)?;
    }
    let standard = if arguments.quick { QUICK_MANIFESTS } else { MANIFESTS };
    let mut bench = Bench {
        tools: Tools(arguments.tools.clone()),
        discarded: Discarded::new(work.join("discarded"))?,
        fixtures: arguments.fixtures.clone(),
        quick: arguments.quick,
        manifests: arguments.manifests.unwrap_or(standard),
        work,
    };
    ensure!(!bench.kinds().is_empty(), "no --tool NAME=VERSION=PATH of a registry was given");
    let machine = Machine::look(&bench.work);
    println!("{}", machine.heading());
    for tool in &arguments.tools {
        println!("{} {}", tool.name, tool.version);
    }
    println!("load {:.2} before the runs", machine::load());
    let mut report = Report { machine, tools: arguments.tools.clone(), quick: bench.quick, outcomes: Vec::new() };
    for (name, scenario) in ALL.into_iter().chain([LAST]) {
        let wanted = |part: &String| name.contains(part.as_str());
        if !arguments.scenarios.is_empty() && !arguments.scenarios.iter().any(wanted) {
            continue;
        }
        let before = machine::load();
        match scenario(&mut bench) {
            Ok(mut outcome) => {
                outcome.finish(name, (before, machine::load()));
                println!("\n{}", outcome.render());
                report.outcomes.push(outcome);
                fs::write(&arguments.output, serde_json::to_string_pretty(&report)?)?;
            }
            Err(error) => println!("\n{name}: not run: {error:#}"),
        }
    }
    println!("\nfigures: {}", arguments.output.display());
    Ok(())
}

impl Bench {
    /// Returns who takes part.
    fn kinds(&self) -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|kind| self.tools.find(kind.name()).is_some()).collect()
    }

    /// Returns one figure for a whole run and another for a quick one.
    fn pick<T>(&self, whole: T, quick: T) -> T {
        if self.quick { quick } else { whole }
    }

    /// Starts an empty registry of everybody. `settings` are lines of our own configuration.
    fn start(&mut self, settings: &str) -> Result<Vec<Server>> {
        let work = self.work.clone();
        self.kinds().into_iter().map(|kind| self.start_one(kind, &work, settings)).collect()
    }

    /// Starts an empty registry in a directory below another.
    fn start_one(&mut self, kind: Kind, below: &Path, settings: &str) -> Result<Server> {
        let directory = below.join(kind.name());
        self.discarded.take(&directory)?;
        let mut server = Server::new(kind, self.tools.path(kind.name())?, directory, settings)?;
        server.start()?;
        Ok(server)
    }

    /// Starts our own registry alone.
    fn start_ours(&mut self, settings: &str) -> Result<Server> {
        ensure!(self.kinds().contains(&Kind::Supercargo), "this is about supercargo, which was not given");
        let work = self.work.clone();
        self.start_one(Kind::Supercargo, &work, settings)
    }

    /// Measures everybody in turn, several times; what comes first only warms up.
    fn rounds(
        &self,
        servers: &mut [Server],
        mut measure: impl FnMut(&mut Server) -> Result<Sample>,
    ) -> Result<Vec<Row>> {
        let mut rows: Vec<Row> = servers.iter().map(|server| Row::new(server.kind().name(), server.role())).collect();
        for round in 0..=self.pick(5, 2) {
            for (server, row) in servers.iter_mut().zip(&mut rows) {
                let sample = measure(server).with_context(|| server.kind().name())?;
                if round > 0 {
                    row.take(&sample);
                }
            }
        }
        Ok(rows)
    }

    /// Returns for how long a load runs.
    fn period(&self) -> Until {
        Until::Elapsed(self.pick(Duration::from_secs(4), Duration::from_millis(500)))
    }
}

/// Runs a load and returns what it took, the server's processor included.
fn sample<S: Script>(server: &Server, scripts: impl IntoIterator<Item = S>, until: Until) -> Result<Sample> {
    let before = server.used()?.cpu;
    let measured = load(server.address(), scripts, until)?;
    Ok(figures::of(&measured, server.used()?.cpu - before))
}

/// The role of a registry in what is compared.
const fn role(kind: Kind) -> Role {
    match kind {
        Kind::Supercargo => Role::Ours,
        Kind::Distribution | Kind::Zot => Role::Peer,
    }
}
