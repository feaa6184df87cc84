//! cargo-deny: what may be in the dependency tree (`deny.toml`).

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::{cache, cargo, process};

const VERSION: &str = "0.20.2";

/// Returns the pinned cargo-deny, compiling it the first time.
pub fn set_up() -> Result<PathBuf> {
    cache::get_or_install("cargo-deny", VERSION, "cargo-deny", install)
}

fn install(directory: &Path) -> Result<()> {
    let arguments = format!("install --locked --version {VERSION} --no-track --no-default-features cargo-deny");
    // Built inside the installation's own directory and then forgotten: our target directory stays ours.
    let target = directory.join("target");
    process::output_with_second_try(
        cargo::cargo(&arguments).arg("--root").arg(directory).env("CARGO_TARGET_DIR", &target),
    )?;
    std::fs::remove_dir_all(target)?;
    Ok(())
}

/// Checks the bans, licences and sources of `deny.toml`.
///
/// Advisories are left out: they need a database that must be fetched from the network, and the same commit would pass
/// today and fail tomorrow.
pub fn check(cargo_deny: &Path) -> Result<()> {
    process::run(Command::new(cargo_deny).current_dir(cargo::workspace_root()).args([
        "--locked",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]))
}
