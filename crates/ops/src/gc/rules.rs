//! Rules from a file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use resolve::retention::{FILE_MAX_BYTES, Rules};

use crate::error::{OpsError, Told};

/// Reads a file of rules.
///
/// # Errors
/// [`OpsError::File`] when it cannot be read, [`OpsError::Project`] with the place of what cannot be understood.
pub fn read_rules(path: &Path) -> Result<Rules, OpsError> {
    let failed = |source| OpsError::File { action: "cannot read", path: path.to_owned(), source };
    let mut text = String::new();
    // One byte more than there may be shows that there are more.
    File::open(path).map_err(failed)?.take(FILE_MAX_BYTES as u64 + 1).read_to_string(&mut text).map_err(failed)?;
    Rules::read(&text).map_err(|error| {
        let lines = error.excerpt(&path.display().to_string(), &text).lines().map(str::to_owned).collect();
        OpsError::Project(Told { message: error.message.clone(), lines, help: error.help.clone() })
    })
}
