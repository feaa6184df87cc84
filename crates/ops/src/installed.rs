//! Where the images of an application can be had that was installed: in their own registries, or where it was published.
//!
//! The lock names the repositories that the images come from, wherever they were copied. What was published is known to one file
//! beside it, `Supercargo.installed`: lines that begin with `#`, and one reference with a digest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci::{Reference, RegistryReference};
use store::Store;

use crate::application::Application;
use crate::error::OpsError;
use crate::project::{OpenProject, read_regular_text};
use crate::reading::Places;

/// Name of the file.
pub const FILE_NAME: &str = "Supercargo.installed";
/// Most bytes of the file.
const FILE_MAX_BYTES: usize = 16 << 10;

const HEAD: &str =
    "# Written by supercargo install: where the images are when their own registries cannot be reached.\n";

/// Returns the path of the file in a directory.
pub(crate) fn file(directory: &Path) -> PathBuf {
    directory.join(FILE_NAME)
}

/// Returns the text of the file for an application at a place.
pub fn text(place: &Reference) -> String {
    format!("{HEAD}{place}\n")
}

/// Returns where the application of a project was installed from; `None` where it was not installed.
///
/// # Errors
/// [`OpsError::Usage`] when the file cannot be understood, [`OpsError::File`] when it cannot be read.
pub fn place(open: &OpenProject) -> Result<Option<Reference>, OpsError> {
    let path = file(open.directory());
    let Some(text) = read_regular_text(&path, FILE_MAX_BYTES)? else { return Ok(None) };
    let place = parse(&text).map_err(|message| OpsError::usage(format!("{}: {message}", path.display()), None))?;
    Ok(Some(place))
}

/// Reads the text of the file.
///
/// # Errors
/// What is wrong with it, in one line.
pub fn parse(text: &str) -> Result<Reference, String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Err("one reference is expected, with the digest of the application".to_owned());
    };
    let reference: Reference = line.parse().map_err(|error: oci::ReferenceError| error.to_string())?;
    match reference.selector().digest {
        Some(_) => Ok(reference),
        None => Err(format!("`{reference}` has no digest")),
    }
}

/// Returns the repository of an image as far as it was published with an application: what is locked of it, under the tags that it had
/// there when it was locked.
pub(crate) fn member(application: &Application, repository: &RegistryReference) -> Option<Arc<dyn Store>> {
    let mut names = BTreeMap::new();
    for image in application.lock.images.values().filter(|image| image.repository == *repository) {
        application.index.children().iter().find(|child| child.digest == image.digest)?;
        names.extend(image.aliases.iter().chain([&image.tag]).map(|tag| (tag.clone(), image.digest)));
    }
    let (location, store) = (application.store.location().to_owned(), Arc::clone(&application.store));
    (!names.is_empty()).then(|| Arc::new(Places::part(location, store, names)) as Arc<dyn Store>)
}
