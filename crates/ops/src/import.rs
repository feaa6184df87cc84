//! Makes a project of the references in other people's files and of the lists of other tools.
//!
//! ```text
//!  files ─▶ references ─▶ tags of their repositories ─▶ images ─▶ Supercargo.toml ─▶ lock
//! ```

mod gather;
mod images;
mod range;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use resolve::project::ProjectFile;
use resolve::resolution::ResolutionOptions;

use crate::context::Context;
use crate::error::OpsError;
use crate::init::{InitRequest, init};
use crate::lock::{LockReport, LockRequest, lock};
use crate::project::{OpenProject, ProjectPlace, new_file};
use gather::gather;
pub use images::ProposedImage;

/// The project to make of what is found.
#[derive(Clone, Debug, Default)]
pub struct ImportRequest {
    /// Files, and directories in which files are looked for.
    pub sources: Vec<PathBuf>,
    /// What the application is called; without it what the directory is called.
    pub name: Option<String>,
    /// Whether the project is locked.
    pub lock: bool,
    /// Whether to write nothing.
    pub dry_run: bool,
}

/// The project that was made.
#[derive(Clone, Debug)]
pub struct ImportReport {
    /// Its file.
    pub file: PathBuf,
    /// What the file says.
    pub text: String,
    /// Its images, in the order of the file.
    pub images: Vec<ProposedImage>,
    /// The files into which references are to be written, from the project's directory.
    pub targets: Vec<String>,
    /// What made no image.
    pub skipped: Vec<SkippedReference>,
    /// What should be known.
    pub warnings: Vec<String>,
    /// Entries of lists that cannot be read, each with its place.
    pub unread: Vec<String>,
    /// What was locked, where that was asked for.
    pub lock: Option<LockReport>,
}

/// A reference that made no image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SkippedReference {
    /// The file, with line and column where they are known.
    pub place: String,
    /// What stands there. It came from a file: show it with [`oci::text::printable`].
    pub text: String,
    /// Why it made no image.
    pub reason: String,
}

/// Makes a project of what files say.
///
/// Every repository and variant becomes an image that wants what goes with the tag that is named, or with the newest where none is;
/// several where no one range admits all versions that are named. What is pinned by digest is locked at the version of its tag. The
/// files of people become targets. An entry of a list that cannot be read keeps nobody from the others.
///
/// # Errors
/// [`OpsError::Usage`] when there is a project or a file is of no kind that is known, [`OpsError::NotFound`] when no reference is
/// found, those of [`lock`] and what files and registries bring. Then nothing is written.
pub async fn import(
    context: &Context,
    place: &ProjectPlace,
    request: &ImportRequest,
    options: &ResolutionOptions,
) -> Result<ImportReport, OpsError> {
    // Nothing is written yet: it says whether there may be a project, and how it begins.
    let beginning = init(place, &InitRequest { name: request.name.clone(), dry_run: true })?;
    let file = new_file(place);
    let found = gather(&file, &request.sources)?;
    let images::Proposed { images, mut skipped } = images::propose(context, &found.wanted).await?;
    skipped.extend(found.skipped.iter().cloned());
    skipped.sort();
    if images.is_empty() {
        return Err(nothing(&skipped, &found.unread));
    }
    let mut written = parsed(&beginning.text, ProjectFile::parse)?;
    for image in &images {
        written.add(&image.addition).map_err(|error| OpsError::usage(error.to_string(), None))?;
    }
    let text = written.text() + &text::targets(&found.files, &images);
    let open = OpenProject::unwritten(file.clone(), text.clone())?;
    let mut warnings = found.warnings;
    let mut report = None;
    if request.lock {
        let precise: BTreeMap<String, String> =
            images.iter().filter_map(|image| Some((image.addition.name.clone(), image.precise.clone()?))).collect();
        let options = ResolutionOptions { precise, ..options.clone() };
        let locked = lock(context, &open, &LockRequest { options, dry_run: true }).await?;
        warnings.extend(moved(&images, &locked));
        report = Some(locked);
    }
    if !request.dry_run {
        open.write()?;
        if let Some(report) = &mut report {
            report.written = open.write_lock(&report.lock)?;
        }
    }
    let targets: BTreeSet<String> = found.files.iter().map(|file| file.path.clone()).collect();
    Ok(ImportReport {
        file,
        text,
        images,
        targets: targets.into_iter().collect(),
        skipped,
        warnings,
        unread: found.unread,
        lock: report,
    })
}

fn nothing(skipped: &[SkippedReference], unread: &[String]) -> OpsError {
    let message = match (skipped.first(), unread.first()) {
        (None, None) => "no image is named in these files".to_owned(),
        (None, Some(first)) => format!("nothing in these files can be read: {first}"),
        (Some(first), _) => format!(
            "no reference in these files makes an image: {} `{}`: {}",
            first.place,
            oci::text::printable(&first.text),
            first.reason
        ),
    };
    OpsError::usage(message, "supercargo init --from compose.yaml".to_owned())
}

/// Reads the text that is about to be written, of which all parts are quoted.
fn parsed<T>(
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, resolve::document::DocumentError>,
) -> Result<T, OpsError> {
    parse(text).map_err(|error| {
        let file = resolve::project::FILE_NAME;
        let lines = error.excerpt(file, text).lines().map(str::to_owned).collect();
        OpsError::Project(crate::error::Told { message: error.message.clone(), lines, help: error.help.clone() })
    })
}

/// Returns a warning for every tag that names something else now than the digest that stands beside it.
fn moved(images: &[ProposedImage], report: &LockReport) -> Vec<String> {
    let mut warnings = Vec::new();
    for image in images {
        let Some(locked) = report.lock.images.get(&image.addition.name) else { continue };
        for (tag, digest, place) in &image.pins {
            if *tag == locked.tag && *digest != locked.digest {
                warnings.push(format!("{place}: {tag} is pinned as {digest}, and names {} now", locked.digest));
            }
        }
    }
    warnings
}
