//! The history of a project's lock, as the user's git tells it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use resolve::lock;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::error::OpsError;

/// Most bytes of a list of commits: a hundred thousand with their first lines.
const HISTORY_MAX_BYTES: usize = 32 << 20;
/// Most bytes of an answer of one line.
const LINE_MAX_BYTES: usize = 4096;
/// What git is told before its command: a directory that looks like a bare repository may have come with a project as ordinary files, and
/// its configuration may name programs to run.
const GUARD: [&str; 2] = ["-c", "safe.bareRepository=explicit"];
/// Most characters of a commit's first line that are shown.
const SUBJECT_MAX_CHARACTERS: usize = 80;

/// The git repository of a directory.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    directory: PathBuf,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    /// Its name.
    pub(crate) hash: String,
    /// The beginning of its name, its day and its first line.
    pub(crate) label: String,
}

impl Git {
    pub(crate) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// Returns the good commit and then, the oldest first, those up to the bad one that changed the lock. Of what was merged only
    /// the merge counts.
    pub(crate) async fn history(&self, good: &str, bad: &str) -> Result<Vec<Commit>, OpsError> {
        let (good, bad) = (self.commit(good).await?, self.commit(bad).await?);
        if self.run(&["merge-base", "--is-ancestor", &good, &bad], LINE_MAX_BYTES).await?.is_err() {
            return Err(OpsError::usage(
                format!("{good} is not among the ancestors of {bad}: there is no line between them"),
                format!("supercargo bisect run --over changes --good {good} --bad {bad} -- COMMAND"),
            ));
        }
        let format = "--format=%H %h %cs %s";
        let range = format!("{good}..{bad}");
        let path = format!("./{}", lock::FILE_NAME);
        let list = ["rev-list", "--first-parent", "--reverse", format, &range, "--", &path];
        let mut commits = read_commits(&self.asked(&["rev-list", "--max-count=1", format, &good]).await?);
        commits.extend(read_commits(&self.asked(&list).await?));
        Ok(commits)
    }

    /// Returns the text of the lock at a revision; inside, the first line of git's complaint when there is none.
    pub(crate) async fn lock_at(&self, revision: &str) -> Result<Result<String, String>, OpsError> {
        let name = format!("{revision}:./{}", lock::FILE_NAME);
        self.run(&["show", "--end-of-options", &name], lock::FILE_MAX_BYTES).await
    }

    /// Returns the name of the commit that a user means.
    async fn commit(&self, revision: &str) -> Result<String, OpsError> {
        let name = format!("{revision}^{{commit}}");
        let said = self.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &name], LINE_MAX_BYTES).await?;
        match said {
            Ok(hash) => Ok(hash.trim().to_owned()),
            Err(_) => Err(OpsError::NotFound {
                location: format!("the git repository of {}", self.directory.display()),
                name: format!("revision `{}`", oci::text::printable(revision)),
            }),
        }
    }

    async fn asked(&self, arguments: &[&str]) -> Result<String, OpsError> {
        self.run(arguments, HISTORY_MAX_BYTES).await?.map_err(|said| {
            OpsError::usage(format!("git {}: {said}", arguments.first().copied().unwrap_or_default()), None)
        })
    }

    /// Runs git and returns what it says; inside, the first line of its complaint when it fails.
    async fn run(&self, arguments: &[&str], limit: usize) -> Result<Result<String, String>, OpsError> {
        let failed = |source| OpsError::File { action: "cannot run", path: "git".into(), source };
        let child = Command::new("git")
            .args(GUARD)
            .args(arguments)
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut child = match child {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(OpsError::usage(
                    "the history of a lock is read by git, and there is no program of that name",
                    "supercargo diff A.lock B.lock".to_owned(),
                ));
            }
            child => child.map_err(failed)?,
        };
        let (mut said, mut complaint) = (Vec::new(), Vec::new());
        let (output, error) = (child.stdout.take(), child.stderr.take());
        let reading = async {
            if let Some(output) = output {
                output.take(limit as u64 + 1).read_to_end(&mut said).await?;
            }
            Ok::<_, std::io::Error>(())
        };
        let complaining = async {
            if let Some(error) = error {
                error.take(LINE_MAX_BYTES as u64).read_to_end(&mut complaint).await?;
            }
            Ok::<_, std::io::Error>(())
        };
        let (read, complained) = futures_util::future::join(reading, complaining).await;
        read.and(complained).map_err(failed)?;
        if said.len() > limit {
            let command = arguments.first().copied().unwrap_or_default();
            return Err(OpsError::usage(format!("git {command} says more than {limit} bytes"), None));
        }
        let status = child.wait().await.map_err(failed)?;
        if !status.success() {
            let complaint = String::from_utf8_lossy(&complaint);
            return Ok(Err(oci::text::printable(complaint.lines().next().unwrap_or_default()).into_owned()));
        }
        let text = String::from_utf8(said);
        text.map(Ok).map_err(|_| OpsError::usage("git says something that is not text".to_owned(), None))
    }
}

/// Reads a list of commits, in which `commit HASH` stands before each of the lines that were asked for.
fn read_commits(text: &str) -> Vec<Commit> {
    let lines = text.lines().filter(|line| !line.starts_with("commit "));
    let parts = lines.filter_map(|line| line.split_once(' '));
    parts
        .map(|(hash, rest)| Commit {
            hash: hash.to_owned(),
            label: rest.chars().take(SUBJECT_MAX_CHARACTERS).collect(),
        })
        .collect()
}
