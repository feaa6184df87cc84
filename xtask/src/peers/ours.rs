//! The small Go programs in `e2e/peers/`.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::go;
use crate::{cache, cargo};

/// Returns the version and the executable of one of our programs, building it when its sources have changed.
pub fn build(name: &str) -> Result<(String, PathBuf)> {
    let sources = cargo::workspace_root().join("e2e/peers").join(name);
    let version = hash_of_sources(&sources)?;
    let path = cache::get_or_install(name, &version, name, |directory| go::build(&sources, name, directory))?;
    Ok((version, path))
}

fn hash_of_sources(directory: &Path) -> Result<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))? {
        files.push(entry?.path());
    }
    files.sort();
    hash_of_files(&files)
}

/// Returns a name for the state of some files. It must be the same from run to run; another compiler may give another
/// hash, which costs making anew what is named so.
pub fn hash_of_files(files: &[PathBuf]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.file_name().hash(&mut hasher);
        fs::read(file).with_context(|| format!("cannot read {}", file.display()))?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}
