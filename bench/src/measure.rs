//! What a program uses: time, processor, memory.
//!
//! The kernel tells a parent what its finished children have used, all of them together. So every measured program gets
//! a parent of its own, `bench measure`, which has no other child. It must be small: a child's peak memory begins at that
//! of the process it was forked from.

use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde::{Deserialize, Serialize};

/// What a program and everything that it started has used.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Usage {
    /// From its start to its end, in microseconds.
    pub wall: u64,
    /// In user and in kernel mode, in microseconds.
    pub cpu: u64,
    /// Most memory of one process at any time, in bytes.
    pub peak: u64,
}

/// A command line with the environment that it needs beyond a home directory and a path.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    pub command: Vec<String>,
    pub environment: Vec<(String, String)>,
}

impl Invocation {
    /// Returns the invocation of these words.
    pub fn new<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Self {
        Self { command: words.into_iter().map(Into::into).collect(), environment: Vec::new() }
    }

    #[must_use]
    pub fn with(mut self, words: &[&str]) -> Self {
        self.command.extend(words.iter().map(|&word| word.to_owned()));
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Returns it as it would be typed.
    pub fn shown(&self) -> String {
        let environment = self.environment.iter().map(|(name, value)| format!("{name}={value}"));
        environment.chain(self.command.iter().cloned()).collect::<Vec<_>>().join(" ")
    }

    /// Runs it in a home directory and returns what it used. What it says is lost, unless it fails: then its last words
    /// are in the error.
    pub fn measure(&self, home: &Path) -> Result<Usage> {
        let said = home.join("stderr");
        let mut wrapper = Command::new(std::env::current_exe()?);
        wrapper.arg("measure").arg("--").args(&self.command);
        wrapper.env_clear().env("HOME", home).env("PATH", "/usr/local/bin:/usr/bin:/bin");
        wrapper.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = wrapper.stdin(Stdio::null()).stderr(File::create(&said)?).output()?;
        if !output.status.success() {
            let said = std::fs::read_to_string(&said)?;
            let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no word");
            bail!("{}: {last}", output.status);
        }
        serde_json::from_slice(&output.stdout).context("bench measure: not the answer that was expected")
    }
}

/// The command `bench measure`: runs the program with nothing to read and nobody to talk to, prints what it used, and
/// ends as it did.
pub fn run_and_print(command: &[String]) -> Result<ExitCode> {
    let (program, arguments) = command.split_first().context("no command")?;
    let mut child = Command::new(program);
    child.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    let start = Instant::now();
    let status = child.status().with_context(|| format!("cannot start {program}"))?;
    let wall = start.elapsed();
    let used = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let usage = Usage {
        wall: microseconds(wall),
        cpu: microseconds(duration(used.user_time()) + duration(used.system_time())),
        // The kernel counts in KiB.
        peak: u64::try_from(used.max_rss())? * 1024,
    };
    println!("{}", serde_json::to_string(&usage)?);
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn duration(time: TimeVal) -> Duration {
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
    Duration::from_secs(unsigned(time.tv_sec())) + Duration::from_micros(unsigned(time.tv_usec()))
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
