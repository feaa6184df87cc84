//! The program, and what a run of it said.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// The program in a home of its own, with nothing of the caller's environment.
#[derive(Debug)]
pub struct Program {
    home: TempDir,
}

/// What a run said.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The exit code.
    pub code: i32,
    /// The result.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
}

impl Default for Program {
    fn default() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }
}

impl Program {
    /// Returns the home directory, where the local content store is too.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Returns a command that has not been started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(path());
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("XDG_CACHE_HOME", self.home.path().join("cache"))
            .env("XDG_DATA_HOME", self.home.path().join("data"))
            .env("XDG_CONFIG_HOME", self.home.path().join("config"))
            .env("XDG_RUNTIME_DIR", self.home.path().join("runtime"))
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        let output = self.command(arguments).output().unwrap();
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs the program and expects it to succeed.
    pub fn succeed(&self, arguments: &[&str]) -> Outcome {
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, 0, "supercargo {}\n{}{}", arguments.join(" "), outcome.stdout, outcome.stderr);
        outcome
    }

    /// Runs the program and expects it to fail with this exit code.
    pub fn fail(&self, code: i32, arguments: &[&str]) -> Outcome {
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, code, "supercargo {}\n{}{}", arguments.join(" "), outcome.stdout, outcome.stderr);
        outcome
    }

    /// Runs the program with `--format json` and returns the document.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.extend(["--format", "json"]);
        serde_json::from_str(&self.succeed(&all).stdout).unwrap()
    }
}

/// Returns the path of the program. Cargo builds it beside this test when the whole workspace is tested; when only this
/// crate is, it is built here.
fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().find(|folder| folder.ends_with("deps")).and_then(Path::parent).unwrap();
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--package", "supercargo", "--bin", "supercargo"])
            .args((profile.file_name().unwrap() == "release").then_some("--release"))
            .status()
            .unwrap();
        assert!(status.success(), "supercargo could not be built");
        profile.join("supercargo")
    })
}
