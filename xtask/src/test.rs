//! `cargo xtask test`: every check in its order. The first that fails ends the run.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::cargo::cargo;
use crate::peers::{self, Peers, Selection};
use crate::{cargo_deny, environment, file_size, layers, process, table};

/// Runs the set-up, the checks and the tests.
pub fn run(selection: Selection) -> Result<()> {
    let mut report = Report::default();
    let mut peers = None;
    let outcome = run_steps(selection, &mut report, &mut peers);

    println!();
    report.print();
    if let Some(peers) = peers {
        peers.print_missing();
    }
    outcome
}

fn run_steps(selection: Selection, report: &mut Report, peers: &mut Option<Peers>) -> Result<()> {
    let peers: &Peers = report.step(
        "set-up",
        "the peers that tests talk to and compare with",
        || {
            let peers = peers.insert(peers::set_up(selection));
            peers.print_found();
            peers.refuse_missing_in_ci()?;
            Ok(&*peers)
        },
    )?;

    report.cargo("format", "fmt --all -- --check")?;
    report.cargo(
        "clippy",
        "clippy --workspace --all-targets --locked -- -D warnings",
    )?;
    check_with_cargo_deny(report)?;
    report.step("layers", "which crate depends on which", layers::check)?;
    report.step("file size", "no Rust file is too long", file_size::check)?;
    report.step("doc", "cargo doc --workspace --no-deps --locked", || {
        process::run(cargo("doc --workspace --no-deps --locked").env("RUSTDOCFLAGS", "-Dwarnings"))
    })?;
    report.step("test", "cargo test --workspace --locked", || {
        process::run(&mut tests(selection, peers))
    })
}

/// Outside CI one can work without cargo-deny, on a train say.
fn check_with_cargo_deny(report: &mut Report) -> Result<()> {
    match cargo_deny::set_up() {
        Ok(executable) => report.step("deny", "cargo deny check bans licenses sources", || {
            cargo_deny::check(&executable)
        }),
        Err(error) if environment::in_ci() => Err(error.context("cannot set up cargo-deny")),
        Err(error) => {
            report.skip(
                "deny",
                format!("skipped: cannot set up cargo-deny: {error:#}"),
            );
            Ok(())
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
        self.note(name, result, Some(start.elapsed()));
        outcome.with_context(|| format!("step \"{name}\" failed"))
    }

    fn cargo(&mut self, name: &str, arguments: &str) -> Result<()> {
        self.step(name, &format!("cargo {arguments}"), || {
            process::run(&mut cargo(arguments))
        })
    }

    fn skip(&mut self, name: &str, reason: String) {
        self.rows.push([name.to_owned(), reason, String::new()]);
    }

    fn note(&mut self, name: &str, result: &str, time: Option<Duration>) {
        let time = time
            .map(|time| format!("{:.1} s", time.as_secs_f64()))
            .unwrap_or_default();
        self.rows.push([name.to_owned(), result.to_owned(), time]);
    }

    fn print(&self) {
        table::print(["step", "result", "time"], &self.rows);
    }
}
