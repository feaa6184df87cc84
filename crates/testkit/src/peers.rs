//! Programs of others: where they are, how they are run, and registries of theirs that run for the time of a test.
//!
//! A peer is looked for in `SUPERCARGO_PEER_<NAME>`, then among what `cargo xtask peers` has set up, then along `PATH`.
//! Where it is missing a test says so and does without; with `CI=true` it fails instead, since a comparison that silently
//! does not happen is worth nothing.

mod bucket;
mod guard;
mod postgres;
mod process;
mod registry;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use crate::environment;

pub use bucket::RunningBuckets;
pub use postgres::RunningPostgres;
pub use registry::{PASSWORD, PeerRegistry, RunningPeer, USER};

/// A program of somebody else, with a home directory of its own: no credentials or settings of this machine reach it.
#[derive(Debug)]
pub struct Tool {
    name: &'static str,
    path: PathBuf,
    home: TempDir,
}

/// What a program said and how it ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whether it exited with 0.
    pub success: bool,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Returns a program by its peer's name (`skopeo`, `crane`, …), or `None` after saying once that it is missing.
///
/// # Panics
/// When it is missing and `CI=true`.
pub fn tool(name: &'static str) -> Option<Tool> {
    let home = || tempfile::Builder::new().prefix("testkit-home-").tempdir().unwrap();
    find(name).map(|path| Tool { name, path, home: home() })
}

fn find(name: &'static str) -> Option<PathBuf> {
    let found = environment::stated_peer(name)
        .or_else(|| environment::linked_peer(name))
        .or_else(|| environment::in_path(name).filter(|_| name != "distribution"));
    if found.is_none() {
        assert!(!environment::in_ci(), "with CI=true every peer must be there; missing: {name}");
        say_skipped(name);
    }
    found
}

#[expect(clippy::print_stderr, reason = "what a test did without must be seen in its output")]
fn say_skipped(name: &'static str) {
    static SAID: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(name) {
        eprintln!("skipped: {name}");
    }
}

impl Tool {
    /// Returns the executable.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the home directory that the program sees.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Returns a command of the program with nothing on its standard input.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        for variable in ["DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"] {
            command.env_remove(variable);
        }
        command.env("HOME", self.home()).stdin(Stdio::null());
        command
    }

    /// Runs the program and waits for its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn outcome<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        let output = self.command().args(arguments).output();
        output.unwrap_or_else(|error| panic!("cannot run {}: {error}", self.path.display())).into()
    }

    /// Runs the program and returns its standard output.
    ///
    /// # Panics
    /// When it fails; the message holds what it said.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> String {
        let arguments: Vec<_> = arguments.into_iter().map(|a| a.as_ref().to_string_lossy().into_owned()).collect();
        let outcome = self.outcome(&arguments);
        let said = || format!("{} {} failed:\n{}{}", self.name, arguments.join(" "), outcome.stdout, outcome.stderr);
        assert!(outcome.success, "{}", said());
        outcome.stdout
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { success: output.status.success(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}
