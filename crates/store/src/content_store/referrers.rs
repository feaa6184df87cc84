//! What refers to what: an empty file for each referrer in a directory for each subject.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use oci::Digest;

use super::names::make_durably;
use crate::error::StoreError;

/// The directory of lists.
#[derive(Debug)]
pub(super) struct ReferrerIndex {
    path: PathBuf,
}

impl ReferrerIndex {
    pub(super) fn new(root: &Path) -> Self {
        Self { path: root.join("referrers") }
    }

    fn list_of(&self, subject: &Digest) -> PathBuf {
        self.path.join(subject.algorithm().name()).join(subject.encoded())
    }

    fn entry(&self, subject: &Digest, referrer: &Digest) -> PathBuf {
        self.list_of(subject).join(format!("{}-{}", referrer.algorithm(), referrer.encoded()))
    }

    /// Lists a manifest for its subject.
    pub(super) fn add(&self, subject: &Digest, referrer: &Digest) -> Result<(), StoreError> {
        let path = self.entry(subject, referrer);
        if path.exists() {
            return Ok(());
        }
        let list = self.list_of(subject);
        make_durably(&list, &self.path)?;
        let failed = |error| StoreError::file("cannot write", &path)(error);
        File::options().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        File::open(&list).and_then(|list| list.sync_all()).map_err(failed)
    }

    /// Removes a manifest from the list of its subject.
    pub(super) fn remove(&self, subject: &Digest, referrer: &Digest) -> Result<(), StoreError> {
        let path = self.entry(subject, referrer);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::file("cannot remove", &path)(error));
            }
            _ => {}
        }
        // A list that has other entries stays.
        let _ = fs::remove_dir(self.list_of(subject));
        Ok(())
    }

    /// Returns what is listed for a subject, in the order of the digests.
    pub(super) fn of(&self, subject: &Digest) -> Result<Vec<Digest>, StoreError> {
        let path = self.list_of(subject);
        let failed = |error| StoreError::file("cannot list", &path)(error);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut listed = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            listed.extend(name.to_str().and_then(|name| name.replacen('-', ":", 1).parse::<Digest>().ok()));
        }
        listed.sort_unstable();
        Ok(listed)
    }

    /// Returns every pair of subject and referrer.
    pub(super) fn all(&self) -> Result<Vec<(Digest, Digest)>, StoreError> {
        let mut pairs = Vec::new();
        for algorithm in oci::Algorithm::ALL {
            let path = self.path.join(algorithm.name());
            let failed = |error| StoreError::file("cannot list", &path)(error);
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            for entry in entries {
                let name = entry.map_err(failed)?.file_name();
                let subject = name.to_str().and_then(|name| format!("{algorithm}:{name}").parse::<Digest>().ok());
                if let Some(subject) = subject {
                    pairs.extend(self.of(&subject)?.into_iter().map(|referrer| (subject, referrer)));
                }
            }
        }
        Ok(pairs)
    }
}
