//! A place of its own for each test, where the binary is run with nothing of the user's around it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use testkit::application::{Application, WholeGraph};

/// A directory that is home and working directory of every command.
pub(crate) struct Desk {
    directory: TempDir,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // What this machine says of registries is not looked at where its user says something.
        let own = directory.path().join("home/.config/containers");
        std::fs::create_dir_all(&own).unwrap();
        std::fs::write(own.join("registries.conf"), "").unwrap();
        Self { directory }
    }

    /// Returns a desk with the layout `app` on it, which holds every kind of node.
    pub(crate) fn with_application() -> (Self, Application) {
        let desk = Self::new();
        let application = WholeGraph::default().build();
        application.write_layout(&desk.path("app"));
        (desk, application)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Returns a command that has not been started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_supercargo"));
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env_clear()
            .env("HOME", self.path("home"))
            .env("XDG_RUNTIME_DIR", self.path("runtime"))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(self.command(arguments).output().unwrap())
    }

    /// Runs a command where there is no network but the loopback address of a namespace of its own, and that is down.
    ///
    /// Where a user may not make namespaces and is not root either the test fails and says so: nothing else shows that no
    /// socket is needed.
    pub(crate) fn run_without_network(&self, arguments: &[&str]) -> Outcome {
        let plain = self.command(arguments);
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", "--"]).arg(plain.get_program()).args(plain.get_args());
        command.current_dir(self.directory.path()).env_clear().env("HOME", self.path("home")).stdin(Stdio::null());
        command.env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").env("XDG_RUNTIME_DIR", self.path("runtime"));
        let output = command.output().unwrap_or_else(|error| panic!("THIS TEST NEEDS THE PROGRAM unshare: {error}"));
        let outcome = Outcome::of(output);
        let is_refused = outcome.stderr.contains("unshare: ");
        assert!(!is_refused, "THIS TEST NEEDS NETWORK NAMESPACES (unshare --map-root-user --net): {}", outcome.stderr);
        outcome
    }

    /// Runs a command that has to succeed without saying more than its result.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, 0, "{arguments:?}: {}", outcome.stderr);
        outcome.stdout
    }

    /// Runs a command that has to succeed, and returns its document.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        document(&self.ok(&[arguments, &["--format", "json"]].concat()))
    }

    /// Runs a command that has to fail with this exit code, and returns what it says.
    pub(crate) fn fails(&self, arguments: &[&str], code: i32) -> String {
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, code, "{arguments:?}: {}{}", outcome.stdout, outcome.stderr);
        assert!(outcome.stderr.contains("error: "), "{}", outcome.stderr);
        outcome.stderr
    }
}

impl Outcome {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Reads a document, of which the first key has to be the schema.
pub(crate) fn document(text: &str) -> Value {
    assert!(text.trim_start().starts_with("{\n  \"schema\": \"supercargo."), "{text}");
    serde_json::from_str(text).unwrap()
}

/// Returns the file that holds some content in a layout or the local content store.
pub(crate) fn blob_path(root: &Path, digest: &oci::Digest) -> PathBuf {
    root.join("blobs").join(digest.algorithm().name()).join(digest.encoded())
}
