//! What a rewrite would change, decided for all files before the first is touched.

use std::path::{Path, PathBuf};

use oci::text::printable;
use resolve::project::{Member, Target};
use targets::{Content, Kind, Options, Pattern, Place, Write};

use super::belonging::{Belonging, Images, Relocations, belonging};
use super::files::{TargetFile, files, read};
use super::journal::FileChange;
use super::problem::{PROBLEMS_MAX, Problem, ambiguous, told, unplanned, unreadable, unwritable};
use super::{ChangedReference, LeftReference, TargetReference};
use crate::error::OpsError;
use crate::project::OpenProject;

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

/// Returns the member in whose directory a file lies.
fn owner<'a>(open: &'a OpenProject, file: &str) -> Option<&'a Member> {
    let members = open.project.members.iter().filter(|member| Path::new(file).starts_with(&member.directory));
    members.max_by_key(|member| member.directory.len())
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
                problems.push(unreadable(&file.path, manner.kind, &error));
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
        let (name, locked) = match belonging(images, &manner.relocations, owner(open, file), place, &image.reference) {
            Belonging::Of(name, locked) => (name, locked),
            Belonging::Stranger => {
                self.strangers += 1;
                return None;
            }
            Belonging::Ambiguous(names) => {
                problems.push(ambiguous(open, position(), &manner.file, place, &names));
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
                problems.push(unplanned(position(), name, manner.kind, &error));
                None
            }
        }
    }
}
