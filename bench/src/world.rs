//! What the scenarios of a run share: two registries, directories, and the corpus.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testkit::proxy::DelayProxy;
use tokio::runtime::Runtime;

use crate::discard::Discarded;
use crate::generate;
use crate::registry::Registry;
use crate::tools::Tools;

/// The delay of a connect and of each direction in the scenarios that have one.
pub const DELAY: Duration = Duration::from_millis(40);

/// The largest of the Debian images.
pub const LARGE_TAG: &str = "app-2.0";

/// Everything that scenarios run on.
pub struct World {
    pub tools: Tools,
    /// Holds the corpus, and is never written to after that.
    pub source: Registry,
    /// Where copies go.
    pub destination: Registry,
    debian: PathBuf,
    generated: PathBuf,
    work: PathBuf,
    discarded: Discarded,
    // The proxies end when they are dropped, before the runtime they run on.
    proxies: Option<(DelayProxy, DelayProxy)>,
    runtime: Runtime,
}

impl World {
    /// Starts the registries in a directory.
    pub fn begin(tools: Tools, debian: &Path, generated: &Path, work: &Path) -> Result<Self> {
        let distribution = tools.path("distribution")?;
        fs::create_dir_all(work)?;
        let work = work.canonicalize()?;
        let mut discarded = Discarded::new(work.join("discarded"))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Self {
            source: Registry::start(&distribution, &work.join("source"), &mut discarded)?,
            destination: Registry::start(&distribution, &work.join("destination"), &mut discarded)?,
            debian: debian.canonicalize().context("no Debian application: run cargo xtask corpus")?,
            generated: generated.canonicalize().context("no generated images: run cargo xtask corpus")?,
            work,
            discarded,
            tools,
            proxies: None,
            runtime,
        })
    }

    /// Returns the directories of the run, each with a short name for messages.
    pub fn short_names(&self) -> Vec<(String, &'static str)> {
        let directories = [(&self.work, "WORK"), (&self.debian, "DEBIAN"), (&self.generated, "GENERATED")];
        directories.map(|(path, name)| (path.display().to_string(), name)).to_vec()
    }

    /// Returns the layout of the largest Debian image, tagged [`LARGE_TAG`].
    pub fn large(&self) -> PathBuf {
        self.debian.join(LARGE_TAG)
    }

    /// Returns the layout of the small images.
    pub fn small_images(&self) -> PathBuf {
        self.generated.join(generate::SMALL_IMAGES)
    }

    /// Returns the layout of the application.
    pub fn application(&self) -> PathBuf {
        self.generated.join(generate::APPLICATION)
    }

    /// Returns a directory that [`World::reset`] removes.
    pub fn output(&self) -> PathBuf {
        self.work.join("output")
    }

    /// Returns where supercargo's content store lies; [`World::reset`] removes it.
    pub fn store(&self) -> PathBuf {
        self.work.join("store")
    }

    /// Returns the home directory of every program that is measured.
    pub fn home(&self) -> PathBuf {
        self.work.join("home")
    }

    /// Returns where files go that commands read, such as lists.
    pub fn file(&self, name: &str) -> PathBuf {
        self.work.join(name)
    }

    /// Brings everything to the state before a first copy: an empty destination, no output, an empty content store.
    pub fn reset(&mut self) -> Result<()> {
        for directory in [self.output(), self.store(), self.home()] {
            self.discarded.take(&directory)?;
        }
        fs::create_dir_all(self.home())?;
        self.destination.restart_empty(&mut self.discarded)?;
        // What was written before is not written back during the next run.
        ensure!(Command::new("sync").arg("-f").arg(&self.work).status()?.success(), "sync failed");
        Ok(())
    }

    /// Returns addresses that lead to source and destination through a delay, starting the proxies at the first call.
    pub fn delayed(&mut self) -> Result<(SocketAddr, SocketAddr)> {
        if self.proxies.is_none() {
            let start = |upstream| self.runtime.block_on(DelayProxy::start(upstream, DELAY));
            self.proxies = Some((start(self.source.address())?, start(self.destination.address())?));
        }
        let (source, destination) = self.proxies.as_ref().context("just started")?;
        Ok((source.address(), destination.address()))
    }

    /// Copies an image of a layout to the source with everything attached to it.
    pub fn load(&self, layout: &Path, tag: &str, repository: &str) -> Result<()> {
        let from = format!("oci:{}:{tag}", layout.display());
        let to = format!("{}/{repository}:{tag}", self.source.address());
        let mut command = Command::new(self.tools.path("orascopy")?);
        let status = command.args(["--plain-http", "--recursive", &from, &to]).status()?;
        ensure!(status.success(), "cannot load {from} into the source");
        Ok(())
    }
}
