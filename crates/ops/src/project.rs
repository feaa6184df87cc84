//! The project in a directory: `Supercargo.toml` and `Supercargo.lock`.

mod members;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use resolve::document::DocumentError;
use resolve::lock::{self, Lock, LockError};
use resolve::project::Groups;
use resolve::project::{self, EditError, Member, Project, ProjectFile, Sources, flat};

use crate::error::{OpsError, Told};
use crate::inside;
use crate::shell::quote;
use members::Root;

/// Where to look for a project.
#[derive(Clone, Debug, Default)]
pub struct ProjectPlace {
    /// The file, where it is named.
    pub file: Option<PathBuf>,
}

/// Whether the file of a project is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existence {
    Written,
    Planned,
}

/// Which images of a workspace are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In the directory of a member those of the member; elsewhere all.
    Here,
    /// All.
    Workspace,
}

/// A project that was read; with the members of its workspace, where it is the root of one.
#[derive(Clone, Debug)]
pub struct OpenProject {
    /// The file; in a workspace that of the root.
    pub file: PathBuf,
    /// The texts of all files.
    pub sources: Arc<Sources>,
    /// What they say.
    pub project: Arc<Project>,
    /// The text of the lock beside it, if there is one.
    pub lock_text: Option<String>,
    /// What the lock says; nothing where there is none.
    pub lock: Arc<Lock>,
    /// The member that was found first, as its position among the project's.
    pub(crate) member: Option<usize>,
    /// The files that are to be written.
    pub(crate) changed: BTreeSet<usize>,
}

impl OpenProject {
    /// Reads the project of the current directory, or of the nearest one above it; or the one that is named. Of the member of a
    /// workspace it reads the whole workspace.
    ///
    /// # Errors
    /// [`OpsError::NotFound`] when there is none, [`OpsError::Project`] with the place when a file cannot be understood,
    /// [`OpsError::File`] when it cannot be read.
    pub fn read(place: &ProjectPlace) -> Result<Self, OpsError> {
        let file = find(place)?;
        let text = read_text(&file, project::FILE_MAX_BYTES)?
            .ok_or_else(|| OpsError::NotFound { location: "this place".to_owned(), name: shown(&file) })?;
        Self::assemble(file, text, Existence::Written)
    }

    /// Returns a project of which the file is not written yet. In the directory of a member it is one of its workspace.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) fn unwritten(file: PathBuf, text: String) -> Result<Self, OpsError> {
        Self::assemble(file, text, Existence::Planned)
    }

    fn assemble(file: PathBuf, text: String, existence: Existence) -> Result<Self, OpsError> {
        let is_planned = existence == Existence::Planned;
        let root = members::root_of(&file, &text, existence)?;
        let is_alone = root.is_none();
        let (file, text, own) = match root {
            Some(Root { file, text: root, member }) => (file, root, Some((member, text))),
            None => (file, text, None),
        };
        let mut sources = Sources::new(text);
        members::add_members(&file, &mut sources, own.as_ref())?;
        let project = Project::join(&sources).map_err(|error| told(&file, &sources, &error))?;
        let is_own = |member: &Member| own.as_ref().is_some_and(|(directory, _)| *directory == member.directory);
        let member = project.members.iter().position(is_own);
        let lock_file = lock_file(&file);
        // Before there is a project, what is called its lock is something else.
        let lock_text =
            if is_planned && is_alone { None } else { read_regular_text(&lock_file, lock::FILE_MAX_BYTES)? };
        let lock = match &lock_text {
            Some(text) => Lock::parse(text).map_err(|error| told_of_lock(&lock_file, text, &error))?,
            None => Lock::default(),
        };
        let (sources, project, lock) = (Arc::new(sources), Arc::new(project), Arc::new(lock));
        let mut open = Self { file, sources, project, lock_text, lock, member, changed: BTreeSet::new() };
        open.changed.extend(is_planned.then(|| open.own_file()));
        Ok(open)
    }

    /// Returns the names of the images that are wanted by their groups, with what those need by the project.
    ///
    /// # Errors
    /// [`OpsError::NotFound`] for a group without images.
    pub fn wanted(&self, groups: &Groups, scope: Scope) -> Result<BTreeSet<&str>, OpsError> {
        let member = self.member().filter(|_| scope == Scope::Here);
        self.project.images_of(groups, member).map_err(|group| OpsError::NotFound {
            location: self.file.display().to_string(),
            name: format!("group `{}`", group.escape_debug()),
        })
    }

    /// Returns the project as if the wanted images alone were locked. What is made of it is not for the project's own files.
    ///
    /// # Errors
    /// [`OpsError::NotFound`] for a group without images.
    pub fn narrowed(&self, groups: &Groups, scope: Scope) -> Result<Self, OpsError> {
        let wanted = self.wanted(groups, scope)?;
        let mut lock = (*self.lock).clone();
        lock.images.retain(|name, _| wanted.contains(name.as_str()));
        Ok(Self { lock: Arc::new(lock), ..self.clone() })
    }

    /// Returns the project of the wanted images alone, as if there had never been others: its text and its lock speak of no other.
    ///
    /// # Errors
    /// As [`OpenProject::narrowed`]; [`OpsError::Project`] when others cannot be taken out of the text.
    pub fn alone(&self, groups: &Groups) -> Result<Self, OpsError> {
        let (narrowed, wanted) = (self.narrowed(groups, Scope::Workspace)?, self.wanted(groups, Scope::Workspace)?);
        let flat = flat(&self.sources).map_err(|error| told(&self.file, &self.sources, &error))?;
        let whole = Self { sources: Arc::new(Sources::new(flat)), member: None, ..narrowed };
        let part = whole.change(0, |file| {
            file.retain(&wanted);
            Ok(())
        })?;
        Ok(Self { lock_text: part.lock_text.as_ref().map(|_| part.lock.text()), ..part })
    }

    /// Returns the member of the workspace in whose directory the project was looked for.
    pub fn member(&self) -> Option<&Member> {
        self.project.members.get(self.member?)
    }

    /// Returns which file is that of the directory in which the project was looked for.
    pub(crate) fn own_file(&self) -> usize {
        // The root is the first of the files, and no member.
        self.member.map_or(0, |member| member + 1)
    }

    /// Returns which file declares an image.
    pub(crate) fn file_of(&self, image: &str) -> Option<usize> {
        Some(self.sources.locate(&self.project.images.get(image)?.places.name).0)
    }

    /// Returns the path of a file.
    pub(crate) fn path_of(&self, file: usize) -> PathBuf {
        path_of(&self.file, &self.sources, file)
    }

    /// Returns where a place is.
    pub(crate) fn position(&self, place: &Range<usize>) -> Position {
        position(&self.file, &self.sources, place)
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
    /// [`OpsError::Usage`] when one of the project's files is a link that leads out of its directory, and what the file system
    /// brings; then the file is what it was.
    pub fn write_lock(&self, lock: &Lock) -> Result<bool, OpsError> {
        let text = lock.text();
        if self.lock_text.as_ref() == Some(&text) {
            return Ok(false);
        }
        self.check_links()?;
        store::atomic::save(&self.lock_file(), text.as_bytes())?;
        Ok(true)
    }

    /// Returns the project after a change of one of its files, which is not written yet.
    ///
    /// # Errors
    /// [`OpsError::Project`] when the change cannot be made, or when it makes no sense.
    pub(crate) fn change(
        &self,
        file: usize,
        change: impl FnOnce(&mut ProjectFile) -> Result<(), EditError>,
    ) -> Result<Self, OpsError> {
        let sources = (*self.sources).clone();
        let edited = ProjectFile::of(sources.clone(), file);
        let mut edited = edited.map_err(|error| told(&self.file, &self.sources, &error))?;
        change(&mut edited).map_err(|error| of_edit(&error))?;
        let sources = sources.with(file, edited.text());
        let project = Project::join(&sources).map_err(|error| told(&self.file, &sources, &error))?;
        let mut changed = self.changed.clone();
        changed.insert(file);
        Ok(Self { project: Arc::new(project), sources: Arc::new(sources), changed, ..self.clone() })
    }

    /// Writes the files that were changed, one after the other.
    ///
    /// # Errors
    /// As [`OpenProject::write_lock`], about the file that could not be written.
    pub fn write(&self) -> Result<(), OpsError> {
        self.check_links()?;
        for file in &self.changed {
            if let Some(source) = self.sources.files().get(*file) {
                store::atomic::save(&self.path_of(*file), source.text.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Checks all files at once: where one of them cannot be written, the others are not either.
    fn check_links(&self) -> Result<(), OpsError> {
        for file in self.changed.iter().copied().chain([0]) {
            let path = self.path_of(file);
            let real = inside::real_path(&path);
            let elsewhere = format!("supercargo --project {} lock", quote(&real.to_string_lossy()));
            inside::check(self.directory(), &path, &elsewhere)?;
        }
        let lock = self.lock_file();
        let without = format!("rm {} && supercargo lock", quote(&lock.to_string_lossy()));
        inside::check(self.directory(), &lock, &without)
    }

    /// Returns the error that points at a place in the project's files.
    pub(crate) fn told_at(&self, message: String, place: &Range<usize>, label: &str) -> Told {
        let error = DocumentError::new(message, place.clone()).label(label);
        Told { lines: excerpt(&self.file, &self.sources, &error), message: error.message, help: None }
    }
}

/// A place in one of a project's files. Lines and columns begin with 1, columns count characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The file.
    pub file: PathBuf,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", shown(&self.file), self.line, self.column)
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
        Some(file) => Ok(as_seen(file)),
        None => Err(OpsError::usage(
            format!("there is no {} in this directory or above it", project::FILE_NAME),
            "supercargo init --from compose.yaml".to_owned(),
        )),
    }
}

/// Returns a path as the user sees it: relative where it leads down from the current directory.
fn as_seen(path: PathBuf) -> PathBuf {
    let Ok(here) = std::env::current_dir() else { return path };
    path.strip_prefix(&here).or_else(|_| path.strip_prefix(".")).map(Path::to_owned).unwrap_or(path)
}

fn path_of(root: &Path, sources: &Sources, file: usize) -> PathBuf {
    match sources.files().get(file).filter(|source| !source.directory.is_empty()) {
        Some(source) => as_seen(directory(root).join(source.path())),
        None => root.to_owned(),
    }
}

fn position(root: &Path, sources: &Sources, place: &Range<usize>) -> Position {
    let (file, place) = sources.locate(place);
    let text = sources.files().get(file).map_or("", |source| source.text.as_str());
    let before = &text[..text.floor_char_boundary(place.start)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Position {
        file: path_of(root, sources, file),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
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

/// As [`read_text`], for a file that may have come with a project: what is no regular file is an error, as a pipe would keep us waiting.
///
/// # Errors
/// As [`read_text`].
pub(crate) fn read_regular_text(path: &Path, limit: usize) -> Result<Option<String>, OpsError> {
    match path.metadata() {
        Ok(there) if !there.is_file() => {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file");
            Err(OpsError::File { action: "cannot read", path: path.to_owned(), source })
        }
        _ => read_text(path, limit),
    }
}

fn shown(path: &Path) -> String {
    oci::text::printable(&path.to_string_lossy()).into_owned()
}

fn excerpt(root: &Path, sources: &Sources, error: &DocumentError) -> Vec<String> {
    let (file, place) = sources.locate(&error.place);
    let text = sources.files().get(file).map_or("", |source| source.text.as_str());
    let local = DocumentError { place, ..error.clone() };
    let mut lines: Vec<String> =
        local.excerpt(&shown(&path_of(root, sources, file)), text).lines().map(str::to_owned).collect();
    if let Some((what, place)) = &error.related {
        lines.push(format!("   = {what} ({})", position(root, sources, place)));
    }
    lines
}

fn told(root: &Path, sources: &Sources, error: &DocumentError) -> OpsError {
    let told = Told { message: error.message.clone(), lines: excerpt(root, sources, error), help: error.help.clone() };
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
