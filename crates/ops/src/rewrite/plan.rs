//! What a rewrite would change, decided for all files before the first is touched.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use oci::text::printable;
use resolve::project::Target;
use targets::{Content, Kind, Options, Pattern, Place, PlanError, RewriteError, TargetError, Write};

use super::belonging::{Belonging, Images, Relocations, belonging};
use super::files::{TargetFile, files};
use super::journal::FileChange;
use super::{ChangedReference, LeftReference, TargetReference};
use crate::error::{OpsError, Told};
use crate::project::OpenProject;

/// Most problems that are told of; more are the same again.
const PROBLEMS_MAX: usize = 20;

/// What a rewrite would change.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) files: Vec<PlannedFile>,
    /// How many files were looked at.
    pub(crate) files_read: usize,
    pub(crate) changed: Vec<ChangedReference>,
    /// Every reference that belongs to an image of the project.
    pub(crate) references: Vec<TargetReference>,
    /// How many references are as they should be.
    pub(crate) kept: usize,
    /// How many references are of images that are not in the project.
    pub(crate) strangers: usize,
    pub(crate) left: Vec<LeftReference>,
}

/// A file that would be changed.
#[derive(Debug)]
pub(crate) struct PlannedFile {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    pub(crate) change: FileChange,
}

/// How a target is read and written.
struct Manner<'a> {
    relocations: Relocations<'a>,
    /// The file of the project that has the target.
    file: PathBuf,
    kind: Kind,
    options: Options,
    write: Write,
}

/// A reference of which it is not known what to write.
struct Problem {
    place: String,
    message: String,
    evidence: Vec<String>,
    help: Option<String>,
}

/// Plans a rewrite.
///
/// # Errors
/// [`OpsError::Project`] when a file cannot be read as what its target says, or when it is not known what to write in it; each
/// problem with its line and column. What the file system brings.
pub(crate) fn plan(open: &OpenProject) -> Result<Plan, OpsError> {
    let manners = open.project.targets.iter().map(|target| manner(open, target)).collect::<Result<Vec<_>, _>>()?;
    let images = Images::of(open);
    let mut plan = Plan::default();
    let mut problems = Vec::new();
    for file in files(open)? {
        let Some(manner) = manners.get(file.target) else { continue };
        plan.file(open, &images, manner, &file, &mut problems)?;
        if problems.len() > PROBLEMS_MAX {
            break;
        }
    }
    match problems.len() {
        0 => Ok(plan),
        _ => Err(told(problems)),
    }
}

fn told(mut problems: Vec<Problem>) -> OpsError {
    let count = problems.len();
    let first = problems.remove(0);
    let mut lines = vec![format!("  --> {}", first.place)];
    lines.extend(first.evidence.into_iter().map(|line| format!("   = {line}")));
    for problem in problems {
        lines.push(format!("  --> {}: {}", problem.place, problem.message));
        lines.extend(problem.evidence.into_iter().map(|line| format!("   = {line}")));
    }
    if count > 1 {
        lines.push("   = nothing was written".to_owned());
    }
    OpsError::Project(Told { message: first.message, lines, help: first.help })
}

fn manner<'a>(open: &OpenProject, target: &'a Target) -> Result<Manner<'a>, OpsError> {
    let wrong = |message: String| OpsError::Project(open.told_at(message, &target.place, "this target"));
    // Both were checked when the project was read.
    let kind = Kind::parse(&target.kind).ok_or_else(|| wrong(format!("`{}` is no kind of file", target.kind)))?;
    let write = match target.write.as_deref() {
        Some("tag") => Write::Tag,
        Some("digest") => Write::Digest,
        _ => Write::TagAndDigest,
    };
    let mut options = Options { arguments: target.map.keys().cloned().collect(), ..Options::default() };
    for field in &target.fields {
        let pattern: Result<Pattern, _> = field.parse();
        options.paths.push(pattern.map_err(|error| wrong(error.to_string()))?);
    }
    // A key may also be a repository or an argument; as a path it then leads nowhere.
    options.paths.extend(target.map.keys().filter_map(|key| key.parse::<Pattern>().ok()));
    let file = open.path_of(open.sources.locate(&target.place).0);
    Ok(Manner { relocations: Relocations::of(target), file, kind, options, write })
}

impl Plan {
    fn file(
        &mut self,
        open: &OpenProject,
        images: &Images<'_>,
        manner: &Manner<'_>,
        file: &TargetFile,
        problems: &mut Vec<Problem>,
    ) -> Result<(), OpsError> {
        let path = open.directory().join(&file.path);
        let bytes = read(&path)?;
        self.files_read += 1;
        let places = match targets::find(manner.kind, &manner.options, &bytes) {
            Ok(places) => places,
            Err(error) => {
                problems.push(unreadable(&file.path, manner, &error));
                return Ok(());
            }
        };
        let mut changes = Vec::new();
        for place in &places {
            changes.extend(self.place(open, images, manner, &file.path, place, problems));
            if problems.len() > PROBLEMS_MAX {
                return Ok(());
            }
        }
        let outcome = targets::rewrite(manner.kind, &manner.options, &bytes, &changes).and_then(|rewritten| {
            let change = FileChange::new(&file.path, &bytes, &rewritten.bytes, &rewritten.edits)?;
            Ok((rewritten, change))
        });
        match outcome {
            Ok((rewritten, change)) if rewritten.bytes != bytes => {
                self.files.push(PlannedFile { path, bytes: rewritten.bytes, change });
            }
            Ok(_) => {}
            Err(error) => problems.push(unwritable(&file.path, &bytes, &error)),
        }
        Ok(())
    }

    fn place(
        &mut self,
        open: &OpenProject,
        images: &Images<'_>,
        manner: &Manner<'_>,
        file: &str,
        place: &Place,
        problems: &mut Vec<Problem>,
    ) -> Option<targets::Change> {
        let position = || format!("{}:{}:{}", printable(file), place.line, place.column);
        let image = match &place.content {
            Content::Image(image) => image,
            Content::Skipped { text, reason } => {
                self.left.push(LeftReference {
                    file: file.to_owned(),
                    line: place.line,
                    column: place.column,
                    text: text.clone(),
                    reason: reason.to_string(),
                });
                return None;
            }
        };
        let (name, locked) = match belonging(images, &manner.relocations, place, &image.reference) {
            Belonging::Of(name, locked) => (name, locked),
            Belonging::Stranger => {
                self.strangers += 1;
                return None;
            }
            Belonging::Ambiguous(names) => {
                problems.push(ambiguous(open, position(), manner, place, &names));
                return None;
            }
        };
        match place.plan(&locked, manner.write) {
            Ok(change) => {
                self.references.push(TargetReference {
                    file: file.to_owned(),
                    kind: manner.kind,
                    path: place.path.clone(),
                    name: image.name.clone(),
                    locked,
                });
                if change.edits.is_empty() {
                    self.kept += 1;
                } else {
                    self.changed.push(ChangedReference {
                        file: file.to_owned(),
                        line: place.line,
                        column: place.column,
                        path: place.path.clone(),
                        image: name.to_owned(),
                        old: image.to_string(),
                        new: change.after.to_string(),
                    });
                }
                Some(change)
            }
            Err(error) => {
                problems.push(unplanned(position(), name, manner, &error));
                None
            }
        }
    }
}

fn ambiguous(open: &OpenProject, place: String, manner: &Manner<'_>, at: &Place, names: &[&str]) -> Problem {
    let reference = at.content.to_string();
    let evidence = names.iter().filter_map(|name| {
        let (image, locked) = (open.project.images.get(*name)?, open.lock.images.get(*name)?);
        let declared = open.position(&image.places.name);
        Some(format!("`{name}` ({declared}) is locked as {}:{}", locked.repository, locked.tag))
    });
    let name = names.first().copied().unwrap_or_default();
    let path = resolve::project::quoted(&at.path);
    Problem {
        message: format!("`{reference}` could be {}", either(names)),
        evidence: evidence.collect(),
        help: Some(format!("map = {{ {path} = \"{name}\" }}   # in the target in {}", manner.file.display())),
        place,
    }
}

fn either(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(" or ")
}

fn unplanned(place: String, name: &str, manner: &Manner<'_>, error: &PlanError) -> Problem {
    let help = match error {
        PlanError::NoKey { part: "digest", .. } => Some("write = \"tag@digest\"   # in the target".to_owned()),
        PlanError::NoKey { part, .. } => Some(format!("add a key for the {part} to the file")),
        _ => Some(format!("leave the file out of `paths` of the target of kind {}", manner.kind)),
    };
    Problem { message: format!("`{name}` cannot be written: {error}"), place, evidence: Vec::new(), help }
}

fn unreadable(file: &str, manner: &Manner<'_>, error: &TargetError) -> Problem {
    let (place, message) = match error {
        TargetError::NotText { line, column } => (Some((line, column)), "not UTF-8".to_owned()),
        TargetError::Syntax { line, column, message } => (Some((line, column)), printable(message).into_owned()),
        error => (None, error.to_string()),
    };
    let file = printable(file);
    Problem {
        place: place.map_or_else(|| file.to_string(), |(line, column)| format!("{file}:{line}:{column}")),
        message: format!("{file} cannot be read as {}: {message}", manner.kind),
        evidence: Vec::new(),
        help: Some("leave the file out of `paths` of the target, or correct it".to_owned()),
    }
}

fn unwritable(file: &str, bytes: &[u8], error: &RewriteError) -> Problem {
    let text = String::from_utf8_lossy(bytes);
    let place = match error {
        RewriteError::Conflict { at } => {
            let (line, column) = position(&text, *at);
            format!("{}:{line}:{column}", printable(file))
        }
        _ => printable(file).into_owned(),
    };
    Problem {
        place,
        message: format!("{} cannot be rewritten: {error}", printable(file)),
        evidence: Vec::new(),
        help: Some("give each reference its own text in the file".to_owned()),
    }
}

/// Returns line and column of a place, both from 1, the column in characters.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Reads a file of bounded size.
///
/// # Errors
/// [`OpsError::File`], also for what is no file.
pub(crate) fn read(path: &std::path::Path) -> Result<Vec<u8>, OpsError> {
    let failed = |source| OpsError::File { action: "cannot read", path: path.to_owned(), source };
    // A pipe would keep us waiting.
    if !path.metadata().map_err(failed)?.is_file() {
        return Err(failed(std::io::ErrorKind::InvalidInput.into()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    // One byte more shows that it is too large, which whoever reads it says.
    file.take(targets::limits::FILE_MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
