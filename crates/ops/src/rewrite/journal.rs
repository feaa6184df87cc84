//! What a rewrite changes, written down before it does, so that it can be undone ([format](../../../../docs/formats/rewrite-journal.md)).

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use oci::Digest;
use serde::{Deserialize, Serialize};
use targets::Edit;

use crate::claim::claim;
use crate::error::OpsError;
use crate::project::{OpenProject, read_regular_text};

/// Where the journal lies, from the project's directory.
const DIRECTORY: [&str; 2] = [".supercargo", "rewrite"];
const JOURNAL_NAME: &str = "journal.json";
const LOCK_NAME: &str = "lock";
const SCHEMA: &str = "supercargo.rewrite-journal.v1";
/// Most bytes of a journal.
const JOURNAL_MAX_BYTES: usize = 256 << 20;

/// What a rewrite changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Journal {
    schema: String,
    /// Whether all of it was written. Where it was not, the next rewrite goes on with this journal.
    pub(crate) finished: bool,
    /// The changes of files, in the order in which they are made.
    pub(crate) files: Vec<FileChange>,
}

/// A file that is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileChange {
    /// Where it is, from the project's directory.
    pub(crate) path: String,
    /// What it is before.
    pub(crate) before: Digest,
    /// What it is after.
    pub(crate) after: Digest,
    /// What is replaced, front to back.
    pub(crate) edits: Vec<Replacement>,
}

/// Bytes that are replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replacement {
    /// Where, in bytes from the beginning of the file after the change.
    pub(crate) at: usize,
    /// What stands there before.
    pub(crate) old: String,
    /// What stands there after.
    pub(crate) new: String,
}

impl Journal {
    pub(crate) fn new(files: Vec<FileChange>) -> Self {
        Self { schema: SCHEMA.to_owned(), finished: false, files }
    }
}

impl FileChange {
    /// Returns the change of a file.
    ///
    /// # Errors
    /// When the edits are not those of the file.
    pub(crate) fn new(path: &str, before: &[u8], after: &[u8], edits: &[Edit]) -> Result<Self, targets::RewriteError> {
        let undone = targets::undo(before, edits)?;
        let replacement = |(undone, edit): (Edit, &Edit)| Replacement {
            at: undone.span.start,
            old: undone.replacement,
            new: edit.replacement.clone(),
        };
        Ok(Self {
            path: path.to_owned(),
            before: Digest::sha256(before),
            after: Digest::sha256(after),
            edits: undone.into_iter().zip(edits).map(replacement).collect(),
        })
    }

    /// Returns the bytes before the change; `None` when these are not the bytes after it.
    pub(crate) fn undo(&self, after: &[u8]) -> Option<Vec<u8>> {
        let edit = |edit: &Replacement| {
            let end = edit.at.checked_add(edit.new.len())?;
            Some(Edit { span: edit.at..end, replacement: edit.old.clone() })
        };
        let edits = self.edits.iter().map(edit).collect::<Option<Vec<_>>>()?;
        let before = targets::apply(after, &edits).ok()?;
        (Digest::sha256(after) == self.after && Digest::sha256(&before) == self.before).then_some(before)
    }
}

/// The journal of a project, which nobody else changes while this value lives.
#[derive(Debug)]
pub(crate) struct JournalFile {
    path: PathBuf,
    _lock: File,
}

impl JournalFile {
    /// Opens the place of a project's journal; it is made if it does not exist.
    ///
    /// # Errors
    /// [`OpsError::Usage`] when another rewrite is at work, and what the file system brings, also when the place is a link: it may
    /// have come with the project.
    pub(crate) fn open(open: &OpenProject) -> Result<Self, OpsError> {
        let mut directory = open.directory().to_owned();
        for name in DIRECTORY {
            directory.push(name);
            make(&directory)?;
        }
        let ignored = directory.join(".gitignore");
        if !ignored.exists() {
            // It says where this machine left off; that is nothing to commit.
            store::atomic::write(&ignored, b"*\n")?;
        }
        let lock = claim(&directory.join(LOCK_NAME))?;
        let lock = lock.ok_or_else(|| {
            OpsError::usage("another rewrite of this project is at work", "supercargo rewrite".to_owned())
        })?;
        store::atomic::remove_abandoned(&directory);
        Ok(Self { path: directory.join(JOURNAL_NAME), _lock: lock })
    }

    /// Returns what is written down; `None` where there is nothing to undo.
    ///
    /// # Errors
    /// [`OpsError::Integrity`] when it cannot be understood, and what the file system brings.
    pub(crate) fn read(&self) -> Result<Option<Journal>, OpsError> {
        let Some(text) = read_regular_text(&self.path, JOURNAL_MAX_BYTES)? else { return Ok(None) };
        let damaged = |message: String| OpsError::Integrity { location: self.path.display().to_string(), message };
        let journal: Journal = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if journal.schema != SCHEMA {
            return Err(damaged(format!("`{}` is not {SCHEMA}", oci::text::printable(&journal.schema))));
        }
        Ok(Some(journal))
    }

    /// Writes down what is about to be done; it is durable when this returns.
    ///
    /// # Errors
    /// What the file system brings; then what was written down before is there.
    pub(crate) fn write(&self, journal: &Journal) -> Result<(), OpsError> {
        // There is nothing in it that JSON cannot hold.
        let text = serde_json::to_vec_pretty(journal).map_err(|error| OpsError::Integrity {
            location: self.path.display().to_string(),
            message: error.to_string(),
        })?;
        Ok(store::atomic::write(&self.path, &text)?)
    }

    /// Forgets what was written down.
    ///
    /// # Errors
    /// What the file system brings.
    pub(crate) fn remove(&self) -> Result<(), OpsError> {
        match fs::remove_file(&self.path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(OpsError::File { action: "cannot remove", path: self.path.clone(), source })
            }
            _ => Ok(()),
        }
    }
}

/// Makes a directory if it is not there. A link to one is an error.
fn make(directory: &Path) -> Result<(), OpsError> {
    let made = match fs::create_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => directory
            .symlink_metadata()
            .and_then(|there| if there.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }),
        made => made,
    };
    made.map_err(|source| OpsError::File { action: "cannot make", path: directory.to_owned(), source })
}
