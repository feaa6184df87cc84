//! A file that grows by lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::AuditSink;

/// Who may read and write the file: its owner.
const MODE: u32 = 0o600;

/// The audit log in a file. It is only ever written to at its end; who rotates it gives it another name and has it opened again.
#[derive(Debug)]
pub struct AuditFile {
    path: PathBuf,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Whether the last line has not come to its end.
    is_torn: bool,
}

impl AuditFile {
    /// Opens a file to add to it. One that is not there is made, for its owner alone.
    ///
    /// # Errors
    /// What the file system brings.
    pub fn open(path: &Path) -> io::Result<Self> {
        let open = Mutex::new(Open { file: appended(path)?, is_torn: false });
        Ok(Self { path: path.to_owned(), open })
    }
}

fn appended(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(MODE).open(path)
}

impl AuditSink for AuditFile {
    fn write(&self, line: &[u8]) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // One call for each line, so that lines of several processes do not mix.
        let torn = if open.is_torn { [b"\n", line].concat() } else { Vec::new() };
        let bytes = if open.is_torn { torn.as_slice() } else { line };
        let written = loop {
            match open.file.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => break written?,
            }
        };
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        open.is_torn = written < bytes.len();
        if open.is_torn { Err(io::Error::new(io::ErrorKind::StorageFull, "a line was cut short")) } else { Ok(()) }
    }

    fn reopen(&self) -> io::Result<()> {
        // Opened before the lock is taken: a disk that hangs holds up nobody else.
        let file = appended(&self.path)?;
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Open { file, is_torn: false };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::{AuditFile, AuditSink};

    #[test]
    fn a_file_grows_is_its_owners_alone_and_is_made_anew_when_it_was_rotated() {
        let directory = tempfile::tempdir().unwrap();
        let (path, rotated) = (directory.path().join("audit"), directory.path().join("audit.1"));
        let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
        AuditFile::open(&path).unwrap().write(b"1\n").unwrap();
        let file = AuditFile::open(&path).unwrap();
        file.write(b"2\n").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::hard_link(&path, &rotated).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.write(b"3\n").unwrap();
        file.reopen().unwrap();
        file.write(b"4\n").unwrap();
        assert_eq!((read(&rotated).as_str(), read(&path).as_str()), ("1\n2\n3\n", "4\n"));
        assert!(AuditFile::open(directory.path()).is_err());
    }

    #[test]
    fn what_cannot_be_written_is_an_error() {
        let full = AuditFile::open(std::path::Path::new("/dev/full")).unwrap();
        assert!(full.write(b"1\n").is_err() && full.write(b"2\n").is_err());
    }
}
