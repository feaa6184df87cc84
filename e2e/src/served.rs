//! The program as a registry: `supercargo serve` by a file, under TLS, with users and rules.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use serde_json::json;
use testkit::certificates;
pub use testkit::users::{GUEST, OWNER};
use testkit::users::{HTPASSWD, PASSWORD, RULES};

use crate::binary::Program;
use crate::sound::write;

/// A relative root, as the book has it, and a collector that never rests.
const SETTINGS: &str = r#"
listen = "127.0.0.1:0"
root = "registry"

[collect]
period = "1s"

[tls]
certificate = "server.pem"
key = "server.key"
"#;

/// How clients show who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// By the password in every request.
    Password,
    /// By tokens, which are fetched with the password. The password alone is refused elsewhere.
    Token,
}

impl Login {
    /// Both ways.
    pub const ALL: [Self; 2] = [Self::Password, Self::Token];
}

/// A server in a process of its own. It is killed when this is dropped.
#[derive(Debug)]
pub struct Served {
    program: Program,
    child: Child,
    host: String,
}

impl Served {
    /// Starts a server that has nothing yet.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(login: Login) -> Self {
        let program = Program::default();
        let home = program.home();
        for file in ["server.pem", "server.key", "authority.pem"] {
            fs::copy(certificates::path(file), home.join(file)).unwrap();
        }
        fs::create_dir(home.join("trusted")).unwrap();
        fs::copy(home.join("authority.pem"), home.join("trusted/ca.crt")).unwrap();
        write(&home.join("users"), HTPASSWD);
        let tokens = if login == Login::Token { "[auth.tokens]\nrequired = true\n" } else { "" };
        write(&home.join("serve.toml"), format!("{SETTINGS}{RULES}{tokens}"));
        let said = File::create(home.join("said")).unwrap();
        let mut command = program.command(&["serve", "--config", "serve.toml"]);
        let mut child = command.stdout(Stdio::piped()).stderr(said).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = || fs::read_to_string(home.join("said")).unwrap();
        let (host, _) = line.split_once(" serves ").unwrap_or_else(|| panic!("{line}{}", said()));
        let host = host.to_owned();
        for who in [OWNER, GUEST] {
            let auth = base64::engine::general_purpose::STANDARD.encode(format!("{who}:{PASSWORD}"));
            fs::create_dir(home.join(who)).unwrap();
            let auths = json!({ "auths": { &host: { "auth": auth } } });
            write(&home.join(who).join("config.json"), auths.to_string());
        }
        fs::create_dir(home.join("nobody")).unwrap();
        write(&home.join("nobody/config.json"), json!({ "auths": {} }).to_string());
        Self { program, child, host }
    }

    /// Returns `HOST:PORT`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns what a user would type for something in the registry.
    pub fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.host)
    }

    /// Returns the file with the certificate that everybody has to trust.
    pub fn authority(&self) -> PathBuf {
        self.program.home().join("authority.pem")
    }

    /// Returns a directory with that certificate alone, as `--cert-dir` and `certs.d` want it.
    pub fn trusted(&self) -> PathBuf {
        self.program.home().join("trusted")
    }

    /// Returns a directory with the `config.json` of somebody, as docker writes it; `None` is somebody who has not logged in.
    pub fn logged_in(&self, who: Option<&str>) -> PathBuf {
        self.program.home().join(who.unwrap_or("nobody"))
    }

    /// Copies every tag of a layout, with all there is to it, to a repository: by the program, as its owner.
    ///
    /// # Panics
    /// When that fails.
    pub fn fill(&self, layout: &Path, name: &str) {
        let [authority, login] = [self.authority(), self.logged_in(Some(OWNER)).join("config.json")];
        let [authority, login] = [&authority, &login].map(|path| path.display().to_string());
        let global = ["--ca-file", &authority, "--authfile", &login];
        let copy = ["copy", "--all-tags", &format!("oci:{}", layout.display()), &self.at(name)];
        self.program.succeed(&[&global[..], &copy].concat());
    }

    /// Ends the server as an operator does.
    ///
    /// # Panics
    /// When it does not end well, or when it had anything to tell but notes.
    pub fn end(mut self) {
        let signal = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(signal.success());
        let status = self.child.wait().unwrap();
        let said = fs::read_to_string(self.program.home().join("said")).unwrap();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(!said.lines().any(|line| line.starts_with("error: ")), "{said}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Fails only when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
