//! The project in a directory: `Supercargo.toml` and `Supercargo.lock`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use resolve::lock::{self, Lock, LockError};
use resolve::project::Groups;
use resolve::project::{self, EditError, Project, ProjectError, ProjectFile};

use crate::error::{OpsError, Told};

/// Where to look for a project.
#[derive(Clone, Debug, Default)]
pub struct ProjectPlace {
    /// The file, where it is named.
    pub file: Option<PathBuf>,
}

/// A project that was read.
#[derive(Clone, Debug)]
pub struct OpenProject {
    /// The file.
    pub file: PathBuf,
    /// Its text.
    pub text: String,
    /// What it says.
    pub project: Arc<Project>,
    /// The text of the lock beside it, if there is one.
    pub lock_text: Option<String>,
    /// What the lock says; nothing where there is none.
    pub lock: Arc<Lock>,
}

impl OpenProject {
    /// Reads the project of the current directory, or of the nearest one above it; or the one that is named.
    ///
    /// # Errors
    /// [`OpsError::NotFound`] when there is none, [`OpsError::Project`] with the place when a file cannot be understood,
    /// [`OpsError::File`] when it cannot be read.
    pub fn read(place: &ProjectPlace) -> Result<Self, OpsError> {
        let file = find(place)?;
        let text = read_text(&file, project::FILE_MAX_BYTES)?
            .ok_or_else(|| OpsError::NotFound { location: "this place".to_owned(), name: shown(&file) })?;
        let project = Project::parse(&text).map_err(|error| told(&file, &text, &error))?;
        let lock_file = lock_file(&file);
        let lock_text = read_text(&lock_file, lock::FILE_MAX_BYTES)?;
        let lock = match &lock_text {
            Some(text) => Lock::parse(text).map_err(|error| told_of_lock(&lock_file, text, &error))?,
            None => Lock::default(),
        };
        Ok(Self { project: Arc::new(project), lock: Arc::new(lock), file, text, lock_text })
    }

    /// Returns the project as if it had the wanted images alone. What is made of it is not for the project's own files.
    ///
    /// # Errors
    /// [`OpsError::NotFound`] for a group without images.
    pub fn narrowed(&self, groups: &Groups) -> Result<Self, OpsError> {
        let unknown = |group: String| OpsError::NotFound {
            location: self.file.display().to_string(),
            name: format!("group `{}`", group.escape_debug()),
        };
        let wanted = self.project.images_of(groups).map_err(unknown)?;
        let mut lock = (*self.lock).clone();
        lock.images.retain(|name, _| wanted.contains(name.as_str()));
        Ok(Self { lock: Arc::new(lock), ..self.clone() })
    }

    /// Returns the project's directory.
    pub fn directory(&self) -> &Path {
        directory(&self.file)
    }

    /// Returns the path of the lock.
    pub fn lock_file(&self) -> PathBuf {
        lock_file(&self.file)
    }

    /// Writes a lock, if it says something else than the file does. Returns whether it did.
    ///
    /// # Errors
    /// What the file system brings; then the file is what it was.
    pub fn write_lock(&self, lock: &Lock) -> Result<bool, OpsError> {
        let text = lock.text();
        if self.lock_text.as_ref() == Some(&text) {
            return Ok(false);
        }
        store::atomic::save(&self.lock_file(), text.as_bytes())?;
        Ok(true)
    }

    /// Returns the project after a change of its file, which is not written yet.
    ///
    /// # Errors
    /// [`OpsError::Project`] when the change cannot be made, or when it makes no sense.
    pub fn change(&self, change: impl FnOnce(&mut ProjectFile) -> Result<(), EditError>) -> Result<Self, OpsError> {
        let mut file = ProjectFile::parse(&self.text).map_err(|error| told(&self.file, &self.text, &error))?;
        change(&mut file).map_err(|error| of_edit(&error))?;
        let text = file.text();
        let project = Project::parse(&text).map_err(|error| told(&self.file, &text, &error))?;
        Ok(Self { project: Arc::new(project), text, ..self.clone() })
    }

    /// Writes the project's file.
    ///
    /// # Errors
    /// What the file system brings; then the file is what it was.
    pub fn write(&self) -> Result<(), OpsError> {
        Ok(store::atomic::save(&self.file, self.text.as_bytes())?)
    }

    /// Returns the error that points at a place in the project's file.
    pub(crate) fn told_at(&self, message: String, place: &std::ops::Range<usize>, label: &str) -> Told {
        let error = ProjectError { message, place: place.clone(), label: label.to_owned(), help: None };
        Told { lines: excerpt(&self.file, &self.text, &error), message: error.message, help: None }
    }
}

/// Returns the path at which a project would be: the one that is named, or the usual one in the current directory.
pub fn new_file(place: &ProjectPlace) -> PathBuf {
    place.file.clone().unwrap_or_else(|| PathBuf::from(project::FILE_NAME))
}

fn find(place: &ProjectPlace) -> Result<PathBuf, OpsError> {
    if let Some(file) = &place.file {
        return Ok(file.clone());
    }
    let here = std::env::current_dir().map_err(|source| OpsError::File {
        action: "cannot find",
        path: PathBuf::from("."),
        source,
    })?;
    let found = here.ancestors().map(|directory| directory.join(project::FILE_NAME)).find(|file| file.is_file());
    match found {
        // As the user sees it: relative where that is shorter.
        Some(file) => Ok(file.strip_prefix(&here).map(Path::to_owned).unwrap_or(file)),
        None => Err(OpsError::usage(
            format!("there is no {} in this directory or above it", project::FILE_NAME),
            "supercargo init --from compose.yaml".to_owned(),
        )),
    }
}

fn directory(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn lock_file(file: &Path) -> PathBuf {
    file.with_file_name(lock::FILE_NAME)
}

/// Reads a text file of bounded size; `None` when it is not there.
///
/// # Errors
/// [`OpsError::File`] when it cannot be read or is no text, [`OpsError::Usage`] when it is larger.
pub(crate) fn read_text(path: &Path, limit: usize) -> Result<Option<String>, OpsError> {
    use std::io::Read as _;
    let failed = |source| OpsError::File { action: "cannot read", path: path.to_owned(), source };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut text = String::new();
    file.take(limit as u64 + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() > limit {
        return Err(OpsError::usage(format!("{} has more than {limit} bytes", shown(path)), None));
    }
    Ok(Some(text))
}

fn shown(path: &Path) -> String {
    oci::text::printable(&path.to_string_lossy()).into_owned()
}

fn excerpt(file: &Path, text: &str, error: &ProjectError) -> Vec<String> {
    error.excerpt(&shown(file), text).lines().map(str::to_owned).collect()
}

fn told(file: &Path, text: &str, error: &ProjectError) -> OpsError {
    let told = Told { message: error.message.clone(), lines: excerpt(file, text, error), help: error.help.clone() };
    OpsError::Project(told)
}

fn told_of_lock(file: &Path, text: &str, error: &LockError) -> OpsError {
    let lines = error.excerpt(text).map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default();
    let help = match error {
        LockError::Newer { .. } => "install the newest version of supercargo".to_owned(),
        _ => format!("git checkout {} && supercargo lock", shown(file)),
    };
    OpsError::Project(Told { message: error.to_string(), lines, help: Some(help) })
}

fn of_edit(error: &EditError) -> OpsError {
    let help = match error {
        EditError::Exists { name } => Some(format!("supercargo add REPO --as {name}-2")),
        EditError::Missing { .. } => Some("supercargo tree".to_owned()),
        _ => None,
    };
    OpsError::Usage { message: error.to_string(), help }
}
