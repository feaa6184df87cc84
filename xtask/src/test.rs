//! `cargo xtask test`: every check in its order. The first that fails ends the run.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::cargo::cargo;
use crate::peers::{self, Peers, Selection};
use crate::{cargo_deny, environment, file_size, layers, process, table};

/// Runs the set-up, the checks and the tests.
pub fn run(selection: Selection) -> Result<()> {
    let mut report = Report::default();
    let what = "the programs that tests talk to and compare with";
    let peers = report.step("set-up", what, || Ok(peers::set_up(selection)))?;
    peers.print_found();
    let outcome = run_steps(selection, &peers, &mut report);

    println!();
    report.print();
    peers.print_missing();
    outcome
}

fn run_steps(selection: Selection, peers: &Peers, report: &mut Report) -> Result<()> {
    report.step("peers", "none is missing", || peers.refuse_missing_in_ci())?;
    let cargo_deny = report.step("tools", "cargo-deny", set_up_cargo_deny)?;

    report.cargo("format", "fmt --all -- --check")?;
    report.cargo("clippy", "clippy --workspace --all-targets --locked -- -D warnings")?;
    match cargo_deny {
        Some(path) => report.step("deny", "bans, licenses and sources", || cargo_deny::check(&path))?,
        None => report.note("deny", "skipped: no cargo-deny", ""),
    }
    report.step("layers", "which crate depends on which", layers::check)?;
    report.step("file size", "no Rust file is too long", file_size::check)?;
    report.step("doc", "cargo doc --workspace --no-deps --locked", || {
        process::run(cargo("doc --workspace --no-deps --locked").env("RUSTDOCFLAGS", "-Dwarnings"))
    })?;
    report.step("test", "cargo test --workspace --locked", || process::run(&mut tests(selection, peers)))
}

/// Outside CI one can work without it, on a train say.
fn set_up_cargo_deny() -> Result<Option<PathBuf>> {
    match cargo_deny::set_up() {
        Ok(path) => Ok(Some(path)),
        Err(error) if environment::in_ci() => Err(error),
        Err(error) => {
            eprintln!("xtask: no cargo-deny: {error:#}");
            Ok(None)
        }
    }
}

fn tests(selection: Selection, peers: &Peers) -> Command {
    let mut command = cargo("test --workspace --locked");
    peers.announce_to(&mut command);
    if selection == Selection::All {
        command.env("SUPERCARGO_TEST_ALL", "1");
    }
    command
}

/// What was done, how it ended and how long it took.
#[derive(Default)]
struct Report {
    rows: Vec<[String; 3]>,
}

impl Report {
    /// Announces a step, runs it and notes its end.
    fn step<T>(&mut self, name: &str, what: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("xtask: {name}: {what}");
        let start = Instant::now();
        let outcome = run();
        let result = if outcome.is_ok() { "ok" } else { "FAILED" };
        self.note(name, result, &format!("{:.1} s", start.elapsed().as_secs_f64()));
        outcome.with_context(|| format!("step \"{name}\" failed"))
    }

    fn cargo(&mut self, name: &str, arguments: &str) -> Result<()> {
        self.step(name, &format!("cargo {arguments}"), || process::run(&mut cargo(arguments)))
    }

    fn note(&mut self, name: &str, result: &str, time: &str) {
        self.rows.push([name.to_owned(), result.to_owned(), time.to_owned()]);
    }

    fn print(&self) {
        table::print(["step", "result", "time"], &self.rows);
    }
}
