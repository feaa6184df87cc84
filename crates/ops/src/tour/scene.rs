//! The directory that the tour works in.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::OpsError;

/// The directory that the tour works in, and a home directory for its commands. What is not to be kept vanishes with this value.
#[derive(Debug)]
pub struct Scene {
    directory: PathBuf,
    home: TempDir,
}

impl Scene {
    /// Makes the directories; `keep` is one that stays, and must not exist yet.
    ///
    /// # Errors
    /// [`OpsError::Usage`] when `keep` exists, [`OpsError::File`] when a directory cannot be made.
    pub async fn open(keep: Option<PathBuf>) -> Result<Self, OpsError> {
        let opened = tokio::task::spawn_blocking(move || {
            let home = tempfile::Builder::new().prefix("supercargo-tour-").tempdir();
            let home = home.map_err(failed("a temporary directory".into()))?;
            let directory = keep.unwrap_or_else(|| home.path().join("work"));
            match std::fs::create_dir(&directory) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    Err(OpsError::usage(format!("{} exists already", directory.display()), None))
                }
                made => made.map_err(failed(directory.clone())).map(|()| Self { directory, home }),
            }
        });
        match opened.await {
            Ok(opened) => opened,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    /// Returns the directory that the commands run in.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the home directory of the commands.
    pub fn home(&self) -> &Path {
        self.home.path()
    }
}

fn failed(path: PathBuf) -> impl FnOnce(std::io::Error) -> OpsError {
    move |source| OpsError::File { action: "cannot make the directory", path, source }
}
