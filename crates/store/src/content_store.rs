//! The local content store: each blob once, whatever names use it.
//!
//! ```text
//! store.json                                     {"schema":"supercargo.store.v1"}
//! blobs/<algorithm>/<encoded>                    manifests and blobs that names use, read-only
//! cache/<algorithm>/<encoded>                    manifests kept between runs; nothing else here is used with them
//! names/<repository>/_name.json                  what the tags of a name point to, and its roots without a tag
//! referrers/<algorithm>/<encoded>/<algorithm>-<encoded>    an empty file for each manifest about a subject
//! .supercargo/<random>                           files in the making
//! chain-index.txt                                what operations remember of images; no part of the content, and not looked at here
//! ```
//!
//! Kept manifests lie apart from the others because a manifest among the blobs promises that what it is made of is here too.
//! Names and lists of referrers are changed under a lock on the `names` directory. A process that uses names holds a shared
//! lock on the root for as long as it lives, and [`ContentStore::prune`] needs it alone; keeping manifests needs no lock, because
//! whoever reads one verifies it.

mod named;
mod names;
mod prune;
mod referrers;
mod verify;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use oci::limits::MANIFEST_MAX_BYTES;
use oci::{Digest, Manifest, ManifestError, MediaType, RepositoryName};

use crate::atomic::{self, STAGING_NAME};
use crate::blob_directory::{BLOBS, BlobDirectory, Durability};
use crate::content_files::ContentFiles as _;
use crate::error::StoreError;
use crate::lock::Lock;
use crate::{blocking, regular_file};
use names::Names;
use referrers::ReferrerIndex;

pub use named::NamedStore;
pub use prune::{PruneOptions, PruneReport};
pub use verify::{Damage, VerifyReport};

const CACHE: &str = "cache";
const MARKER: &str = "store.json";
const MARKER_CONTENT: &[u8] = b"{\"schema\":\"supercargo.store.v1\"}\n";
const MARKER_MAX_BYTES: u64 = 64 * 1024;

/// The local content store. Cloning it gives another handle to the same store.
#[derive(Clone, Debug)]
pub struct ContentStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    location: String,
    blobs: Arc<BlobDirectory>,
    cache: Arc<BlobDirectory>,
    names: Names,
    referrers: ReferrerIndex,
    session: OnceLock<Lock>,
}

/// What a content store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreSize {
    /// Number of names.
    pub names: u64,
    /// Number of manifests and blobs that names use, or used.
    pub blobs: u64,
    /// Their size in bytes.
    pub blob_bytes: u64,
    /// Number of manifests kept between runs.
    pub cached_manifests: u64,
    /// Their size in bytes.
    pub cached_bytes: u64,
}

impl ContentStore {
    /// Opens the store below `root`, and makes it if there is nothing.
    ///
    /// # Errors
    /// [`StoreError::Format`] when the directory holds something else, [`StoreError::File`] when it cannot be made or read.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        if !is_store(&root)? {
            fs::create_dir_all(&root).map_err(StoreError::file("cannot make", &root))?;
            if is_free(&root)? {
                atomic::write(&root.join(MARKER), MARKER_CONTENT)?;
            } else if !is_store(&root)? {
                // The marker comes before anything else, so this is not a store that another process has made meanwhile.
                return Err(StoreError::format(&root, "is neither empty nor a content store"));
            }
        }
        let location = format!("store at {}", oci::text::printable(&root.to_string_lossy()));
        let inner = Inner {
            blobs: Arc::new(BlobDirectory::new(&root, BLOBS)),
            cache: Arc::new(BlobDirectory::new(&root, CACHE)),
            names: Names::new(&root),
            referrers: ReferrerIndex::new(&root),
            session: OnceLock::new(),
            location,
            root,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Returns the store's directory.
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// Returns what the store keeps under a name. A name that nobody has used has nothing.
    pub fn name(&self, name: RepositoryName) -> NamedStore {
        NamedStore::new(self.clone(), name)
    }

    /// Returns every name, sorted.
    ///
    /// # Errors
    /// [`StoreError::File`] when the directory of names cannot be read.
    pub async fn names(&self) -> Result<Vec<RepositoryName>, StoreError> {
        self.run(|store| store.names.list()).await
    }

    /// Returns a manifest that is kept, verified. `media_type` is what the pointer to it said. A damaged file is removed;
    /// whatever else goes wrong, the manifest is not here.
    pub fn cached_manifest(&self, digest: &Digest, media_type: &MediaType) -> Option<Manifest> {
        let read = |directory: &BlobDirectory| {
            let bytes = directory.read(digest, MANIFEST_MAX_BYTES).ok().flatten()?;
            Some(Manifest::parse(bytes, Some(media_type), Some(digest)))
        };
        match read(&self.inner.cache) {
            Some(Ok(manifest)) => return Some(manifest),
            Some(Err(ManifestError::Digest(_))) => {
                // Another process may have removed it already.
                let _ = self.inner.cache.remove(digest);
            }
            Some(Err(_)) | None => {}
        }
        read(&self.inner.blobs)?.ok()
    }

    /// Keeps a manifest. It is not synced: a file that a crash has damaged is found to be so when it is read. Not being able to
    /// keep it is no failure.
    pub fn cache_manifest(&self, manifest: &Manifest) {
        let (cache, digest) = (&self.inner.cache, manifest.digest());
        let size = Ok(Some(manifest.bytes().len() as u64));
        let has = |directory: &BlobDirectory| directory.stat(digest).map_err(drop) == size;
        if !has(cache) && !has(&self.inner.blobs) {
            let _ = cache.write(digest, manifest.bytes(), Durability::Verified);
        }
    }

    /// Returns what the store holds.
    ///
    /// # Errors
    /// [`StoreError::File`] when a directory cannot be read.
    pub async fn size(&self) -> Result<StoreSize, StoreError> {
        self.run(|store| {
            let (blobs, cached) = (store.blobs.list()?, store.cache.list()?);
            Ok(StoreSize {
                names: store.names.list()?.len() as u64,
                blobs: blobs.len() as u64,
                blob_bytes: blobs.iter().map(|(_, size)| size).sum(),
                cached_manifests: cached.len() as u64,
                cached_bytes: cached.iter().map(|(_, size)| size).sum(),
            })
        })
        .await
    }

    /// Runs work that waits for the disk.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.inner);
        blocking::run(move || work(&inner)).await
    }
}

impl Inner {
    /// Keeps prunings away from here on.
    fn begin_session(&self) -> Result<(), StoreError> {
        if self.session.get().is_none() {
            // Another thread's lock is as good.
            let _ = self.session.set(Lock::shared(&self.root)?);
        }
        Ok(())
    }
}

fn is_our_version(content: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Marker {
        schema: String,
    }
    serde_json::from_slice::<Marker>(content).is_ok_and(|marker| marker.schema == "supercargo.store.v1")
}

/// Tells whether a directory says that it is a content store.
///
/// # Errors
/// [`StoreError::Format`] when it is one of another version.
fn is_store(root: &Path) -> Result<bool, StoreError> {
    match regular_file::read(&root.join(MARKER), MARKER_MAX_BYTES)? {
        Some(content) if is_our_version(&content) => Ok(true),
        Some(_) => Err(StoreError::format(root, "is a store of another version of supercargo")),
        None => Ok(false),
    }
}

/// Tells whether a directory is empty but for files in the making.
fn is_free(root: &Path) -> Result<bool, StoreError> {
    let failed = |error| StoreError::file("cannot open", root)(error);
    let mut entries = fs::read_dir(root).map_err(failed)?;
    entries.try_fold(true, |free, entry| {
        let name = entry.map_err(failed)?.file_name();
        // Another process may be making the store at this moment.
        Ok(free && (name == STAGING_NAME || name == MARKER))
    })
}
