//! The files of a project's targets.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use resolve::project::Target;

use super::glob::{PathGlob, Reached};
use crate::error::OpsError;
use crate::project::OpenProject;

/// Most entries of directories that are looked at.
const ENTRIES_MAX: usize = 1_000_000;
/// Deepest directory that is looked at, counted from the project's.
const DEPTH_MAX: usize = 64;
/// Names of directories whose files are git's and ours, whatever a pattern says.
const CLOSED: [&str; 2] = [".git", ".supercargo"];
/// Most files of a project's targets.
const FILES_MAX: usize = 20_000;

/// A file of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetFile {
    /// Where it is, from the project's directory, with `/` between the names.
    pub(crate) path: String,
    /// The target, as its position in the project.
    pub(crate) target: usize,
}

/// Returns the files of a project's targets, in the order of their paths. A file that several targets name belongs to the first.
///
/// Symbolic links to directories are not followed, nor any link that leaves the project's directory; several names of one file
/// are one. What is git's or ours is left out.
///
/// # Errors
/// [`OpsError::Project`] for a pattern that makes no sense, or that names a single file which is not there;
/// [`OpsError::Usage`] when there are too many; what the file system brings.
pub(crate) fn files(open: &OpenProject) -> Result<Vec<TargetFile>, OpsError> {
    let walk = walk(open)?;
    for pattern in walk.patterns.iter().filter(|pattern| !pattern.taken) {
        if pattern.glob.literal().is_some() {
            // It was listed with the project's targets.
            let Some(target) = open.project.targets.get(pattern.target) else { continue };
            return Err(at(open, target, pattern.text, "names a file that is not there"));
        }
    }
    Ok(walk.found.into_iter().map(|(path, target)| TargetFile { path, target }).collect())
}

/// Returns the paths of [`files`], where some may be gone.
///
/// # Errors
/// As [`files`].
pub(crate) fn admitted(open: &OpenProject) -> Result<BTreeSet<String>, OpsError> {
    Ok(walk(open)?.found.into_keys().collect())
}

fn walk(open: &OpenProject) -> Result<Walk<'_>, OpsError> {
    let mut patterns = Vec::new();
    for (number, target) in open.project.targets.iter().enumerate() {
        for text in &target.paths {
            let glob = PathGlob::parse(text).map_err(|why| at(open, target, text, why))?;
            patterns.push(Pattern { target: number, directory: &target.directory, text, glob, taken: false });
        }
    }
    let root = open.directory();
    let real_root = root.canonicalize().map_err(|source| failed("cannot read", root, source))?;
    let mut walk = Walk { real_root, patterns, found: BTreeMap::new(), entries: 0 };
    let bases: BTreeSet<&str> = open.project.targets.iter().map(|target| target.directory.as_str()).collect();
    for base in bases {
        // The patterns of other files lead nowhere from here.
        let start =
            |pattern: &Pattern<'_>| if pattern.directory == base { pattern.glob.start() } else { Reached::new() };
        let start = walk.patterns.iter().map(start).collect();
        let directory = if base.is_empty() { root.to_owned() } else { root.join(base) };
        walk.directory(&directory, start)?;
    }
    Ok(walk)
}

fn at(open: &OpenProject, target: &Target, pattern: &str, why: &str) -> OpsError {
    let message = format!("`{}` in `paths` of a target {why}", pattern.escape_debug());
    let mut told = open.told_at(message, &target.place, &format!("the target of kind {}", target.kind));
    told.help = Some("paths = [\"deploy/**/*.yaml\"]   # relative to Supercargo.toml".to_owned());
    OpsError::Project(told)
}

fn failed(action: &'static str, path: &Path, source: std::io::Error) -> OpsError {
    OpsError::File { action, path: path.to_owned(), source }
}

struct Pattern<'a> {
    target: usize,
    /// What it is relative to, from the project's directory.
    directory: &'a str,
    text: &'a str,
    glob: PathGlob,
    /// Whether there is a file that it takes.
    taken: bool,
}

struct Walk<'a> {
    real_root: PathBuf,
    patterns: Vec<Pattern<'a>>,
    found: BTreeMap<String, usize>,
    entries: usize,
}

impl Walk<'_> {
    /// Looks at a directory and those below it, as far as patterns lead there.
    fn directory(&mut self, root: &Path, start: Vec<Reached>) -> Result<(), OpsError> {
        let mut waiting = vec![(root.to_owned(), 0, start)];
        while let Some((directory, depth, reached)) = waiting.pop() {
            let entries = fs::read_dir(&directory).map_err(|source| failed("cannot read", &directory, source))?;
            for entry in entries {
                let entry = entry.map_err(|source| failed("cannot read", &directory, source))?;
                self.entries += 1;
                if self.entries > ENTRIES_MAX {
                    return Err(too_many("directories have", ENTRIES_MAX, "entries"));
                }
                // The names of patterns are text; others are not meant.
                let Ok(name) = entry.file_name().into_string() else { continue };
                let path = entry.path();
                let kind = entry.file_type().map_err(|source| failed("cannot read", &path, source))?;
                if is_closed(&name) {
                    continue;
                }
                if kind.is_dir() {
                    let entered: Vec<Reached> = self.each(&reached, |glob, reached| glob.enter(reached, &name));
                    if entered.iter().any(|reached| !reached.is_empty()) && depth < DEPTH_MAX {
                        waiting.push((path, depth + 1, entered));
                    }
                } else if kind.is_file() || kind.is_symlink() {
                    self.file(&path, &name, &reached)?;
                }
            }
        }
        Ok(())
    }

    fn each<R>(&self, reached: &[Reached], each: impl Fn(&PathGlob, &Reached) -> R) -> Vec<R> {
        self.patterns.iter().zip(reached).map(|(pattern, reached)| each(&pattern.glob, reached)).collect()
    }

    fn file(&mut self, path: &Path, name: &str, reached: &[Reached]) -> Result<(), OpsError> {
        let takes = self.each(reached, |glob, reached| glob.takes(reached, name));
        if !takes.contains(&true) {
            return Ok(());
        }
        let Some(path) = self.inside(path) else { return Ok(()) };
        for (pattern, _) in self.patterns.iter_mut().zip(takes).filter(|(_, takes)| *takes) {
            // A link may lead out of the directory of its own file.
            if !Path::new(&path).starts_with(pattern.directory) {
                continue;
            }
            pattern.taken = true;
            let target = self.found.entry(path.clone()).or_insert(pattern.target);
            *target = pattern.target.min(*target);
        }
        if self.found.len() > FILES_MAX {
            return Err(too_many("the targets of the project have", FILES_MAX, "files"));
        }
        Ok(())
    }

    /// Returns the path of a file from the project's directory, links resolved; `None` for one that is not below it, is no
    /// file, or is gone.
    fn inside(&self, path: &Path) -> Option<String> {
        let real = path.canonicalize().ok().filter(|real| real.is_file())?;
        let path = real.strip_prefix(&self.real_root).ok()?.to_str()?;
        // A link may have led there.
        (!path.split('/').any(is_closed)).then(|| path.to_owned())
    }
}

/// Tells whether a name is one of the closed directories', also where the file system knows no case.
fn is_closed(name: &str) -> bool {
    CLOSED.iter().any(|closed| name.eq_ignore_ascii_case(closed))
}

/// Reads a file of bounded size.
///
/// # Errors
/// [`OpsError::File`], also for what is no file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, OpsError> {
    let failed = |source| failed("cannot read", path, source);
    // A pipe would keep us waiting.
    if !path.metadata().map_err(failed)?.is_file() {
        return Err(failed(std::io::ErrorKind::InvalidInput.into()));
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    // One byte more shows that it is too large, which whoever reads it says.
    file.take(targets::limits::FILE_MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn too_many(what: &str, limit: usize, things: &str) -> OpsError {
    OpsError::usage(
        format!("{what} more than {limit} {things}"),
        "write `paths` in Supercargo.toml that lead to fewer".to_owned(),
    )
}
