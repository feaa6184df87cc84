//! Peers that `go install` builds at a pinned version.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{cache, environment, process};

/// Returns the version and the executable of a Go command, building it the first time.
pub fn install(name: &str, module: &str, version: &str, executable: &str) -> Result<(String, PathBuf)> {
    let path = cache::get_or_install(name, version, executable, |directory| {
        let mut install = command()?;
        install.arg("install").arg(format!("{module}@v{version}")).env("GOBIN", directory.join("bin"));
        process::output_with_second_try(&mut install).map(drop)
    })?;
    Ok((version.to_owned(), path))
}

/// Returns the version and the executable of a Go command that is built among the sources of its module, with the versions that these
/// name.
pub fn install_sources(name: &str, module: &str, version: &str, package: &str) -> Result<(String, PathBuf)> {
    let path = cache::get_or_install(name, version, name, |directory| {
        let mut download = command()?;
        download.args(["mod", "download", "-json"]).arg(format!("{module}@v{version}")).current_dir(directory);
        let told: serde_json::Value = serde_json::from_str(&process::output_with_second_try(&mut download)?)?;
        let sources = told["Dir"].as_str().context("go mod download names no directory")?;
        let mut build = command()?;
        build.args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o"]);
        build.arg(directory.join("bin").join(name)).arg(package).current_dir(sources);
        process::output_with_second_try(&mut build).map(drop)
    })?;
    Ok((version.to_owned(), path))
}

/// Builds the program whose sources are in a directory into `bin/` of another.
pub fn build(sources: &Path, executable: &str, directory: &Path) -> Result<()> {
    let mut build = command()?;
    // The revision of this repository says nothing about the program, and reading it fails in odd checkouts.
    build.args(["build", "-trimpath", "-buildvcs=false", "-o"]).arg(directory.join("bin").join(executable));
    process::output_with_second_try(build.arg(".").current_dir(sources)).map(drop)
}

/// The go command; `GOFLAGS` and the like are inherited. Without cgo, so that no C compiler is needed.
fn command() -> Result<Command> {
    let go = environment::find_in_path("go").context("go is not installed")?;
    let mut command = Command::new(go);
    command.env("CGO_ENABLED", "0");
    Ok(command)
}
