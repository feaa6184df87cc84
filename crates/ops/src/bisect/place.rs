//! Where sessions and what belongs to them lie.
//!
//! ```text
//! STATE/sessions/HEX/            of a project         STATE/session/    elsewhere
//! ├── session.jsonl              the log
//! ├── asked.json                 what was asked for, to tell whether the same is asked again
//! ├── locks/NAME.lock            locks that commands are given
//! ├── layouts/HEX/               layouts that commands are given
//! ├── fetched/                   candidates from registries, from which the layouts are made
//! └── hybrids/                   the images between two images
//! STATE/session.lock, STATE/sessions/HEX.lock     held by whoever is at work on the session
//! STATE/verdicts.jsonl           what is known from earlier sessions
//! ```
//!
//! Nothing of it lies in the project, which may have come from anywhere: a session holds a command, and is gone on with unseen.

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use oci::Digest;

use crate::claim::claim;
use crate::error::OpsError;
use crate::project::{OpenProject, ProjectPlace, read_text};

/// Most bytes of what was asked for.
const ASKED_MAX_BYTES: usize = 4 << 20;

/// Where a search is made.
#[derive(Clone, Debug, Default)]
pub struct BisectPlace {
    /// Where to look for a project.
    pub project: ProjectPlace,
    /// The directory for sessions and verdicts.
    pub state: Option<PathBuf>,
}

/// The directory of a session.
#[derive(Clone, Debug)]
pub(super) struct Workshop {
    directory: PathBuf,
    /// The project, where there is one.
    pub(super) project: Option<OpenProject>,
    /// Where to look for it.
    pub(super) project_place: ProjectPlace,
    verdicts: PathBuf,
}

impl Workshop {
    /// Finds the directory of the session. Nothing is made.
    pub(super) fn open(place: &BisectPlace) -> Result<Self, OpsError> {
        let project = match OpenProject::read(&place.project) {
            Ok(open) => Some(open),
            // Not to be in a project is no error.
            Err(OpsError::Usage { .. }) if place.project.file.is_none() => None,
            Err(error) => return Err(error),
        };
        let state = place.state.as_ref().ok_or_else(|| {
            OpsError::usage(
                "nothing says where to keep the session: none of SUPERCARGO_STORE, XDG_DATA_HOME and HOME is set",
                "export SUPERCARGO_STORE=DIR".to_owned(),
            )
        })?;
        // Commands are given paths that are right wherever they go.
        let state = std::path::absolute(state).map_err(failed("cannot find", state))?;
        let directory = match &project {
            Some(open) => {
                let real = open.directory().canonicalize().map_err(failed("cannot find", open.directory()))?;
                state.join("sessions").join(file_name(real.as_os_str().as_bytes()))
            }
            None => state.join("session"),
        };
        let verdicts = state.join("verdicts.jsonl");
        Ok(Self { directory, project, project_place: place.project.clone(), verdicts })
    }

    /// Returns the path of the log.
    pub(super) fn session_file(&self) -> PathBuf {
        self.directory.join("session.jsonl")
    }

    /// Keeps other processes from the session, until what is returned is dropped.
    ///
    /// # Errors
    /// [`OpsError::Usage`] when another process is at work on it, and what the file system brings.
    pub(super) fn claim(&self) -> Result<File, OpsError> {
        // Beside the directory, which comes and goes.
        let path = self.directory.with_extension("lock");
        if let Some(parent) = path.parent() {
            make(parent)?;
        }
        claim(&path)?.ok_or_else(|| {
            let message = format!("another process is at work on the search in {}", self.session_file().display());
            OpsError::usage(message, "supercargo bisect log".to_owned())
        })
    }

    /// Returns the path of the cache of verdicts.
    pub(super) fn verdicts_file(&self) -> &Path {
        &self.verdicts
    }

    /// Returns the directory of the images between two images.
    pub(super) fn hybrids(&self) -> PathBuf {
        self.directory.join("hybrids")
    }

    /// Returns the layout into which candidates are brought from registries.
    pub(super) fn fetched(&self) -> PathBuf {
        self.directory.join("fetched")
    }

    /// Returns the path of the layout for what a key names.
    pub(super) fn layout_of(&self, key: &str) -> PathBuf {
        self.directory.join("layouts").join(file_name(key.as_bytes()))
    }

    /// Returns the path of the lock that a name was given.
    pub(super) fn lock_of(&self, name: &str) -> PathBuf {
        self.directory.join("locks").join(format!("{name}.lock"))
    }

    /// Returns the path of the lock for what a key names.
    pub(super) fn lock_of_key(&self, key: &str) -> PathBuf {
        self.lock_of(&file_name(key.as_bytes()))
    }

    /// Writes a lock for commands.
    pub(super) fn write_lock(&self, path: &Path, text: &str) -> Result<(), OpsError> {
        make(&self.directory.join("locks"))?;
        Ok(store::atomic::write(path, text.as_bytes())?)
    }

    /// Removes everything that was made for a session, and makes its directory.
    pub(super) fn prepare(&self) -> Result<(), OpsError> {
        self.remove()?;
        make(&self.directory)
    }

    /// Removes everything that was made for a session.
    pub(super) fn remove(&self) -> Result<(), OpsError> {
        match fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("cannot remove", &self.directory)(error))
            }
            _ => Ok(()),
        }
    }

    /// Keeps what was asked for.
    pub(super) fn write_asked(&self, text: &str) -> Result<(), OpsError> {
        Ok(store::atomic::write(&self.asked_file(), text.as_bytes())?)
    }

    /// Returns what was asked for when the session was started.
    pub(super) fn read_asked(&self) -> Result<Option<String>, OpsError> {
        read_text(&self.asked_file(), ASKED_MAX_BYTES)
    }

    fn asked_file(&self) -> PathBuf {
        self.directory.join("asked.json")
    }
}

/// Makes a directory and those above it.
pub(super) fn make(directory: &Path) -> Result<(), OpsError> {
    fs::create_dir_all(directory).map_err(failed("cannot make the directory", directory))
}

/// Returns what makes an error of a file operation.
pub(super) fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> OpsError + use<> {
    let path = path.to_owned();
    move |source| OpsError::File { action, path: path.clone(), source }
}

/// Returns a file's name for a key, which may hold anything.
fn file_name(key: &[u8]) -> String {
    const DIGITS: usize = 32;
    Digest::sha256(key).encoded().chars().take(DIGITS).collect()
}
