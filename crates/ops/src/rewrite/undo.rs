//! Takes a rewrite back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use oci::Digest;
use oci::text::printable;

use super::files::{admitted, read};
use super::journal::{FileChange, Journal};
use crate::error::{OpsError, Told};
use crate::project::OpenProject;

/// A file that is to be put back.
pub(crate) struct Restored {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// What it must be when it is written.
    pub(crate) found: Digest,
    pub(crate) bytes: Vec<u8>,
}

/// Returns the files that have to be put back, with what they held. Those that were not changed yet are left out.
///
/// # Errors
/// [`OpsError::Stale`] when one of them is neither what the rewrite found nor what it left, [`OpsError::Integrity`] when one is no
/// file of the project's targets.
pub(crate) fn restored(open: &OpenProject, journal: &Journal) -> Result<Vec<Restored>, OpsError> {
    let admitted = Admitted::of(open)?;
    let mut states: BTreeMap<&str, (Digest, Vec<u8>)> = BTreeMap::new();
    let mut changed = Vec::new();
    for change in journal.files.iter().rev() {
        let state = match states.remove(change.path.as_str()) {
            Some(state) => state,
            None => match read(&admitted.path(&change.path)?) {
                Ok(bytes) => (Digest::sha256(&bytes), bytes),
                Err(OpsError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                    changed.push(format!("   = {} is gone", printable(&change.path)));
                    continue;
                }
                Err(error) => return Err(error),
            },
        };
        match step(change, state.1) {
            Ok(bytes) => {
                states.insert(&change.path, (state.0, bytes));
            }
            Err(()) => changed.push(format!("   = {} was changed since", printable(&change.path))),
        }
    }
    if !changed.is_empty() {
        changed.sort();
        changed.dedup();
        return Err(OpsError::Stale(Told {
            message: "the rewrite cannot be undone: files are no longer as it left them".to_owned(),
            help: Some("git diff    # what was changed since; nothing was written".to_owned()),
            lines: changed,
        }));
    }
    let mut restored = Vec::new();
    for (name, (found, bytes)) in states {
        if Digest::sha256(&bytes) != found {
            restored.push(Restored { name: name.to_owned(), path: admitted.path(name)?, found, bytes });
        }
    }
    Ok(restored)
}

/// Returns those of a journal's changes that were made and can still be undone, and removes what else was left behind.
///
/// # Errors
/// As the files of the project's targets.
pub(crate) fn done(open: &OpenProject, journal: Journal) -> Result<Vec<FileChange>, OpsError> {
    let admitted = Admitted::of(open)?;
    admitted.remove_abandoned(&journal);
    let mut states: BTreeMap<String, Option<Vec<u8>>> = BTreeMap::new();
    let mut done = Vec::new();
    for change in journal.files.into_iter().rev() {
        let state = states
            .remove(&change.path)
            .unwrap_or_else(|| admitted.path(&change.path).and_then(|path| read(&path)).ok());
        let is_made = state.as_ref().is_some_and(|bytes| Digest::sha256(bytes) != change.before);
        // Below what somebody else has changed nothing can be undone.
        let state = state.and_then(|bytes| step(&change, bytes).ok());
        let is_known = state.is_some();
        states.insert(change.path.clone(), state);
        if is_made && is_known {
            done.push(change);
        }
    }
    done.reverse();
    Ok(done)
}

/// Removes what killed rewrites have left beside the files of a journal.
///
/// # Errors
/// As the files of the project's targets.
pub(crate) fn remove_abandoned(open: &OpenProject, journal: &Journal) -> Result<(), OpsError> {
    Admitted::of(open)?.remove_abandoned(journal);
    Ok(())
}

/// Returns the bytes before a change; an error when they are neither those before nor those after it.
fn step(change: &FileChange, bytes: Vec<u8>) -> Result<Vec<u8>, ()> {
    if Digest::sha256(&bytes) == change.before {
        return Ok(bytes);
    }
    change.undo(&bytes).ok_or(())
}

/// The files that a journal may name, which may have come with the project from anywhere: those that a rewrite would look at.
struct Admitted<'a> {
    root: &'a Path,
    files: BTreeSet<String>,
}

impl<'a> Admitted<'a> {
    fn of(open: &'a OpenProject) -> Result<Self, OpsError> {
        Ok(Self { root: open.directory(), files: admitted(open)? })
    }

    /// Returns the path of a file of the journal, which may be gone.
    fn path(&self, name: &str) -> Result<PathBuf, OpsError> {
        let wrong = |why: &str| OpsError::Integrity {
            location: "the journal of the rewrite".to_owned(),
            message: format!("`{}` {why}", printable(name)),
        };
        if name.is_empty() || !Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(wrong("is not in the project"));
        }
        let path = self.root.join(name);
        if self.files.contains(name) || !path.exists() {
            Ok(path)
        } else {
            Err(wrong("is in no target of the project"))
        }
    }

    fn remove_abandoned(&self, journal: &Journal) {
        let paths = journal.files.iter().filter_map(|change| self.path(&change.path).ok());
        let directories: BTreeSet<PathBuf> = paths.filter_map(|path| path.parent().map(Path::to_owned)).collect();
        for directory in directories {
            store::atomic::remove_abandoned(&directory);
        }
    }
}
