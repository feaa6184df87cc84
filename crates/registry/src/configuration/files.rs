//! What the files say that a configuration names. Who opens them is the caller's affair.

use std::io;
use std::path::{Path, PathBuf};

use super::ConfigurationError;
use super::origin::Said;
use crate::access::Secret;

/// Longest secret in a file of its own, in bytes.
const SECRET_MAX_BYTES: usize = 4096;

/// Returns the content of a file, or an error when it has more bytes than the second argument says.
pub type ReadFile<'r> = &'r dyn Fn(&Path, usize) -> io::Result<Vec<u8>>;

/// Returns what is in a file that the configuration names.
pub(super) fn bytes(file: &Said<PathBuf>, most: usize, read: ReadFile<'_>) -> Result<Vec<u8>, ConfigurationError> {
    read(&file.value, most).map_err(|error| file.origin.error(format!("cannot read {}: {error}", shown(&file.value))))
}

/// Returns the text in a file that the configuration names.
pub(super) fn text(file: &Said<PathBuf>, most: usize, read: ReadFile<'_>) -> Result<String, ConfigurationError> {
    String::from_utf8(bytes(file, most, read)?)
        .map_err(|_| file.origin.error(format!("{} is no text in UTF-8", shown(&file.value))))
}

/// Returns the one line that a file has.
pub(super) fn secret(file: &Said<PathBuf>, read: ReadFile<'_>) -> Result<Secret, ConfigurationError> {
    let text = text(file, SECRET_MAX_BYTES, read)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() || line.contains(char::is_control) {
        return Err(file.origin.error(format!("{} has not one line with a secret", shown(&file.value))));
    }
    Ok(Secret::new(line))
}

/// Returns a path as it may stand in a message.
pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}
