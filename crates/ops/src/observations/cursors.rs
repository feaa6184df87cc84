//! From which tags on the parts of a long list can be asked for at once (docs/formats/observations.md). Nothing depends on it but how long
//! that takes: what cannot be read is not there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use oci::Tag;
use oci::limits::TAG_MAX_BYTES;
use store::StoreError;
use store::tag_list::CURSORS_MAX;
use store::{atomic, journal};

/// The name of a file of cursors, beside a log.
const FILE: &str = "_cursors.txt";
/// The first line.
const HEADER: &str = "supercargo.cursors.v1";
/// Largest file that is read, in bytes.
const FILE_MAX_BYTES: usize = HEADER.len() + 1 + CURSORS_MAX * (TAG_MAX_BYTES + 1);

/// The cursors that were learnt and are not yet written down, by the directories of the logs.
#[derive(Debug, Default)]
pub(super) struct Cursors(Mutex<BTreeMap<PathBuf, Vec<Tag>>>);

impl Cursors {
    /// Returns the cursors of the repository whose log is in a directory: those of this run, or else those of an earlier one.
    pub(super) fn of(&self, directory: &Path) -> Vec<Tag> {
        let learnt = self.learnt().get(directory).cloned();
        learnt.unwrap_or_else(|| read(&directory.join(FILE)))
    }

    /// Takes note of the cursors of a repository.
    pub(super) fn note(&self, directory: PathBuf, cursors: Vec<Tag>) {
        self.learnt().insert(directory, cursors);
    }

    /// Writes down what is new. Returns what went wrong; the others are written all the same.
    pub(super) fn keep(&self) -> Vec<StoreError> {
        let learnt = std::mem::take(&mut *self.learnt());
        learnt.into_iter().filter_map(|(directory, cursors)| write(&directory, &cursors).err()).collect()
    }

    fn learnt(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Vec<Tag>>> {
        // What was learnt before a panic is as true as before.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Vec<Tag> {
    let text = journal::read(path, FILE_MAX_BYTES).ok().flatten();
    text.and_then(|text| parse(&text)).unwrap_or_default()
}

/// Returns the cursors that a file holds; `None` when that is not all that it holds.
fn parse(text: &[u8]) -> Option<Vec<Tag>> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= FILE_MAX_BYTES)?;
    let lines = text.strip_prefix(HEADER)?.strip_prefix('\n')?.lines();
    let cursors: Vec<Tag> = lines.map(|line| line.parse().ok()).collect::<Option<_>>()?;
    Some(cursors).filter(|cursors| cursors.len() <= CURSORS_MAX)
}

fn write(directory: &Path, cursors: &[Tag]) -> Result<(), StoreError> {
    std::fs::create_dir_all(directory).map_err(StoreError::file("cannot make", directory))?;
    let mut text = format!("{HEADER}\n");
    for cursor in cursors {
        text.extend([cursor.as_str(), "\n"]);
    }
    atomic::write(&directory.join(FILE), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(names: &[&str]) -> Vec<Tag> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn what_was_learnt_is_there_in_the_next_run() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("registry.example/app");
        let cursors = Cursors::default();
        assert_eq!(cursors.of(&log), []);
        cursors.note(log.clone(), tags(&["v2", "v1"]));
        assert_eq!(cursors.of(&log), tags(&["v2", "v1"]));
        assert!(cursors.keep().is_empty());
        assert_eq!(Cursors::default().of(&log), tags(&["v2", "v1"]));
        cursors.note(log.clone(), Vec::new());
        assert!(cursors.keep().is_empty());
        assert_eq!(Cursors::default().of(&log), []);
    }

    #[test]
    fn a_file_that_is_not_understood_is_not_there() {
        let most = format!("{HEADER}\n{}", "v\n".repeat(CURSORS_MAX));
        assert_eq!(parse(most.as_bytes()).map(|cursors| cursors.len()), Some(CURSORS_MAX));
        assert_eq!(parse(b"supercargo.cursors.v1\n"), Some(Vec::new()));
        for text in
            ["", "supercargo.cursors.v1", "supercargo.cursors.v12\n", "supercargo.cursors.v1\na b\n", &(most + "v\n")]
        {
            assert_eq!(parse(text.as_bytes()), None, "{text:.40}");
        }
        assert_eq!(parse(b"supercargo.cursors.v1\n\xff\n"), None);
    }
}
