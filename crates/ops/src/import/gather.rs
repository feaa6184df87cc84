//! The references in files, and what kind of files those are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use oci::text::printable;
use oci::{RegistryReference, Selector};
use targets::import::{Entry, ListEntry, Selection, Source, TagRule, docker_lock, imgpkg, regsync, skopeo};
use targets::{Content, Kind, Options, TargetError};

use super::SkippedReference;
use super::range;
use crate::error::OpsError;

/// Most entries of directories that are looked at.
const ENTRIES_MAX: usize = 200_000;
/// Deepest directory that is looked at, counted from the one that is named.
const DEPTH_MAX: usize = 32;
/// Directories that hold what others wrote.
const PASSED_OVER: [&str; 1] = ["node_modules"];
/// The directory with a dot in which people keep such files.
const DEVCONTAINER: &str = ".devcontainer";
/// The annotation in which kbld says what was resolved, which names the tag.
const KBLD_ID: &str = "kbld.carvel.dev/id";

/// What was found in files.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) wanted: Vec<Wanted>,
    pub(super) skipped: Vec<SkippedReference>,
    /// The files in which references can be written.
    pub(super) files: Vec<FoundFile>,
    pub(super) warnings: Vec<String>,
    /// Entries of lists that cannot be read, each with its place.
    pub(super) unread: Vec<String>,
}

/// An image that a file wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) reference: RegistryReference,
    /// The versions, where the file says more than a tag.
    pub(super) range: Option<String>,
    /// The file, with line and column where they are known.
    pub(super) place: String,
}

/// A file of people's in which references stand.
#[derive(Debug)]
pub(super) struct FoundFile {
    /// From the project's directory.
    pub(super) path: String,
    pub(super) kind: Kind,
    /// The references, by where they stand in the file's own terms.
    pub(super) references: Vec<(String, RegistryReference)>,
}

/// Finds the references in files, and in the files of directories.
///
/// # Errors
/// [`OpsError::Usage`] for a file that is named and of no kind that is known, [`OpsError::Project`] with line and column for one
/// that cannot be read; what the file system brings.
pub(super) fn gather(project: &Path, sources: &[PathBuf]) -> Result<Gathered, OpsError> {
    let root = match project.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let root = root.canonicalize().map_err(|source| failed(root, source))?;
    let mut gathered = Gathered::default();
    let mut seen = BTreeSet::new();
    for source in sources {
        let is_directory = source.metadata().map_err(|error| failed(source, error))?.is_dir();
        let files = if is_directory { below(source)? } else { vec![source.clone()] };
        for path in files {
            if seen.insert(path.canonicalize().map_err(|error| failed(&path, error))?) {
                gathered.file(&root, &path, !is_directory)?;
            }
        }
    }
    Ok(gathered)
}

fn failed(path: &Path, source: std::io::Error) -> OpsError {
    OpsError::File { action: "cannot read", path: path.to_owned(), source }
}

/// Returns the files below a directory, in the order of their paths. Links are not followed.
fn below(directory: &Path) -> Result<Vec<PathBuf>, OpsError> {
    let (mut files, mut entries) = (Vec::new(), 0);
    let mut waiting = vec![(directory.to_owned(), 0)];
    while let Some((directory, depth)) = waiting.pop() {
        for entry in fs::read_dir(&directory).map_err(|error| failed(&directory, error))? {
            let entry = entry.map_err(|error| failed(&directory, error))?;
            entries += 1;
            if entries > ENTRIES_MAX {
                let message = format!("{} has more than {ENTRIES_MAX} entries", directory.display());
                return Err(OpsError::usage(message, "name the files: --from compose.yaml deploy/".to_owned()));
            }
            let kind = entry.file_type().map_err(|error| failed(&entry.path(), error))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if kind.is_file() {
                files.push(entry.path());
            } else if kind.is_dir() && depth < DEPTH_MAX {
                let is_hidden = name.starts_with('.') && name != DEVCONTAINER;
                if !is_hidden && !PASSED_OVER.contains(&&*name) {
                    waiting.push((entry.path(), depth + 1));
                }
            }
        }
    }
    files.sort();
    Ok(files)
}

/// A list of another tool.
enum List {
    Locked(Vec<Entry>),
    Selected(Vec<ListEntry>),
}

impl Gathered {
    fn file(&mut self, root: &Path, path: &Path, is_named: bool) -> Result<(), OpsError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // What no tool writes large is not read because it lies in a directory.
        if !is_named && path.metadata().is_ok_and(|found| found.len() > targets::limits::FILE_MAX_BYTES as u64) {
            return Ok(());
        }
        let bytes = crate::rewrite::read_file(path)?;
        let shown = printable(&path.to_string_lossy()).into_owned();
        if is_named && let Some(list) = list(&name, &bytes).map_err(|error| unreadable(&shown, &error))? {
            match list {
                List::Locked(entries) => {
                    for entry in entries {
                        self.entry(&shown, entry);
                    }
                }
                List::Selected(entries) => {
                    for ListEntry { line, column, selection } in entries {
                        match selection {
                            Ok(selection) => self.selection(&shown, selection),
                            Err(why) => self.unread.push(format!("{shown}:{line}:{column}: {}", printable(&why))),
                        }
                    }
                }
            }
            return Ok(());
        }
        let Some(kind) = Kind::guess(&name, &bytes) else {
            if is_named {
                let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
                return Err(OpsError::usage(
                    format!("{shown} is of no kind that is known: {}", kinds.join(", ")),
                    "supercargo init --from compose.yaml".to_owned(),
                ));
            }
            return Ok(());
        };
        match targets::find(kind, &Options::default(), &bytes) {
            Ok(places) => self.places(root, path, kind, &places),
            Err(error) if is_named => return Err(unreadable(&shown, &error)),
            // It lies in a directory and may be anything.
            Err(error) => self.warnings.push(format!("{shown}: {error}")),
        }
        Ok(())
    }

    fn places(&mut self, root: &Path, path: &Path, kind: Kind, places: &[targets::Place]) {
        let shown = printable(&path.to_string_lossy()).into_owned();
        let mut references = Vec::new();
        for place in places {
            let position = format!("{shown}:{}:{}", place.line, place.column);
            match &place.content {
                Content::Image(image) => {
                    references.push((place.path.clone(), image.reference.clone()));
                    self.wanted.push(Wanted { reference: image.reference.clone(), range: None, place: position });
                }
                Content::Skipped { text, reason } => self.skip(&position, text, &reason.to_string()),
            }
        }
        if references.is_empty() {
            return;
        }
        let inside = path.canonicalize().ok().and_then(|real| Some(real.strip_prefix(root).ok()?.to_str()?.to_owned()));
        match inside {
            Some(path) => self.files.push(FoundFile { path, kind, references }),
            None => self.warnings.push(format!("{shown} is outside of the project: nothing will be written to it")),
        }
    }

    fn entry(&mut self, file: &str, entry: Entry) {
        let Entry { name, mut reference, annotations } = entry;
        if reference.selector.tag.is_none() {
            // kbld wrote down what it was asked for.
            let asked = annotations.get(KBLD_ID).and_then(|id| read_short(id));
            reference.selector.tag = asked.and_then(|asked| asked.selector.tag);
        }
        let place = format!("{file}: {}", printable(&name));
        self.wanted.push(Wanted { reference, range: None, place });
    }

    fn selection(&mut self, file: &str, selection: Selection) {
        let (host, repository) = match selection.source {
            Source::Image(reference) => {
                return self.wanted.push(Wanted { reference, range: None, place: file.to_owned() });
            }
            Source::Registry(host) => {
                return self.skip(file, host.as_str(), "a whole registry makes no images of a project");
            }
            Source::Repository(host, repository) => (host, repository),
        };
        let reference = RegistryReference { host, repository, selector: Selector::default() };
        let shown = reference.to_string();
        let place = format!("{file}: {shown}");
        let mut ranges = Vec::new();
        let mut is_said = selection.rules.is_empty();
        for rule in selection.rules {
            let selector = match rule {
                TagRule::Tag(tag) => Selector { tag: Some(tag), digest: None },
                TagRule::Digest(digest) => Selector { tag: None, digest: Some(digest) },
                TagRule::InRange(text) => {
                    match range::requirement(&text) {
                        Some(range) => ranges.push(range),
                        None => self.skip(&place, &text, "a range that has no like here"),
                    }
                    continue;
                }
                TagRule::Matches { expression, .. } => {
                    // Most expressions are the tag that is meant.
                    let Ok(tag) = expression.parse() else {
                        self.skip(&place, &expression, "a regular expression of tags is no range of versions");
                        continue;
                    };
                    Selector { tag: Some(tag), digest: None }
                }
                TagRule::MatchesNot(expression) => {
                    self.skip(&place, &expression, "what is left out of tags is not taken over");
                    continue;
                }
            };
            is_said = false;
            self.wanted.push(Wanted {
                reference: RegistryReference { selector, ..reference.clone() },
                range: None,
                place: place.clone(),
            });
        }
        if is_said || !ranges.is_empty() {
            let range = (!ranges.is_empty()).then(|| ranges.join(" || "));
            self.wanted.push(Wanted { reference, range, place });
        }
    }

    fn skip(&mut self, place: &str, text: &str, reason: &str) {
        self.skipped.push(SkippedReference {
            place: place.to_owned(),
            text: text.to_owned(),
            reason: reason.to_owned(),
        });
    }
}

fn unreadable(file: &str, error: &TargetError) -> OpsError {
    OpsError::Project(crate::error::Told {
        message: format!("{file} cannot be read: {error}"),
        lines: Vec::new(),
        help: Some("supercargo init --from compose.yaml".to_owned()),
    })
}

/// Reads a list of another tool; `None` for a file that does not look like one.
fn list(name: &str, bytes: &[u8]) -> Result<Option<List>, TargetError> {
    let text = String::from_utf8_lossy(bytes);
    let has_line = |beginning: &str| text.lines().any(|line| line.starts_with(beginning));
    if has_line("kind: ImagesLock") {
        return imgpkg::read(bytes).map(|entries| Some(List::Locked(entries)));
    }
    let lists = ["\"dockerfiles\"", "\"composefiles\"", "\"kubernetesfiles\""];
    if text.trim_start().starts_with('{') && lists.iter().any(|list| text.contains(list)) {
        return docker_lock::read(bytes).map(|entries| Some(List::Locked(entries)));
    }
    if has_line("sync:") {
        return regsync::read(bytes).map(|entries| Some(List::Selected(entries)));
    }
    let keys = ["images:", "images-by-tag-regex:", "images-by-semver:"];
    let has_key = |line: &str| line.starts_with([' ', '\t']) && keys.contains(&line.trim());
    if Kind::guess(name, bytes).is_none() && text.lines().any(has_key) {
        return skopeo::read(bytes).map(|entries| Some(List::Selected(entries)));
    }
    Ok(None)
}

/// Reads a reference as people write it, of Docker Hub where there is no registry.
fn read_short(text: &str) -> Option<RegistryReference> {
    match text.parse() {
        Err(oci::ReferenceError::ShortName { instead, .. }) => instead.parse().ok(),
        reference => reference.ok(),
    }
}
