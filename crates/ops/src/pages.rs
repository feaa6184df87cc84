//! Files of a known content in a directory of the user's.

use std::path::{Path, PathBuf};

use crate::error::OpsError;

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The name of the file.
    pub name: String,
    /// What it is to hold.
    pub content: Vec<u8>,
}

/// Writes each page whole, or not at all, into a directory, which is made where it is missing. What else is there is left alone.
///
/// # Errors
/// When a file cannot be written; those before it are.
pub fn write(directory: &Path, pages: &[Page]) -> Result<Vec<PathBuf>, OpsError> {
    std::fs::create_dir_all(directory).map_err(|source| OpsError::File {
        action: "cannot make the directory",
        path: directory.to_owned(),
        source,
    })?;
    let write = |page: &Page| {
        let path = directory.join(&page.name);
        store::atomic::save(&path, &page.content)?;
        Ok(path)
    };
    pages.iter().map(write).collect()
}
