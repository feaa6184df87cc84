//! What registries have answered about tags, written down for later (docs/formats/observations.md).
//!
//! Every repository that an operation opens is [watched](self::watched): what a tag names, and which tags there are, is noted as it is
//! learnt. [`Observer::keep`] writes at the end what is new, one file for each repository. No operation fails because of it.

mod watched;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use oci::{Digest, RegistryReference, Selector, Tag, Timestamp};
use resolve::observation::{self, Answers, Header, LISTED_TAGS_MAX, LOG_MAX_BYTES, Observations};
use store::journal::{self, Change};

use crate::error::OpsError;

pub(crate) use watched::Watched;

/// The name of a log. No part of a repository's name begins so.
const FILE: &str = "_observations.txt";
/// How large a log that has become too large is made, in bytes.
const LOG_KEPT_BYTES: usize = LOG_MAX_BYTES / 2;

/// Notes what registries answer, and keeps it.
#[derive(Debug, Default)]
pub struct Observer {
    /// Where the logs are; nothing is kept where there is no such directory.
    directory: Option<PathBuf>,
    /// The time of this run.
    now: Option<Timestamp>,
    noted: Mutex<BTreeMap<String, Noted>>,
}

/// What was learnt of one repository.
#[derive(Debug)]
struct Noted {
    repository: RegistryReference,
    answers: Answers,
}

/// A log that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadLog {
    /// What it says.
    pub log: Observations,
    /// What of it cannot be understood.
    pub warnings: Vec<String>,
}

impl Observer {
    /// Returns an observer that keeps logs below a directory.
    pub const fn new(directory: Option<PathBuf>, now: Option<Timestamp>) -> Self {
        Self { directory, now, noted: Mutex::new(BTreeMap::new()) }
    }

    /// Returns the log of a repository, as it was before this run.
    ///
    /// # Errors
    /// [`OpsError::Store`] when it is there and cannot be read.
    pub fn read(&self, repository: &RegistryReference) -> Result<ReadLog, OpsError> {
        let Some(path) = self.path(repository) else { return Ok(ReadLog::default()) };
        let text = journal::read(&path, LOG_MAX_BYTES)?.unwrap_or_default();
        Ok(parse(&path, &text))
    }

    /// Writes down what is new. Returns what went wrong; the other logs are written all the same.
    pub fn keep(&self) -> Vec<String> {
        let noted = std::mem::take(&mut *self.noted());
        let mut warnings = Vec::new();
        let Some(now) = self.now else { return warnings };
        for Noted { repository, answers } in noted.into_values() {
            let written = self.add(&repository, &mut warnings, |log| log.news(&answers, now).into_iter().collect());
            if let Err(error) = written {
                let name = name(&repository);
                warnings.push(format!("what was seen of {name} cannot be written down: {}", chain(&error)));
            }
        }
        warnings
    }

    /// Adds to the log of a repository what `news` makes of what it holds. Returns how many sightings are new.
    ///
    /// # Errors
    /// [`OpsError::Store`] when it cannot be written, [`OpsError::Usage`] when nothing says where it is.
    pub fn add(
        &self,
        repository: &RegistryReference,
        warnings: &mut Vec<String>,
        news: impl FnOnce(&Observations) -> Observations,
    ) -> Result<usize, OpsError> {
        let path = self.path(repository).ok_or_else(|| {
            OpsError::usage(
                "nothing says where the observation log is: neither XDG_STATE_HOME nor HOME is set",
                "export XDG_STATE_HOME=DIR".to_owned(),
            )
        })?;
        let mut added = 0;
        journal::change(&path, LOG_MAX_BYTES, |held| {
            let held = held.unwrap_or_default();
            let ReadLog { mut log, warnings: found } = parse(&path, held);
            warnings.extend(found);
            let news = news(&log);
            if news.is_empty() {
                return Change::Nothing;
            }
            let before = log.len();
            log.merge(&news);
            added = log.len() - before;
            let mut text = news.lines();
            if held.is_empty() {
                text.insert_str(0, &observation::header(repository));
            } else if held.last() != Some(&b'\n') {
                // Somebody was cut off in the middle of a line.
                text.insert(0, '\n');
            }
            if held.len() + text.len() <= LOG_MAX_BYTES {
                return Change::Append(text.into_bytes());
            }
            log.shrink(LOG_KEPT_BYTES);
            Change::Replace((observation::header(repository) + &log.lines()).into_bytes())
        })?;
        Ok(added)
    }

    /// Returns the time of this run.
    pub const fn now(&self) -> Option<Timestamp> {
        self.now
    }

    fn path(&self, repository: &RegistryReference) -> Option<PathBuf> {
        let directory = self.directory.as_ref()?;
        Some(directory.join(repository.host.as_str()).join(repository.repository.as_str()).join(FILE))
    }

    fn noted(&self) -> MutexGuard<'_, BTreeMap<String, Noted>> {
        // What was noted before a panic is as true as before.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, repository: &RegistryReference, change: impl FnOnce(&mut Answers)) {
        let mut noted = self.noted();
        let entry = noted.entry(name(repository)).or_insert_with(|| Noted {
            repository: RegistryReference { selector: Selector::default(), ..repository.clone() },
            answers: Answers::default(),
        });
        change(&mut entry.answers);
    }

    /// Notes what a tag names.
    fn note_tag(&self, repository: &RegistryReference, tag: &Tag, digest: Option<Digest>) {
        // What attachments are called is no name that anybody would ask for.
        if !tag.is_attachment() {
            self.note(repository, |answers| {
                answers.tags.insert(tag.clone(), digest);
            });
        }
    }

    /// Notes which tags there are.
    fn note_list(&self, repository: &RegistryReference, tags: &[Tag]) {
        if tags.len() <= LISTED_TAGS_MAX {
            let listed = tags.iter().filter(|tag| !tag.is_attachment()).cloned().collect();
            self.note(repository, |answers| answers.listed = Some(listed));
        }
    }
}

/// Reads the text of a log, of which the first line may be missing.
fn parse(path: &Path, text: &[u8]) -> ReadLog {
    if text.is_empty() {
        return ReadLog::default();
    }
    let (log, skipped) = Observations::parse(text);
    let skipped = Header::parse(text).err().into_iter().chain(skipped);
    let told = |line| format!("{} is not understood and left out: {line}", path.display());
    ReadLog { log, warnings: skipped.map(told).collect() }
}

/// Returns the name of a repository.
pub(crate) fn name(repository: &RegistryReference) -> String {
    format!("{}/{}", repository.host, repository.repository)
}

/// Returns an error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
