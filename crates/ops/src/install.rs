//! Fetches somebody's application: its project and its lock.

use std::path::{Path, PathBuf};

use oci::{Descriptor, Reference, Selector};

use crate::application::{self, Application};
use crate::context::Context;
use crate::error::OpsError;
use crate::installed;
use crate::project::read_text;

/// The application to fetch.
#[derive(Clone, Debug)]
pub struct InstallRequest {
    /// Where it was published.
    pub reference: Reference,
    /// The directory for its files; it is made if it is not there.
    pub directory: PathBuf,
    /// Whether to look only.
    pub dry_run: bool,
}

/// The application that was fetched.
#[derive(Clone, Debug)]
pub struct InstallReport {
    /// Where it was published, with tag and digest.
    pub reference: Reference,
    /// The application.
    pub application: Application,
    /// Its index.
    pub index: Descriptor,
    /// The files that were written, or would be.
    pub files: Vec<PathBuf>,
}

/// Writes the project and the lock of an application, and where it was found. The project's file is written last, so where it is
/// the others are too; without it, others with the same content are what a killed installation has left, and are taken.
///
/// # Errors
/// As [`application::read`]; [`OpsError::Usage`] when one of the files is there, and what the file system brings: then nothing
/// has been written.
pub async fn install(context: &Context, request: &InstallRequest) -> Result<InstallReport, OpsError> {
    let directory = &request.directory;
    let [lock_file, project_file] =
        [resolve::lock::FILE_NAME, resolve::project::FILE_NAME].map(|name| directory.join(name));
    // Before anybody is asked.
    refuse_existing(&project_file, &request.reference)?;
    let application = application::read(context, &request.reference).await?;
    let selector = Selector { tag: application.tag.clone(), digest: Some(*application.index.digest()) };
    let reference = absolute(&request.reference)?.with_selector(selector);
    let place = installed::text(&reference);
    let texts = [
        (lock_file, &application.lock_text),
        (installed::file(directory), &place),
        (project_file, &application.project_text),
    ];
    let mut missing = Vec::new();
    for (file, text) in &texts {
        if !is_left_over(file, text) {
            refuse_existing(file, &request.reference)?;
            missing.push((file, text));
        }
    }
    if !request.dry_run {
        std::fs::create_dir_all(directory).map_err(|source| OpsError::File {
            action: "cannot make",
            path: directory.clone(),
            source,
        })?;
        for (number, (file, text)) in missing.iter().enumerate() {
            if let Err(error) = store::atomic::create(file, text.as_bytes()) {
                // They were not there before. One that cannot be removed is in the way of the next try, and is named there.
                missing[..number].iter().for_each(|(file, _)| drop(std::fs::remove_file(file)));
                // Somebody else may have made it meanwhile.
                refuse_existing(file, &request.reference)?;
                return Err(error.into());
            }
        }
    }
    let index = application.index.descriptor();
    let files = texts.into_iter().map(|(file, _)| file).collect();
    Ok(InstallReport { reference, application, index, files })
}

/// Tells whether a regular file is there with this content.
fn is_left_over(file: &Path, text: &str) -> bool {
    let is_file = file.symlink_metadata().is_ok_and(|there| there.is_file());
    is_file && read_text(file, text.len()).is_ok_and(|there| there.as_deref() == Some(text))
}

fn refuse_existing(file: &Path, reference: &Reference) -> Result<(), OpsError> {
    match file.symlink_metadata() {
        Ok(_) => Err(OpsError::usage(
            format!("there is a {} already", file.display()),
            format!("supercargo install {reference} --to DIR"),
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(OpsError::File { action: "cannot look at", path: file.to_owned(), source }),
    }
}

/// Returns a reference that means the same from every directory.
fn absolute(reference: &Reference) -> Result<Reference, OpsError> {
    let mut reference = reference.clone();
    if let Reference::Layout { path, .. } | Reference::Archive { path, .. } = &mut reference {
        let failed = |source| OpsError::File { action: "cannot find", path: path.clone(), source };
        *path = std::path::absolute(&*path).map_err(failed)?;
    }
    Ok(reference)
}
