//! `cargo xtask bench`: prepares everything that a comparison needs and starts it. The measuring is in `bench/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cargo::{cargo, workspace_root};
use crate::peers::{self, Selection};
use crate::{corpus, environment, process};

/// What copies many images in one process; only the benchmark uses it. The version is that of regctl.
const REGSYNC: (&str, &str) = ("github.com/regclient/regclient/cmd/regsync", "0.11.7");

/// `cargo xtask bench copy`; the options are those of `bench copy`.
pub fn copy(options: &[&str]) -> Result<()> {
    let corpus = corpus::set_up()?;
    let peers = peers::set_up(Selection::Usual);
    peers.print_missing();
    let mut tools: Vec<String> = peers.found().map(|(name, version, path)| tool(name, version, path)).collect();
    let (module, version) = REGSYNC;
    let (version, path) = peers::install_go_program("regsync", module, version, "regsync")?;
    tools.push(tool("regsync", &version, &path));

    tools.push(our_tool()?);

    // Built first, so that no compiler runs beside the first scenario.
    process::run(&mut cargo("build --quiet --release --locked --package bench"))?;
    let output = workspace_root().join("target/bench-copy.json");
    let mut command = cargo("run --quiet --release --locked --package bench -- copy");
    command.arg("--debian").arg(corpus.debian).arg("--generated").arg(corpus.generated);
    command.arg("--output").arg(output);
    for tool in tools {
        command.args(["--tool", &tool]);
    }
    process::run(command.args(options))
}

/// `cargo xtask bench registry`; the options are those of `bench registry`. Zot takes part if it is in `PATH`: there is no
/// package of it.
pub fn registry(options: &[&str]) -> Result<()> {
    let (version, path) = peers::set_up_one("distribution")?;
    let mut tools = vec![tool("distribution", &version, &path)];
    if let Some(path) = environment::find_in_path("zot") {
        tools.push(tool("zot", &zot_version(&path), &path));
    }
    tools.push(our_tool()?);

    process::run(&mut cargo("build --quiet --release --locked --package bench"))?;
    let target = workspace_root().join("target");
    let mut command = cargo("run --quiet --release --locked --package bench -- registry");
    command.arg("--output").arg(target.join("bench-registry.json"));
    command.arg("--fixtures").arg(target.join("bench-fixtures"));
    for tool in tools {
        command.args(["--tool", &tool]);
    }
    process::run(command.args(options))
}

/// Zot writes its version as a field of a log line, to standard error.
fn zot_version(path: &Path) -> String {
    let said = Command::new(path).arg("--version").output();
    let said = said.map(|output| String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned());
    let version = said.ok().and_then(|said| Some(said.split("v2.").nth(1)?.split(['"', ' ', '\n']).next()?.to_owned()));
    version.map_or_else(|| "unknown".to_owned(), |rest| format!("2.{rest}"))
}

/// `cargo xtask bench solve`.
pub fn solve() -> Result<()> {
    process::run(&mut cargo("run --quiet --release --locked --package bench -- solve"))
}

/// `cargo xtask bench tags`; the options are those of `bench tags`.
pub fn tags(options: &[&str]) -> Result<()> {
    beside("tags", &["crane", "skopeo", "regctl"], options)
}

/// `cargo xtask bench layer`; the options are those of `bench layer`.
pub fn layer(options: &[&str]) -> Result<()> {
    beside("layer", &["crane"], options)
}

/// Runs a command of `bench` that measures these peers, as far as they can be had, and supercargo.
fn beside(benchmark: &str, wanted: &[&str], options: &[&str]) -> Result<()> {
    let peers = peers::set_up(Selection::Usual);
    peers.print_missing();
    let found = peers.found().filter(|(name, ..)| wanted.contains(name));
    let mut tools: Vec<String> = found.map(|(name, version, path)| tool(name, version, path)).collect();
    tools.push(our_tool()?);
    process::run(&mut cargo("build --quiet --release --locked --package bench"))?;
    let mut command = cargo("run --quiet --release --locked --package bench --");
    command.arg(benchmark);
    for tool in tools {
        command.args(["--tool", &tool]);
    }
    process::run(command.args(options))
}

/// Builds supercargo and returns it as a tool.
fn our_tool() -> Result<String> {
    let supercargo = build_supercargo()?;
    let version = process::output(Command::new(&supercargo).arg("--version"))?;
    Ok(tool("supercargo", version.trim().trim_start_matches("supercargo "), &supercargo))
}

fn tool(name: &str, version: &str, path: &Path) -> String {
    format!("{name}={version}={}", path.display())
}

/// Builds supercargo as it is released and returns the executable.
fn build_supercargo() -> Result<PathBuf> {
    let arguments = "build --release --locked --package supercargo --message-format json-render-diagnostics";
    let messages = process::output(&mut cargo(arguments))?;
    let executable = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    };
    messages.lines().filter_map(executable).next_back().context("cargo built no executable of supercargo")
}
