//! What is in the directories of blobs, in the order of the names.

use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::{Listed, StorageError};

/// The directories that hold bytes. Beside them lie databases.
const DIRECTORIES: [&str; 4] = ["blobs", "journal", "manifests", "uploads"];

/// Returns files by their names below `root`: those of one of its directories, or of all of them. One directory at a time is in
/// memory, and only those are opened in which what is asked for can be.
pub(super) fn list(root: &Path, directory: &str, after: &str, limit: usize) -> Result<Vec<Listed>, StorageError> {
    let mut wanted = Wanted { after, limit, found: Vec::new() };
    let directories = if directory.is_empty() { DIRECTORIES.as_slice() } else { &[directory] };
    for directory in directories {
        wanted.visit(&root.join(directory), &format!("{directory}/"))?;
    }
    Ok(wanted.found)
}

struct Wanted<'w> {
    after: &'w str,
    limit: usize,
    found: Vec<Listed>,
}

impl Wanted<'_> {
    /// Tells whether a directory, whose name ends with a slash, can have what is asked for.
    fn may_be_in(&self, directory: &str) -> bool {
        (self.after.starts_with(directory) || directory > self.after) && self.found.len() < self.limit
    }

    fn visit(&mut self, path: &Path, directory: &str) -> Result<(), StorageError> {
        if !self.may_be_in(directory) {
            return Ok(());
        }
        for (name, entry) in entries(path, directory)? {
            if name.ends_with('/') {
                self.visit(&entry.path(), &name)?;
            } else if name.as_str() > self.after && self.found.len() < self.limit {
                self.found.extend(listed(name, &entry)?);
            }
        }
        Ok(())
    }
}

/// Returns what is in a directory, which may have gone, in the order in which files come: a directory's name ends with a slash.
fn entries(path: &Path, directory: &str) -> Result<Vec<(String, DirEntry)>, StorageError> {
    let read = || -> io::Result<Vec<(String, DirEntry)>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            // None of ours has a name that is no text.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let end = if entry.file_type()?.is_dir() { "/" } else { "" };
            entries.push((format!("{directory}{name}{end}"), entry));
        }
        entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Ok(entries)
    };
    match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(StorageError::file("cannot list", path)),
    }
}

/// Returns a file, unless it has gone.
fn listed(place: String, entry: &DirEntry) -> Result<Option<Listed>, StorageError> {
    match entry.metadata() {
        Ok(metadata) => {
            let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            Ok(Some(Listed { place, size: metadata.len(), changed: changed.unwrap_or_default() }))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StorageError::file("cannot read", &entry.path())(error)),
    }
}
