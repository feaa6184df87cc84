//! The only place of this program that reads the environment.
#![expect(clippy::disallowed_methods, reason = "the one module that may")]

use std::ffi::OsString;
use std::path::PathBuf;

/// Whether a machine, not a person, started us: what cannot be checked then counts as failed.
pub fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true" || value == "1")
}

/// The cargo that runs us, so that every step uses the same toolchain.
pub fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The user's cache directory: `$XDG_CACHE_HOME`, or else `~/.cache`.
pub fn cache_home() -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(absolute);
    named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
}

/// Finds an executable the way a shell does.
pub fn find_in_path(executable: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(executable)).find(|candidate| candidate.is_file())
}
