//! One command of the tour: printed as a user would type it, run, its output shown.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use tokio::process::Command;

use crate::environment::Environment;
use crate::exit::Exit;

/// A command of the tour and what came of it. The names of the fields are a public interface.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Step {
    /// As a user would type it.
    pub(super) command: String,
    /// How it ended.
    pub(super) exit_code: i32,
    /// The result.
    pub(super) stdout: String,
    /// Everything else.
    pub(super) stderr: String,
}

/// Where the commands of the tour run.
pub(super) struct Stagehand {
    program: PathBuf,
    directory: PathBuf,
    home: PathBuf,
}

impl Stagehand {
    /// Returns one that runs this very program in `directory`, with nothing of the user's: `home` is its home.
    pub(super) fn new(directory: PathBuf, home: PathBuf) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program to run it")?;
        Ok(Self { program, directory, home })
    }

    /// Runs a command that has to end as `expected`.
    pub(super) async fn run(&self, words: &[&str], expected: Exit) -> Result<Step> {
        let output = Command::new(&self.program)
            .args(words)
            .current_dir(&self.directory)
            .env_clear()
            .envs(Environment::isolated(&self.home, ops::tour::jaeger::NOW))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("cannot run this program")?;
        let step = Step {
            command: format!("supercargo {}", words.join(" ")),
            exit_code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        if step.exit_code != i32::from(expected as u8) {
            let (code, said) = (step.exit_code, step.stderr.lines().next().unwrap_or_default());
            let said = said.strip_prefix("error: ").unwrap_or(said);
            bail!("`{}` ended with exit code {code}, not {}: {said}", step.command, expected as u8);
        }
        Ok(step)
    }
}

impl Step {
    /// Returns the step as a transcript, with at most `lines` lines of output and the number of those left out.
    pub(super) fn transcript(&self, lines: usize) -> String {
        let mut text = format!("$ {}\n", self.command);
        let output = || self.stdout.lines().chain(self.stderr.lines());
        text.extend(output().take(lines).flat_map(|line| [line, "\n"]));
        let left_out = output().skip(lines).count();
        if left_out > 0 {
            text.extend([format!("[{left_out} more lines]\n")]);
        }
        if self.exit_code != 0 {
            text.extend([format!("[exit code {}]\n", self.exit_code)]);
        }
        text
    }
}
