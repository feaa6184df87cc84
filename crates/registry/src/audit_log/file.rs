//! A file that grows by lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
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
        Ok(Self { path: path.to_owned(), open: Mutex::new(Open::at(path)?) })
    }
}

impl Open {
    /// Opens a file, which may end in a line that somebody could not write to its end.
    fn at(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(MODE).open(path)?;
        let metadata = file.metadata()?;
        // Where that cannot be read there may be an empty line more, and none is lost.
        let is_torn = metadata.is_file() && metadata.len() > 0 && last_byte(path).ok() != Some(b'\n');
        Ok(Self { file, is_torn })
    }
}

fn last_byte(path: &Path) -> io::Result<u8> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut byte = [0];
    file.read_exact(&mut byte)?;
    Ok(u8::from_ne_bytes(byte))
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
        let open = Open::at(&self.path)?;
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = open;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
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
    fn a_line_that_was_cut_short_is_ended_before_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit");
        let tear = |text: &str| std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        tear("1\n2");
        let file = AuditFile::open(&path).unwrap();
        file.write(b"3\n").unwrap();
        file.write(b"4\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n2\n3\n4\n");
        tear("5");
        file.reopen().unwrap();
        file.write(b"6\n").unwrap();
        file.reopen().unwrap();
        file.write(b"7\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "5\n6\n7\n");
    }

    #[test]
    fn what_cannot_be_written_is_an_error() {
        let full = AuditFile::open(std::path::Path::new("/dev/full")).unwrap();
        assert!(full.write(b"1\n").is_err() && full.write(b"2\n").is_err());
    }
}
