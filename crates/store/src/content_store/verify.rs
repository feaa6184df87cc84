//! Checking every file of the content store.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use oci::{Descriptor, Digest, MediaType};

use super::{ContentStore, Inner};
use crate::blob_directory::{BlobDirectory, verify};
use crate::blocking;
use crate::content_files::{ContentFiles as _, Opened};
use crate::error::StoreError;

/// How many files are hashed at once: enough to keep a disk busy, and not the machine.
const PARALLEL: usize = 2;

/// What a check of the content store found.
#[derive(Debug, Default)]
pub struct VerifyReport {
    /// Number of files that were hashed.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Files that are not what their name says, or cannot be read, in the order of their paths.
    pub damaged: Vec<Damage>,
}

/// A file that is not what its name says.
#[derive(Debug)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// The content it should have.
    pub digest: Digest,
    /// What is wrong with it.
    pub error: StoreError,
}

impl ContentStore {
    /// Hashes every file of the store, two at a time. Damaged files are reported and left where they are.
    ///
    /// # Errors
    /// [`StoreError::File`] when the store cannot be listed.
    pub async fn verify(&self) -> Result<VerifyReport, StoreError> {
        let files = self.run(Inner::files).await?;
        let files = Arc::new(Mutex::new(files.into_iter()));
        let checks = (0..PARALLEL).map(|_| {
            let (inner, files) = (Arc::clone(&self.inner), Arc::clone(&files));
            blocking::run(move || {
                let mut report = VerifyReport::default();
                loop {
                    let next = files.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((place, digest, size)) = next else { return report };
                    report.check(inner.directory(place), digest, size);
                }
            })
        });
        let mut whole = VerifyReport::default();
        for part in futures_util::future::join_all(checks).await {
            whole.files += part.files;
            whole.bytes += part.bytes;
            whole.damaged.extend(part.damaged);
        }
        whole.damaged.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(whole)
    }
}

/// Which directory of content a file is in.
#[derive(Clone, Copy, Debug)]
enum Place {
    Blobs,
    Cache,
}

impl Inner {
    fn files(&self) -> Result<Vec<(Place, Digest, u64)>, StoreError> {
        let mut files = Vec::new();
        for place in [Place::Blobs, Place::Cache] {
            files.extend(self.directory(place).list()?.into_iter().map(|(digest, size)| (place, digest, size)));
        }
        Ok(files)
    }

    fn directory(&self, place: Place) -> &BlobDirectory {
        match place {
            Place::Blobs => &self.blobs,
            Place::Cache => &self.cache,
        }
    }
}

impl VerifyReport {
    fn check(&mut self, directory: &BlobDirectory, digest: Digest, size: u64) {
        let path = directory.path(&digest);
        let outcome = match directory.open(&digest) {
            Ok(Some(Opened::File { file, .. })) => {
                verify(&file, &Descriptor::new(MediaType::OCTET_STREAM, digest, size), &path)
            }
            // Another process has removed it since it was listed.
            Ok(None | Some(Opened::Memory(_))) => return,
            Err(error) => Err(error),
        };
        self.files += 1;
        self.bytes += size;
        if let Err(error) = outcome {
            self.damaged.push(Damage { path, digest, error });
        }
    }
}
