//! The only place of this crate that reads the environment.
#![expect(clippy::disallowed_methods, reason = "the one module that may")]

use std::path::PathBuf;

/// Whether a machine, not a person, started the tests: a peer that is missing then counts as a failure.
pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true" || value == "1")
}

/// Where the one who started the tests says that a peer is: `SUPERCARGO_PEER_DOCKER_REGISTRY` for `docker-registry`.
pub(crate) fn stated_peer(name: &str) -> Option<PathBuf> {
    let variable = format!("SUPERCARGO_PEER_{}", name.to_uppercase().replace('-', "_"));
    std::env::var_os(variable).map(PathBuf::from)
}

/// Where `cargo xtask` links the peers that it has set up.
pub(crate) fn linked_peer(name: &str) -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let stated = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(absolute);
    let cache = stated.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("supercargo-xtask/current").join(name)).filter(|path| path.is_file())
}

/// Finds an executable the way a shell does.
pub(crate) fn in_path(executable: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(executable)).find(|candidate| candidate.is_file())
}

/// Tells whether the tests that take long are wanted too: `cargo xtask test --all`.
pub fn runs_all() -> bool {
    std::env::var_os("SUPERCARGO_TEST_ALL").is_some_and(|value| value == "1")
}

/// Returns the seed of a run that is to be repeated.
pub fn stated_seed() -> Option<u64> {
    std::env::var("SUPERCARGO_TEST_SEED").ok()?.parse().ok()
}
