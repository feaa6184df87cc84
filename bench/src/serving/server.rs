//! Registries as processes, each with a configuration that does the same.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::role;
use crate::contender::Role;
use crate::process::{Process, Used};
use crate::registry::{self, free_address, status};

/// How long a registry may take to answer after its start.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How often it is asked. It is what the time to the first answer is known to.
const STEP: Duration = Duration::from_micros(500);

/// A registry that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Supercargo,
    Distribution,
    Zot,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Supercargo, Self::Distribution, Self::Zot];

    /// Returns its name, which is also that of the tool.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Supercargo => "supercargo",
            Self::Distribution => "distribution",
            Self::Zot => "zot",
        }
    }
}

/// A registry that runs until this is dropped. Its files stay.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    program: String,
    directory: PathBuf,
    address: SocketAddr,
    /// Lines of our own configuration.
    settings: String,
    process: Option<Child>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Server {
    /// Returns a registry that keeps its files in a directory, not yet started.
    pub fn new(kind: Kind, program: String, directory: PathBuf, settings: &str) -> Result<Self> {
        let settings = settings.to_owned();
        Ok(Self { kind, program, directory, address: free_address()?, settings, process: None })
    }

    pub const fn kind(&self) -> Kind {
        self.kind
    }

    pub const fn role(&self) -> Role {
        role(self.kind)
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns where its content lies.
    pub fn content(&self) -> PathBuf {
        self.directory.join("content")
    }

    /// Starts it, again if it runs, on what it has; returns the time until the first good answer.
    pub fn start(&mut self) -> Result<Duration> {
        self.stop();
        fs::create_dir_all(&self.directory)?;
        let configuration = self.configuration()?;
        let mut command = Command::new(&self.program);
        command.arg("serve").args((self.kind == Kind::Supercargo).then_some("--config")).arg(configuration);
        // Otherwise distribution prepares every request for a collector of traces that is not there.
        command.env_clear().env("OTEL_TRACES_EXPORTER", "none").env("HOME", &self.directory);
        let log = File::create(self.directory.join("log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let start = Instant::now();
        self.process = Some(command.spawn().with_context(|| format!("cannot start {}", self.program))?);
        while status(self.address, "GET", "/v2/").ok() != Some(200) {
            if start.elapsed() > START_TIMEOUT {
                bail!("{} does not answer: {}", self.program, self.last_words());
            }
            thread::sleep(STEP);
        }
        Ok(start.elapsed())
    }

    /// Ends it, if it runs.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Fails only when it has ended by itself.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Returns what it has used since its start.
    pub fn used(&self) -> Result<Used> {
        self.process()?.used()
    }

    /// Returns its process.
    pub fn process(&self) -> Result<Process> {
        Ok(Process::of(self.process.as_ref().context("it does not run")?.id()))
    }

    /// Runs distribution's collector on its content, while it does not serve.
    pub fn collect_offline(&mut self) -> Result<Duration> {
        self.stop();
        let configuration = self.configuration()?;
        let start = Instant::now();
        let mut command = Command::new(&self.program);
        command.arg("garbage-collect").arg(configuration).env_clear();
        let output = command.stdin(Stdio::null()).output()?;
        if !output.status.success() {
            bail!("garbage-collect: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(start.elapsed())
    }

    fn last_words(&self) -> String {
        let said = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no word").to_owned()
    }

    fn configuration(&self) -> Result<PathBuf> {
        let (address, root) = (self.address, self.content());
        let (name, text) = match self.kind {
            Kind::Supercargo => ("serve.toml", ours(address, &root, &self.settings)),
            Kind::Distribution => ("configuration.yml", registry::configuration(address, &root)),
            Kind::Zot => ("zot.json", zot(address, &root)),
        };
        let path = self.directory.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

fn ours(address: SocketAddr, root: &Path, settings: &str) -> String {
    format!("listen = {:?}\nroot = {:?}\n{settings}", address.to_string(), root.display().to_string())
}

fn zot(address: SocketAddr, root: &Path) -> String {
    let http = json!({"address": address.ip().to_string(), "port": address.port().to_string()});
    let storage = json!({"rootDirectory": root, "gc": true, "dedupe": true});
    json!({"distSpecVersion": "1.1.1", "storage": storage, "http": http, "log": {"level": "error"}}).to_string()
}
