//! No Rust file grows beyond what a reader can hold.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cargo;

const MOST_LINES: usize = 800;

/// Checks every `.rs` file of the repository.
pub fn check() -> Result<()> {
    let mut too_long = Vec::new();
    for file in rust_files(&cargo::workspace_root())? {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let lines = text.lines().count();
        if lines > MOST_LINES {
            too_long.push(format!("{}: {lines} lines, {MOST_LINES} is the limit", file.display()));
        }
    }
    if !too_long.is_empty() {
        bail!("split these files, one concept each:\n{}", too_long.join("\n"));
    }
    Ok(())
}

/// Lists the `.rs` files below a directory, without what is built (`target`) or hidden.
pub fn rust_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut pending = vec![directory.to_path_buf()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory).with_context(|| format!("cannot read {}", directory.display()))? {
            let entry = entry?;
            let name = entry.file_name();
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                if name != "target" && !name.to_string_lossy().starts_with('.') {
                    pending.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
