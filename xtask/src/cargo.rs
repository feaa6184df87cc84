//! Cargo, started in the root of the workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::environment;

/// The root of the workspace, which holds `Cargo.toml`, `crates/` and this crate.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// A cargo command with its arguments, separated by spaces.
pub fn cargo(arguments: &str) -> Command {
    let mut command = Command::new(environment::cargo());
    command.current_dir(workspace_root()).args(arguments.split_whitespace());
    command
}
