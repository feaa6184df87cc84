//! What is written for a project stays in its directory.
//!
//! A project may have come from anywhere, and links with it. Links within its directory are followed; nothing is written through
//! one that leads out of it, except where the user has typed the path.

use std::path::{Component, Path, PathBuf};

use oci::text::printable;

use crate::error::OpsError;

/// Checks that what is written to a path in the directory of a project stays there. `help` is what to do where it would not.
///
/// A link that leads to nothing is no way out: files take its place, and directories are not made through it.
///
/// # Errors
/// [`OpsError::Usage`] names where the path leads to.
pub(crate) fn check(directory: &Path, path: &Path, help: &str) -> Result<(), OpsError> {
    let real = real_path(path);
    if real.starts_with(real_path(directory)) {
        return Ok(());
    }
    let [path, real] = [path, &*real].map(|path| printable(&path.to_string_lossy()).into_owned());
    let message = format!("{path} leads out of the project, to {real}: nothing is written there");
    Err(OpsError::usage(message, help.to_owned()))
}

/// Returns a path from the root on without links, as far as it is there.
pub(crate) fn real_path(path: &Path) -> PathBuf {
    // Where the working directory is gone every path is as good as another.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut real = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::ParentDir => drop(real.pop()),
            component => real.push(component),
        }
        if let Ok(found) = real.canonicalize() {
            real = found;
        }
    }
    real
}
