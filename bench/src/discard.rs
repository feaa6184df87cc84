//! Getting rid of what a run has written, without a price for the next run.
//!
//! ext4 does not give the inode of a file away that was deleted a minute ago, and looks at each of them again for every file
//! that is made: after some thousands of deletions the next run spends more time there than in everything else. So what has
//! been written is moved aside, and deleted at the end. Only the bytes of large files go at once.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Result;

/// Files from this size on are emptied.
const LARGE_BYTES: u64 = 256 * 1024;

/// A place for what is not wanted any more.
#[derive(Debug)]
pub struct Discarded {
    directory: PathBuf,
    count: usize,
}

impl Discarded {
    /// Makes a place, on the file system of `directory`.
    pub fn new(directory: PathBuf) -> Result<Self> {
        fs::create_dir_all(&directory)?;
        Ok(Self { directory, count: 0 })
    }

    /// Takes a file or directory away, if it is there.
    pub fn take(&mut self, path: &Path) -> Result<()> {
        if !path.exists() {
            return Ok(());
        }
        self.count += 1;
        let aside = self.directory.join(self.count.to_string());
        fs::rename(path, &aside)?;
        empty_large_files(&aside)
    }
}

fn empty_large_files(path: &Path) -> Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            empty_large_files(&entry?.path())?;
        }
    } else if metadata.is_file() && metadata.len() >= LARGE_BYTES {
        if metadata.nlink() > 1 {
            // Another name of the same file may be part of the corpus.
            return Ok(fs::remove_file(path)?);
        }
        // Blobs in stores are read-only, for everybody but root.
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        OpenOptions::new().write(true).open(path)?.set_len(0)?;
    }
    Ok(())
}
