//! The log of a session in a file. Whoever changes it has claimed its [`Workshop`](super::place::Workshop).

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use resolve::bisect::session::{Event, SessionError, Start};
use resolve::bisect::{LogError, MAX_LOG_BYTES, Session};

use super::place::failed;
use crate::error::OpsError;

/// A session and the file of its log.
#[derive(Debug)]
pub(super) struct SessionFile {
    /// The session.
    pub(super) session: Session,
    file: File,
    path: PathBuf,
}

impl SessionFile {
    /// Opens the session that is there, if there is one. Half a line at its end is cut off.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, OpsError> {
        let Some(mut file) = Self::file(path)? else { return Ok(None) };
        let bytes = content(&mut file, path)?;
        let parsed = Session::parse(&bytes).map_err(|error| unreadable(path, &error))?;
        if parsed.intact < bytes.len() {
            file.set_len(parsed.intact as u64).and_then(|()| file.sync_data()).map_err(failed("cannot cut", path))?;
        }
        Ok(Some(Self { session: parsed.value, file, path: path.to_owned() }))
    }

    /// Opens the session, which has to be there.
    pub(super) fn require(path: &Path) -> Result<Self, OpsError> {
        Self::open(path)?.ok_or_else(no_session)
    }

    /// Reads the session as it is, while another process may write it.
    pub(super) fn read(path: &Path) -> Result<Session, OpsError> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(no_session()),
            opened => opened.map_err(failed("cannot open", path))?,
        };
        let parsed = Session::parse(&content(&mut file, path)?).map_err(|error| unreadable(path, &error))?;
        Ok(parsed.value)
    }

    /// Opens the file, whatever it holds; `None` when it is not there.
    fn file(path: &Path) -> Result<Option<File>, OpsError> {
        match OpenOptions::new().read(true).append(true).open(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("cannot open", path)(error)),
        }
    }

    /// Starts a session in place of the one that was there.
    pub(super) fn create(path: &Path, start: Start) -> Result<Self, OpsError> {
        let session = Session::new(start).map_err(|error| impossible(&error))?;
        store::atomic::write(path, session.encode().as_bytes())?;
        let gone = || failed("cannot open", path)(io::ErrorKind::NotFound.into());
        let file = Self::file(path)?.ok_or_else(gone)?;
        Ok(Self { session, file, path: path.to_owned() })
    }

    /// Adds an event. It is durable when this returns.
    pub(super) fn append(&mut self, event: Event) -> Result<(), OpsError> {
        let line = self.session.append(event).map_err(|error| impossible(&error))?;
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(failed("cannot write", &self.path))
    }

    /// Returns the path of the log.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn content(file: &mut File, path: &Path) -> Result<Vec<u8>, OpsError> {
    let mut bytes = Vec::new();
    file.take(MAX_LOG_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed("cannot read", path))?;
    Ok(bytes)
}

fn no_session() -> OpsError {
    OpsError::usage(
        "there is no search that could go on",
        "supercargo bisect start --over tags --good REF --bad REF".to_owned(),
    )
}

fn impossible(error: &SessionError) -> OpsError {
    OpsError::usage(error.to_string(), None)
}

fn unreadable(path: &Path, error: &LogError) -> OpsError {
    OpsError::usage(format!("{}: {error}", path.display()), "supercargo bisect reset".to_owned())
}
