//! What registries have answered about tags, written down for later (docs/formats/observations.md).
//!
//! Every repository that an operation opens is watched: what a tag names, and which tags there are, is noted as it is
//! learnt, with the moment. [`Observer::keep`] writes what is new, one file for each repository. No operation fails because of it.

mod clock;
mod cursors;
mod watched;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use oci::{Digest, RegistryReference, Selector, Tag, Timestamp};
use resolve::observation::{self, Answers, Header, LISTED_TAGS_MAX, LOG_MAX_BYTES, LogText, Observations};
use store::journal::{self, Change};

use self::cursors::Cursors;
use crate::error::OpsError;

pub use clock::Clock;
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
    clock: Clock,
    noted: Mutex<BTreeMap<String, Noted>>,
    cursors: Cursors,
}

/// What was learnt of one repository.
#[derive(Debug)]
struct Noted {
    repository: RegistryReference,
    /// What was answered and when, one after the other.
    answers: Vec<(Timestamp, Answers)>,
}

/// A log that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadLog {
    /// What it says.
    pub log: Observations,
    /// What of it is not understood: lines of a newer program, or damage. To be told where the log itself is looked at.
    pub warnings: Vec<String>,
}

impl Observer {
    /// Returns an observer that keeps logs below a directory.
    pub fn new(directory: Option<PathBuf>, clock: Clock) -> Self {
        Self { directory, clock, noted: Mutex::default(), cursors: Cursors::default() }
    }

    /// Returns the log of a repository, without what was noted and not yet kept.
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
        let failed = self.cursors.keep();
        let mut warnings: Vec<String> = failed.iter().map(|error| chain(error)).collect();
        for Noted { repository, answers } in noted.into_values() {
            let written = self.add(&repository, &mut warnings, |log| news(log, &answers));
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
            let mut read = LogText::parse(held);
            // What a newer program has written stays, and is no news in every run; what was cut off is told, and goes.
            let cut_off = |line| format!("{} was cut off, and its last line is lost: {line}", path.display());
            warnings.extend(read.torn.as_ref().map(cut_off));
            let news = news(&read.log);
            if news.is_empty() && read.torn.is_none() {
                return Change::Nothing;
            }
            let before = read.log.len();
            read.log.merge(&news);
            added = read.log.len() - before;
            let mut text = news.lines();
            if held.is_empty() {
                text.insert_str(0, &observation::header(repository));
            } else if held.last() != Some(&b'\n') {
                // Somebody was cut off at the end of a line.
                text.insert(0, '\n');
            }
            let fits = held.len() + text.len() <= LOG_MAX_BYTES;
            if fits && read.torn.is_none() {
                return Change::Append(text.into_bytes());
            }
            let limit = if fits { LOG_MAX_BYTES } else { LOG_KEPT_BYTES };
            Change::Replace(read.mended(repository, limit).into_bytes())
        })?;
        Ok(added)
    }

    /// Returns the time.
    pub fn now(&self) -> Option<Timestamp> {
        self.clock.now()
    }

    fn path(&self, repository: &RegistryReference) -> Option<PathBuf> {
        Some(self.directory_of(repository)?.join(FILE))
    }

    /// Returns where a log is, and what is kept beside it.
    fn directory_of(&self, repository: &RegistryReference) -> Option<PathBuf> {
        let directory = self.directory.as_ref()?;
        Some(directory.join(repository.host.as_str()).join(repository.repository.as_str()))
    }

    fn noted(&self) -> MutexGuard<'_, BTreeMap<String, Noted>> {
        // What was noted before a panic is as true as before.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, repository: &RegistryReference, change: impl FnOnce(&mut Answers)) {
        let Some(now) = self.now() else { return };
        let mut noted = self.noted();
        let entry = noted.entry(name(repository)).or_insert_with(|| Noted {
            repository: RegistryReference { selector: Selector::default(), ..repository.clone() },
            answers: Vec::new(),
        });
        // Of two answers in one second the last one counts.
        match entry.answers.last_mut() {
            Some((moment, answers)) if *moment == now => change(answers),
            _ => {
                let mut answers = Answers::default();
                change(&mut answers);
                entry.answers.push((now, answers));
            }
        }
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

    /// Returns from which tags on the parts of the list of tags can be asked for.
    fn cursors(&self, repository: &RegistryReference) -> Vec<Tag> {
        self.directory_of(repository).map(|directory| self.cursors.of(&directory)).unwrap_or_default()
    }

    /// Notes from which tags on the parts of the next list of tags can be asked for.
    fn note_cursors(&self, repository: &RegistryReference, cursors: Vec<Tag>) {
        if self.now().is_some()
            && let Some(directory) = self.directory_of(repository)
        {
            self.cursors.note(directory, cursors);
        }
    }
}

/// Returns what of answers is new to a log.
fn news(log: &Observations, answers: &[(Timestamp, Answers)]) -> Observations {
    let (mut log, mut all) = (log.clone(), Observations::default());
    for (moment, answers) in answers {
        let news: Observations = log.news(answers, *moment).into_iter().collect();
        log.merge(&news);
        all.merge(&news);
    }
    all
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    /// Returns an observer and the seconds that its clock shows.
    fn observer(directory: &Path) -> (Observer, Arc<AtomicI64>) {
        let seconds = Arc::new(AtomicI64::new(1_750_000_000));
        let shown = Arc::clone(&seconds);
        let clock = Clock::new(move || Timestamp::from_seconds(shown.load(Ordering::Relaxed)));
        (Observer::new(Some(directory.to_owned()), clock), seconds)
    }

    #[test]
    fn every_answer_of_a_long_run_is_noted_at_its_moment() {
        let directory = tempfile::tempdir().unwrap();
        let (observer, seconds) = observer(directory.path());
        let repository: RegistryReference = "registry.example/app".parse().unwrap();
        let tag: Tag = "latest".parse().unwrap();
        let digests = [Digest::sha256(b"one"), Digest::sha256(b"two")];
        let start = seconds.load(Ordering::Relaxed);
        observer.note_tag(&repository, &tag, Some(digests[0]));
        seconds.fetch_add(7200, Ordering::Relaxed);
        observer.note_tag(&repository, &tag, Some(digests[1]));
        assert_eq!(observer.keep(), [""; 0]);
        // A run that goes on keeps what comes next.
        seconds.fetch_add(7200, Ordering::Relaxed);
        observer.note_tag(&repository, &tag, None);
        assert_eq!(observer.keep(), [""; 0]);
        let log = observer.read(&repository).unwrap().log;
        let first = |digest| log.first_seen(&tag, digest).map(Timestamp::seconds);
        assert_eq!([first(&digests[0]), first(&digests[1])], [Some(start), Some(start + 7200)]);
        let gone = Timestamp::from_seconds(start + 14_400).unwrap();
        assert_eq!(log.at(&tag, gone), observation::Known::Gone);
    }

    #[test]
    fn a_line_that_was_cut_off_is_told_once() {
        let directory = tempfile::tempdir().unwrap();
        let (observer, _) = observer(directory.path());
        let repository: RegistryReference = "registry.example/app".parse().unwrap();
        let tag: Tag = "latest".parse().unwrap();
        observer.note_tag(&repository, &tag, Some(Digest::sha256(b"one")));
        assert_eq!(observer.keep(), [""; 0]);
        let path = observer.path(&repository).unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        // A newer program's line stays where it is.
        let newer = "2025-01-02T00:00:00Z\t1.0\tsha256:abc\tsomebody\tmore\n";
        let torn = format!("{whole}{newer}2025-01-03T00:00:00Z\t1.0\tsha2");
        store::atomic::write(&path, torn.as_bytes()).unwrap();
        // Nothing is new, and what is torn goes all the same.
        observer.note_tag(&repository, &tag, Some(Digest::sha256(b"one")));
        assert_eq!(observer.keep().len(), 1);
        let mended = std::fs::read_to_string(&path).unwrap();
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(lines(&mended), lines(&format!("{whole}{newer}")));
        // Who looks at the log is told of what is not understood, and nobody else.
        assert_eq!(observer.read(&repository).unwrap().warnings.len(), 1);
        observer.note_tag(&repository, &tag, Some(Digest::sha256(b"two")));
        assert_eq!(observer.keep(), [""; 0]);
        let added = std::fs::read_to_string(&path).unwrap();
        assert!(added.starts_with(&mended) && added.len() > mended.len(), "{added}");
    }
}
