//! Where the files of an artifact may lie: below one directory, whatever the artifact calls them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::OpsError;

/// Most bytes of a title; beyond them no file system takes a path.
const TITLE_MAX_BYTES: usize = 4096;

/// Returns the parts of a title that is a safe relative path.
///
/// # Errors
/// [`OpsError::Integrity`] for a title that leaves the directory, names it, or holds control characters.
pub(super) fn parts<'a>(location: &str, title: &'a str) -> Result<Vec<&'a str>, OpsError> {
    let safe = |part: &&str| !part.is_empty() && *part != "." && *part != ".." && !part.chars().any(char::is_control);
    let parts: Vec<&str> = title.split('/').collect();
    if title.len() <= TITLE_MAX_BYTES && parts.iter().all(safe) {
        return Ok(parts);
    }
    let shown: String = title.chars().take(200).collect();
    Err(OpsError::Integrity {
        location: location.to_owned(),
        message: format!("a file is called `{}`, which is not a safe relative path", oci::text::printable(&shown)),
    })
}

/// Makes the directories on the way to a file below `root` and returns the file's path. No link is followed below `root`.
///
/// # Errors
/// [`OpsError::File`] when a directory cannot be made, or something else is in its place.
pub(super) fn prepare(root: &Path, parts: &[&str]) -> Result<PathBuf, OpsError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| OpsError::File { action: "cannot make the directory", path, source }
    };
    fs::create_dir_all(root).map_err(failed(root))?;
    let mut path = root.to_owned();
    let Some((name, directories)) = parts.split_last() else { return Ok(path) };
    for part in directories {
        path.push(part);
        match fs::create_dir(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let found = fs::symlink_metadata(&path).map_err(failed(&path))?;
                if !found.is_dir() {
                    let error = io::Error::new(io::ErrorKind::NotADirectory, "something else is there");
                    return Err(failed(&path)(error));
                }
            }
            Err(error) => return Err(failed(&path)(error)),
        }
    }
    path.push(name);
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_title_leaves_the_directory() {
        assert_eq!(parts("here", "a/b.txt").unwrap(), ["a", "b.txt"]);
        for wrong in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", ".", "a\0b", "a\u{1b}[2Jb"] {
            assert!(parts("here", wrong).is_err(), "{wrong:?}");
        }
        assert!(parts("here", &"a".repeat(TITLE_MAX_BYTES + 1)).is_err());
    }

    #[test]
    fn no_link_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (root, elsewhere) = (directory.path().join("root"), directory.path().join("elsewhere"));
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, root.join("link")).unwrap();
        assert!(prepare(&root, &["link", "file"]).is_err());
        assert_eq!(prepare(&root, &["new", "file"]).unwrap(), root.join("new/file"));
        assert_eq!(prepare(&root, &["new", "other"]).unwrap(), root.join("new/other"));
        assert!(root.join("new").is_dir());
    }
}
