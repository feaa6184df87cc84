//! Registries that run for the time of a test, each with content of its own.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::find;
use super::process::Process;
use crate::tokens::TokenService;

/// The only user of a registry that asks for credentials.
pub const USER: &str = "captain";

/// The password of [`USER`].
pub const PASSWORD: &str = "correct horse";

/// [`USER`] and the bcrypt hash of [`PASSWORD`].
const PASSWORD_FILE: &str = "captain:$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2\n";

/// A registry that somebody else has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerRegistry {
    /// CNCF distribution, version 3: no Referrers API.
    Distribution,
    /// Debian's docker-registry, distribution version 2.8.
    DockerRegistry,
    /// ociregistry's server in memory: Referrers API with filter, mounts, strict about missing children.
    Ociregistry,
    /// go-containerregistry's server in memory: Referrers API that ignores filters, answers mounts with 202.
    Liar,
}

/// A registry that runs until this is dropped. It speaks plain HTTP on a loopback address.
#[derive(Debug)]
pub struct RunningPeer {
    registry: PeerRegistry,
    address: SocketAddr,
    // Dropped in this order: the program ends before its files go.
    _process: Process,
    directory: TempDir,
}

impl PeerRegistry {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Distribution, Self::DockerRegistry, Self::Ociregistry, Self::Liar];

    /// Returns its name as a peer.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Distribution => "distribution",
            Self::DockerRegistry => "docker-registry",
            Self::Ociregistry => "ociregistry",
            Self::Liar => "liar",
        }
    }

    /// Tells whether it answers the Referrers API.
    pub const fn keeps_referrers(self) -> bool {
        matches!(self, Self::Ociregistry | Self::Liar)
    }

    /// Starts it on a free port, or returns `None` after saying once that it is missing.
    ///
    /// # Panics
    /// When it is missing and `CI=true`, or does not get ready.
    pub fn start(self) -> Option<RunningPeer> {
        self.start_with("")
    }

    /// Starts it so that it asks for [`USER`] and [`PASSWORD`] by basic authentication. Only the two of distribution can.
    ///
    /// # Panics
    /// As [`PeerRegistry::start`], and for a registry that knows no users.
    pub fn start_with_users(self) -> Option<RunningPeer> {
        assert!(matches!(self, Self::Distribution | Self::DockerRegistry), "{} knows no users", self.name());
        self.start_with("auth:\n  htpasswd:\n    realm: testkit\n    path: PASSWORDS\n")
    }

    /// Starts it so that it believes the tokens of this service. Only distribution can.
    ///
    /// # Panics
    /// As [`PeerRegistry::start`], and for another registry.
    pub fn start_with_tokens(self, service: &TokenService) -> Option<RunningPeer> {
        assert_eq!(self, Self::Distribution, "{} knows no tokens", self.name());
        self.start_with(&service.settings())
    }

    fn start_with(self, settings: &str) -> Option<RunningPeer> {
        let path = find(self.name())?;
        let directory = tempfile::Builder::new().prefix("testkit-registry-").tempdir().unwrap();
        let mut command = Command::new(path);
        match self {
            Self::Distribution | Self::DockerRegistry => {
                command.arg("serve").arg(configure(directory.path(), settings));
            }
            Self::Ociregistry | Self::Liar => {
                command.args(["--listen", "127.0.0.1:0"]);
            }
        }
        // Its own variables override what the file says.
        command.env_clear();
        let (process, address) = Process::start(command, listening_address);
        wait_until_it_answers(self, address);
        Some(RunningPeer { registry: self, address, _process: process, directory })
    }
}

impl RunningPeer {
    /// Returns which registry this is.
    pub const fn registry(&self) -> PeerRegistry {
        self.registry
    }

    /// Returns the address it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the name by which references call it, `127.0.0.1:PORT`.
    pub fn host(&self) -> oci::Host {
        self.address.to_string().parse().unwrap()
    }

    /// Returns the directory of its files; registries in memory have none there.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

/// Writes the configuration that both versions of distribution understand, and returns its path.
#[expect(clippy::disallowed_methods, reason = "files of one test run")]
fn configure(directory: &Path, settings: &str) -> std::path::PathBuf {
    let passwords = directory.join("passwords");
    std::fs::write(&passwords, PASSWORD_FILE).unwrap();
    let settings = settings.replace("PASSWORDS", &passwords.to_string_lossy());
    let root = directory.join("content");
    // Validation would refuse layers that lie elsewhere; the level of the log is the lowest that states the address.
    let text = format!(
        "version: 0.1\n\
         log:\n  level: info\n  accesslog:\n    disabled: true\n\
         storage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\n  \
         cache:\n    blobdescriptor: inmemory\n  maintenance:\n    uploadpurging:\n      enabled: false\n\
         http:\n  addr: 127.0.0.1:0\n  secret: for-this-run\n\
         validation:\n  disabled: true\n{settings}",
        root.display()
    );
    let path = directory.join("configuration.yml");
    std::fs::write(&path, text).unwrap();
    path
}

/// Finds the address in the line with which each of them says that it is ready.
fn listening_address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening ")?;
    let rest = rest.strip_prefix("on ").unwrap_or(rest);
    rest.split(['"', ' ']).next()?.parse().ok()
}

/// How long a registry that listens may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

fn wait_until_it_answers(registry: PeerRegistry, address: SocketAddr) {
    let deadline = Instant::now() + ANSWER_TIMEOUT;
    while !answers(address).unwrap_or(false) {
        assert!(Instant::now() < deadline, "{} listens on {address} but does not answer", registry.name());
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether `/v2/` is answered with success or with the wish for credentials.
fn answers(address: SocketAddr) -> std::io::Result<bool> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    write!(socket, "GET /v2/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0; 12];
    socket.read_exact(&mut answer)?;
    Ok(answer.ends_with(b" 200") || answer.ends_with(b" 401"))
}

#[cfg(test)]
mod tests {
    use super::listening_address;

    #[test]
    fn the_address_is_found_in_what_each_registry_says() {
        let lines = [
            "listening 127.0.0.1:4711",
            r#"time="2024" level=info msg="listening on 127.0.0.1:4711" go.version=go1.26"#,
        ];
        for line in lines {
            assert_eq!(listening_address(line), Some("127.0.0.1:4711".parse().unwrap()), "{line}");
        }
        assert_eq!(listening_address("redis not configured"), None);
    }
}
