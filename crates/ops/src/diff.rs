//! What is different between two locks, or two images.

pub mod image;

use std::path::{Path, PathBuf};

use resolve::lock::{self, Difference, Lock};

use crate::error::OpsError;
use crate::git::Git;
use crate::project::{OpenProject, ProjectPlace, read_text};

/// A lock to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockSource {
    /// A file, or a directory with one.
    File(PathBuf),
    /// The lock of a project at a revision of its git history.
    Revision(String),
    /// The lock of the project as it is.
    Current,
}

impl LockSource {
    /// Reads what a user has typed: a path that is there is a file, everything else a revision.
    pub fn parse(text: &str) -> Self {
        let path = Path::new(text);
        if path.exists() || path.extension().is_some_and(|extension| extension == "lock") {
            return Self::File(path.to_owned());
        }
        Self::Revision(text.to_owned())
    }

    /// Reads the lock.
    ///
    /// # Errors
    /// [`OpsError::NotFound`] when it is not there, [`OpsError::Project`] when it is no lock.
    pub async fn read(&self, place: &ProjectPlace) -> Result<Lock, OpsError> {
        match self {
            Self::Current => Ok((*OpenProject::read(place)?.lock).clone()),
            Self::File(path) => {
                let path = if path.is_dir() { path.join(lock::FILE_NAME) } else { path.clone() };
                let text = read_text(&path, lock::FILE_MAX_BYTES)?.ok_or_else(|| OpsError::NotFound {
                    location: "this place".to_owned(),
                    name: path.display().to_string(),
                })?;
                parse(&text, &path.display().to_string())
            }
            Self::Revision(revision) => {
                let open = OpenProject::read(place)?;
                let text = at_revision(&open, revision).await?;
                parse(&text, &format!("{revision}:{}", lock::FILE_NAME))
            }
        }
    }
}

/// Returns what is different in the second lock.
///
/// # Errors
/// As [`LockSource::read`].
pub async fn diff(place: &ProjectPlace, one: &LockSource, other: &LockSource) -> Result<Difference, OpsError> {
    Ok(one.read(place).await?.difference(&other.read(place).await?))
}

fn parse(text: &str, name: &str) -> Result<Lock, OpsError> {
    Lock::parse(text).map_err(|error| OpsError::usage(format!("{}: {error}", oci::text::printable(name)), None))
}

/// Returns the text of the lock at a revision.
async fn at_revision(open: &OpenProject, revision: &str) -> Result<String, OpsError> {
    // A word that begins with a dash would be an option.
    if revision.starts_with('-') {
        return Err(OpsError::usage(format!("`{revision}` is neither a file nor a revision"), None));
    }
    Git::new(open.directory()).lock_at(revision).await?.map_err(|said| {
        let name = format!("lock at `{}` ({said})", oci::text::printable(revision));
        OpsError::NotFound { location: open.directory().display().to_string(), name }
    })
}

/// Merges two locks that come from one, as git's merge drivers do: the result takes the place of ours.
///
/// # Errors
/// [`OpsError::Stale`] names the images that both sides have changed; then the file has their markers and is to be locked again.
pub fn merge(base: &Path, ours: &Path, theirs: &Path) -> Result<(), OpsError> {
    let read = |path: &Path| {
        let text = read_text(path, lock::FILE_MAX_BYTES)?.unwrap_or_default();
        if text.trim().is_empty() { Ok(Lock::default()) } else { parse(&text, &path.display().to_string()) }
    };
    let merged = lock::merge(&read(base)?, &read(ours)?, &read(theirs)?);
    store::atomic::save(ours, merged.lock.text().as_bytes())?;
    if merged.conflicts.is_empty() {
        return Ok(());
    }
    let side = |version: &Option<String>| version.clone().unwrap_or_else(|| "nothing".to_owned());
    let lines = merged.conflicts.iter();
    let lines =
        lines.map(|it| format!("   = `{}`: {} here, {} there", it.name, side(&it.ours), side(&it.theirs))).collect();
    let names: Vec<&str> = merged.conflicts.iter().map(|conflict| conflict.name.as_str()).collect();
    Err(OpsError::Stale(crate::error::Told {
        message: "both sides have changed the same images; ours are kept".to_owned(),
        lines,
        help: Some(format!("supercargo update {}", names.join(" "))),
    }))
}
