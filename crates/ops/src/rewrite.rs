//! Puts the locked references of a project into the files of its targets, and takes them out again.
//!
//! ```text
//!  targets ─▶ files ─▶ places ─▶ plan ─▶ journal ─▶ file, file, file … ─▶ journal finished
//!                 nothing is written │ durable before the first file
//! ```
//!
//! Whatever happens in between, a file is what it was or what it is to be, and the journal says of both what they are.

mod belonging;
mod files;
mod glob;
mod journal;
mod plan;
mod problem;
mod undo;

use std::path::Path;

use oci::Digest;

use crate::error::{OpsError, Told};
use crate::lock::{stale, stale_error};
use crate::project::OpenProject;
pub(crate) use belonging::canonical as canonical_host;
pub(crate) use files::read as read_file;
use journal::{Journal, JournalFile};
use plan::{Plan, plan};

/// What a rewrite did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RewriteReport {
    /// The references that are different now, by file and place.
    pub changed: Vec<ChangedReference>,
    /// The files that hold them, from the project's directory.
    pub files: Vec<String>,
    /// How many files were looked at.
    pub files_read: usize,
    /// How many references already were as they are locked.
    pub kept: usize,
    /// How many references are of images that are not in the project.
    pub strangers: usize,
    /// What stands where a reference belongs and was left alone, by file and place.
    pub left: Vec<LeftReference>,
    /// Whether files were written.
    pub written: bool,
}

/// A reference that is different after a rewrite. Lines and columns begin with 1, columns count characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedReference {
    /// The file, from the project's directory.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// Where it is in the file's own terms: `services.web.image`.
    pub path: String,
    /// The image of the project.
    pub image: String,
    /// What stood there.
    pub old: String,
    /// What stands there instead.
    pub new: String,
}

/// What was left alone. Lines and columns begin with 1, columns count characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftReference {
    /// The file, from the project's directory.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// What stands there. It came from a file: show it with [`oci::text::printable`].
    pub text: String,
    /// Why it was left alone.
    pub reason: String,
}

/// Puts the locked references into the files of the project's targets. All files are planned and checked before the first is
/// written; what is about to change is written down, so that [`undo`] takes it back even if this process is killed.
///
/// With `dry_run` nothing is written and the report says what would be.
///
/// # Errors
/// [`OpsError::Stale`] when the lock is no answer to the project or a file changed meanwhile, [`OpsError::Project`] with file, line
/// and column for a reference of which it is not known what to write, [`OpsError::Usage`] when the project has no targets or another
/// rewrite is at work, and what the file system brings. Then every file is what it was, or else [`undo`] makes it so.
pub fn rewrite(open: &OpenProject, dry_run: bool) -> Result<RewriteReport, OpsError> {
    let reasons = stale(open);
    if !reasons.is_empty() || open.lock_text.is_none() {
        return Err(stale_error(open, &reasons));
    }
    if open.project.targets.is_empty() {
        let help = "printf '\\n[[targets]]\\nkind = \"compose\"\\npaths = [\"compose.yaml\"]\\n' >> Supercargo.toml";
        return Err(OpsError::usage(format!("{} has no [[targets]]", open.file.display()), help.to_owned()));
    }
    if dry_run {
        return Ok(report(&plan(open)?, false));
    }
    // Before the plan, so that no other rewrite makes it an old one.
    let journal = JournalFile::open(open)?;
    let plan = plan(open)?;
    if !plan.files.is_empty() {
        write(open, &journal, &plan)?;
    } else if let Some(mut unfinished) = journal.read()?.filter(|journal| !journal.finished) {
        // It was killed when all was done but to say so.
        unfinished.finished = true;
        journal.write(&unfinished)?;
    }
    Ok(report(&plan, !plan.files.is_empty()))
}

/// A reference in a target that belongs to an image of the project.
#[derive(Clone, Debug)]
pub(crate) struct TargetReference {
    /// The file, from the project's directory.
    pub(crate) file: String,
    pub(crate) kind: targets::Kind,
    /// Where it is in the file's own terms.
    pub(crate) path: String,
    /// How the file calls the repository.
    pub(crate) name: String,
    /// What it is as locked.
    pub(crate) locked: oci::RegistryReference,
}

/// Returns the references in a project's targets that belong to its images, by file and place.
///
/// # Errors
/// As [`rewrite`].
pub(crate) fn target_references(open: &OpenProject) -> Result<Vec<TargetReference>, OpsError> {
    Ok(plan(open)?.references)
}

fn report(plan: &Plan, written: bool) -> RewriteReport {
    RewriteReport {
        changed: plan.changed.clone(),
        files: plan.files.iter().map(|file| file.change.path.clone()).collect(),
        files_read: plan.files_read,
        kept: plan.kept,
        strangers: plan.strangers,
        left: plan.left.clone(),
        written,
    }
}

fn write(open: &OpenProject, file: &JournalFile, plan: &Plan) -> Result<(), OpsError> {
    // A rewrite that was cut short and this one are undone together.
    let former = file.read()?;
    let mut changes = match &former {
        Some(journal) if !journal.finished => undo::done(open, journal.clone())?,
        _ => Vec::new(),
    };
    let carried = changes.len();
    changes.extend(plan.files.iter().map(|file| file.change.clone()));
    let mut journal = Journal::new(changes);
    file.write(&journal)?;
    for planned in &plan.files {
        if let Err(error) = replace(&planned.path, &planned.change.before, &planned.bytes) {
            let made = undo::done(open, Journal::new(journal.files.split_off(carried)));
            // What cannot be put back now can be later: the journal stays.
            if made.and_then(|made| put_back(open, &Journal::new(made))).is_ok() {
                match former.filter(|former| former.finished) {
                    // The rewrite before this one can be undone as ever.
                    Some(former) => file.write(&former)?,
                    None if journal.files.is_empty() => file.remove()?,
                    None => file.write(&journal)?,
                }
            }
            return Err(error);
        }
    }
    journal.finished = true;
    file.write(&journal)
}

/// Writes a file that must still be what it was when its change was planned.
fn replace(path: &Path, expected: &Digest, bytes: &[u8]) -> Result<(), OpsError> {
    if Digest::sha256(&read_file(path)?) != *expected {
        return Err(OpsError::Stale(Told {
            message: format!("{} was changed by somebody else meanwhile", path.display()),
            lines: Vec::new(),
            help: Some("supercargo rewrite --check".to_owned()),
        }));
    }
    Ok(store::atomic::overwrite(path, bytes)?)
}

/// Takes the last rewrite back, also one that was cut short. Returns the files that were put back, from the project's directory.
/// With `dry_run` nothing is written.
///
/// # Errors
/// [`OpsError::Usage`] when there is nothing to take back, [`OpsError::Stale`] when one of the files was changed since, and what
/// the file system brings. Of several files some may have been put back when writing fails; then it can be done again.
pub fn undo(open: &OpenProject, dry_run: bool) -> Result<Vec<String>, OpsError> {
    let file = JournalFile::open(open)?;
    let Some(journal) = file.read()? else {
        return Err(OpsError::usage("there is no rewrite to undo", "git checkout -- FILE".to_owned()));
    };
    if dry_run {
        return Ok(undo::restored(open, &journal)?.into_iter().map(|file| file.name).collect());
    }
    let restored = put_back(open, &journal)?;
    undo::remove_abandoned(open, &journal)?;
    file.remove()?;
    Ok(restored)
}

fn put_back(open: &OpenProject, journal: &Journal) -> Result<Vec<String>, OpsError> {
    let restored = undo::restored(open, journal)?;
    for file in &restored {
        replace(&file.path, &file.found, &file.bytes)?;
    }
    Ok(restored.into_iter().map(|file| file.name).collect())
}
