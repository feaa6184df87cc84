//! CNCF distribution as the registry at either end, and the few questions that are asked of it directly.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::discard::Discarded;

/// How long a registry may take to answer after its start. It takes 30 ms.
const START_TIMEOUT: Duration = Duration::from_secs(30);

const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";

/// A registry that runs until this is dropped. Its files stay.
#[derive(Debug)]
pub struct Registry {
    program: String,
    directory: PathBuf,
    address: SocketAddr,
    process: Option<Child>,
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Registry {
    /// Starts an empty registry that keeps its files in a directory.
    pub fn start(program: &str, directory: &Path, discarded: &mut Discarded) -> Result<Self> {
        let address = free_address()?;
        let mut registry = Self { program: program.to_owned(), directory: directory.into(), address, process: None };
        registry.restart_empty(discarded)?;
        Ok(registry)
    }

    /// Returns the address it listens on, which stays the same after a restart.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts everything away and starts anew.
    pub fn restart_empty(&mut self, discarded: &mut Discarded) -> Result<()> {
        self.stop();
        discarded.take(&self.directory)?;
        fs::create_dir_all(&self.directory)?;
        let mut command = Command::new(&self.program);
        command.arg("serve").arg(self.write_configuration()?).env_clear();
        // Otherwise every request is prepared for a collector of traces that is not there.
        command.env("OTEL_TRACES_EXPORTER", "none");
        let log = File::create(self.directory.join("log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.process = Some(command.spawn().with_context(|| format!("cannot start {}", self.program))?);
        self.wait_until_it_answers()
    }

    fn write_configuration(&self) -> Result<PathBuf> {
        let path = self.directory.join("configuration.yml");
        let text = configuration(self.address, &self.directory.join("content"));
        fs::write(&path, text)?;
        Ok(path)
    }

    fn wait_until_it_answers(&self) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while status(self.address, "GET", "/v2/").ok() != Some(200) {
            if Instant::now() > deadline {
                bail!("{} does not answer on {}", self.program, self.address);
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Tells whether something is there. `path` begins after `/v2/`.
    pub fn has(&self, path: &str) -> Result<bool> {
        let path = format!("/v2/{path}");
        match status(self.address, "HEAD", &path).with_context(|| format!("HEAD {path}"))? {
            200 => Ok(true),
            404 => Ok(false),
            other => bail!("HEAD {path}: status {other}"),
        }
    }

    /// Puts a small blob.
    pub fn put_blob(&self, repository: &str, digest: &str, bytes: &[u8]) -> Result<()> {
        let started = exchange(self.address, "POST", &format!("/v2/{repository}/blobs/uploads/"), "", &[])?;
        let location = started.lines().find_map(|line| line.strip_prefix("Location: ")).context("no session")?;
        let path = location.strip_prefix(&format!("http://{}", self.address)).unwrap_or(location);
        self.put(&format!("{path}&digest={digest}"), "application/octet-stream", bytes)
    }

    /// Puts a manifest under a tag or a digest.
    pub fn put_manifest(&self, repository: &str, name: &str, media_type: &str, bytes: &[u8]) -> Result<()> {
        self.put(&format!("/v2/{repository}/manifests/{name}"), media_type, bytes)
    }

    fn put(&self, path: &str, media_type: &str, bytes: &[u8]) -> Result<()> {
        let head = exchange(self.address, "PUT", path, media_type, bytes)?;
        ensure!(head.starts_with("HTTP/1.1 201"), "PUT {path}: {}", head.lines().next().unwrap_or_default());
        Ok(())
    }

    fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Fails only when it has ended by itself.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Returns the configuration of a registry that keeps its content in a directory.
pub fn configuration(address: SocketAddr, root: &Path) -> String {
    let root = root.display();
    format!(
        "version: 0.1\n\
         log:\n  level: error\n  accesslog:\n    disabled: true\n\
         storage:\n  filesystem:\n    rootdirectory: {root}\n  delete:\n    enabled: true\n  \
         cache:\n    blobdescriptor: inmemory\n  maintenance:\n    uploadpurging:\n      enabled: false\n\
         http:\n  addr: {address}\n  secret: for-this-run\n"
    )
}

/// Returns a loopback address that is free now. Distribution cannot say which port it was given if it asks for any.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Sends a request and returns the head of the answer.
fn exchange(address: SocketAddr, method: &str, path: &str, media_type: &str, bytes: &[u8]) -> Result<String> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(START_TIMEOUT))?;
    let length = bytes.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    socket.write_all(&[head.as_bytes(), bytes].concat())?;
    let mut answer = String::new();
    for line in BufReader::new(socket).lines() {
        match line? {
            end if end.is_empty() => break,
            line => answer.extend([line.as_str(), "\n"]),
        }
    }
    Ok(answer)
}

/// Sends a request without a body and returns the status of the answer.
pub fn status(address: SocketAddr, method: &str, path: &str) -> io::Result<u16> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(START_TIMEOUT))?;
    write!(socket, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAccept: {ACCEPT}\r\nConnection: close\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(socket).read_line(&mut line)?;
    let code = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    code.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("no status in {line:?}")))
}
