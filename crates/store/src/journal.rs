//! Text files to which several processes add lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use crate::error::StoreError;
use crate::lock::Lock;

/// What is to become of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It stays.
    Nothing,
    /// These bytes follow what it holds.
    Append(Vec<u8>),
    /// It holds these bytes and nothing else, or after a crash what it held before.
    Replace(Vec<u8>),
}

/// Reads a file of which at most `limit` bytes matter; one byte more is returned of a larger one. `None` when it is not there.
///
/// # Errors
/// [`StoreError::File`].
pub fn read(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
    let failed = StoreError::file("cannot read", path);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

/// Changes a file as `change` says, which is given what [`read`] returns. Of several processes that do so one waits for the other, so
/// that none loses what another has written. The directory is made if it does not exist; it is what is locked, and should hold nothing
/// else.
///
/// What is appended may be lost when the machine stops at once, and a line of it may be cut short then.
///
/// # Errors
/// [`StoreError::File`].
pub fn change(path: &Path, limit: usize, change: impl FnOnce(Option<&[u8]>) -> Change) -> Result<(), StoreError> {
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(directory).map_err(StoreError::file("cannot make", directory))?;
    let _lock = Lock::exclusive(directory)?;
    let held = read(path, limit)?;
    match change(held.as_deref()) {
        Change::Nothing => Ok(()),
        Change::Append(bytes) => {
            let opened = OpenOptions::new().append(true).create(true).open(path);
            let written = opened.and_then(|mut file| file.write_all(&bytes));
            written.map_err(StoreError::file("cannot write", path))
        }
        Change::Replace(bytes) => crate::atomic::write(path, &bytes),
    }
}
