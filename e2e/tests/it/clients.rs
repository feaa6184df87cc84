//! Clients of others with the program as the registry, by its file, under TLS: logged in by password and by token, known without rights,
//! and as nobody. Each client does what its users do with it; what it leaves is read back by the same client.

mod buildah;
mod containerd;
mod cosign;
mod crane;
mod imgpkg;
mod oras;
mod podman;
mod regctl;
mod skopeo;

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{Login, Served};
use oci::Digest;
use tempfile::TempDir;
use testkit::application::Application;
use testkit::peers::{Outcome, Tool, tool};

use crate::interop::flat;

/// A client at a desk of its own, where the layout `app` lies.
struct Client {
    tool: Tool,
    desk: TempDir,
    application: Application,
    /// What every command of the client begins with.
    global: Vec<String>,
}

impl Client {
    /// Returns a client; `None` when it is not installed, which has been said then.
    fn new(name: &'static str) -> Option<Self> {
        let tool = tool(name)?;
        let desk = tempfile::Builder::new().prefix("e2e-").tempdir().unwrap();
        let application = flat();
        application.write_layout(&desk.path().join("app"));
        Some(Self { tool, desk, application, global: Vec::new() })
    }

    /// Returns what a tag of the layout names.
    fn digest(&self, tag: &str) -> Digest {
        self.application.tags().iter().find(|(name, _)| name.as_str() == tag).unwrap().1
    }

    fn path(&self, name: &str) -> PathBuf {
        self.desk.path().join(name)
    }

    /// Returns a command that somebody gives who trusts the server; `None` is nobody who is known.
    fn command(&self, served: &Served, who: Option<&str>, arguments: &[&str]) -> Command {
        let login = served.logged_in(who);
        let mut command = self.tool.command();
        command.args(&self.global).args(arguments).current_dir(self.desk.path());
        command.env("SSL_CERT_FILE", served.authority()).env("DOCKER_CONFIG", &login);
        // cosign's keys here have no password.
        command.env("REGISTRY_AUTH_FILE", login.join("config.json")).env("COSIGN_PASSWORD", "");
        command
    }

    fn outcome(&self, served: &Served, who: Option<&str>, arguments: &[&str]) -> Outcome {
        self.command(served, who, arguments).output().unwrap().into()
    }

    /// Runs a command that has to succeed, and returns its standard output.
    fn run(&self, served: &Served, who: Option<&str>, arguments: &[&str]) -> String {
        let outcome = self.outcome(served, who, arguments);
        assert!(outcome.success, "{who:?} {arguments:?}: {}{}", outcome.stdout, outcome.stderr);
        outcome.stdout
    }

    /// Runs a command that the server has to refuse: to nobody because it is not known who that is, to others because they may not.
    fn is_refused(&self, served: &Served, who: Option<&str>, arguments: &[&str]) {
        let outcome = self.outcome(served, who, arguments);
        let said = format!("{}{}", outcome.stdout, outcome.stderr).to_lowercase();
        let reasons: &[&str] = if who.is_none() {
            &["unauthorized", "credential not found", "401"]
        } else {
            &["denied", "403", "forbidden"]
        };
        let is_said = reasons.iter().any(|reason| said.contains(reason));
        assert!(!outcome.success && is_said, "{who:?} {arguments:?}: {said}");
    }
}

/// Does something with a server for each way to log in. Every server has to end well.
fn with_each_login(work: impl Fn(&Served, Login)) {
    for login in Login::ALL {
        let served = Served::start(login);
        work(&served, login);
        served.end();
    }
}

/// Returns a file as text.
fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
