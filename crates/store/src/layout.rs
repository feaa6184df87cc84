//! An OCI image layout (image-spec, "OCI Image Layout Specification").
//!
//! ```text
//! oci-layout                     {"imageLayoutVersion":"1.0.0"}; its lock guards changes of index.json
//! index.json                     the tagged roots first, then what else is listed, without names
//! blobs/<algorithm>/<encoded>    manifests and blobs alike, read-only
//! .supercargo/<random>           files in the making; gone when nothing is being written
//! ```
//!
//! What we write is what `oras` writes: each tagged root, then each referrer as an entry without a name but with its artifact
//! type. What we read is any layout: `regctl` keeps referrers in indexes under fallback tags, `cosign` in blobs that nothing
//! names, `containerd` and `skopeo` write full references where the specification has tags, `oras` lists children too.
//! Entries of other tools are kept as they are.
//!
//! Any number of processes may use a layout at once. `index.json` is changed under a lock, read again under it, and replaced
//! whole; blobs get their names when they are whole and verified. A process that writes also holds a shared lock on the
//! layout's directory for as long as it lives, which keeps a collection from removing what it has just seen.

mod collect;
pub(crate) mod index;
pub(crate) mod roots;
pub(crate) mod scan;
mod store;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use oci::{Descriptor, Manifest};

use crate::atomic::{self, STAGING_NAME};
use crate::blob_directory::{BLOBS, BlobDirectory};
use crate::error::StoreError;
use crate::lock::Lock;
use crate::{blocking, regular_file};
use index::{INDEX_MAX_BYTES, LayoutIndex};
use scan::Scan;

pub use collect::{Holdings, LayoutCollection};
pub(crate) use store::CONCURRENCY;

/// The file that says that a directory is a layout.
pub(crate) const MARKER: &str = "oci-layout";
/// The file that lists what the layout holds.
pub(crate) const INDEX: &str = "index.json";
/// What [`MARKER`] holds.
pub(crate) const MARKER_CONTENT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// Largest [`MARKER`] that is read, in bytes.
pub(crate) const MARKER_MAX_BYTES: u64 = 64 * 1024;

/// An OCI image layout in a directory.
///
/// A manifest that is put is listed when it has a subject; one that has none is listed when it gets a tag, or by
/// [`keep_root`](crate::Store::keep_root), because the parts of an index need no entry of their own. Entries of referrers are written
/// together with the next tag or by [`finish`](crate::Store::finish); until then they are found by their subject, as any unlisted referrer is.
#[derive(Clone, Debug)]
pub struct LayoutStore {
    layout: Arc<Layout>,
}

#[derive(Debug)]
struct Layout {
    path: PathBuf,
    location: String,
    writes: bool,
    lists_referrers: bool,
    blobs: Arc<BlobDirectory>,
    /// Held while a process that writes is at work.
    session: OnceLock<Lock>,
    /// Set once the layout is known to be there.
    made: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// `index.json` as it was last seen, and what it says.
    index: Option<(Vec<u8>, Arc<LayoutIndex>)>,
    /// What refers to what, as long as `index.json` is that and only we have added to the layout.
    scan: Option<Scan>,
    /// Referrers that `index.json` does not list yet.
    unlisted: Vec<Descriptor>,
}

impl LayoutStore {
    /// Opens a layout to read it.
    ///
    /// # Errors
    /// [`StoreError::Format`] when the directory is not a layout, [`StoreError::File`] when it cannot be read.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        fs::metadata(&path).map_err(StoreError::file("cannot open", &path))?;
        if !is_layout(&path)? {
            return Err(StoreError::format(&path, "is not an OCI layout: it has no file `oci-layout`"));
        }
        Ok(Self::new(path, false))
    }

    /// Opens a layout to write to it. A directory that is absent or empty becomes a layout with the first thing that is put;
    /// until then nothing is made.
    ///
    /// # Errors
    /// [`StoreError::Format`] when there is something else at that path, [`StoreError::File`] when it cannot be read.
    pub fn open_or_create(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        // The marker is the first thing that is made. Asked again, it tells a layout that came to be between the two questions.
        if !is_layout(&path)? && !is_free(&path)? && !is_layout(&path)? {
            return Err(StoreError::format(&path, "is neither empty nor an OCI layout"));
        }
        Ok(Self::new(path, true))
    }

    fn new(path: PathBuf, writes: bool) -> Self {
        let location = format!("oci:{}", oci::text::printable(&path.to_string_lossy()));
        let blobs = Arc::new(BlobDirectory::new(&path, BLOBS));
        let layout = Layout {
            path,
            location,
            writes,
            lists_referrers: true,
            blobs,
            session: OnceLock::new(),
            made: AtomicBool::new(false),
            state: Mutex::default(),
        };
        Self { layout: Arc::new(layout) }
    }

    /// Lists roots alone in `index.json`, for tools that want exactly one entry. Referrers that are put are found by their
    /// subject nevertheless.
    #[must_use]
    pub fn listing_roots_only(mut self) -> Self {
        // A store that was just made has no other handle; one that has keeps listing.
        if let Some(layout) = Arc::get_mut(&mut self.layout) {
            layout.lists_referrers = false;
        }
        self
    }

    /// Returns the layout's directory.
    pub fn path(&self) -> &Path {
        &self.layout.path
    }

    /// Runs work that waits for the disk.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Layout) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let layout = Arc::clone(&self.layout);
        blocking::run(move || {
            layout.begin_session()?;
            work(&layout)
        })
        .await
    }
}

/// Tells whether a directory says that it is a layout.
pub(crate) fn is_layout(path: &Path) -> Result<bool, StoreError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Marker {
        image_layout_version: String,
    }
    let marker = path.join(MARKER);
    let bytes = match regular_file::read(&marker, MARKER_MAX_BYTES) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok(false),
        Err(StoreError::File { source, .. }) if source.kind() == io::ErrorKind::NotADirectory => return Ok(false),
        Err(error) => return Err(error),
    };
    let version = serde_json::from_slice::<Marker>(&bytes).map(|marker| marker.image_layout_version);
    match version {
        Ok(version) if version.starts_with("1.") => Ok(true),
        Ok(version) => {
            let version = oci::text::printable(&version).into_owned();
            Err(StoreError::format(&marker, format!("says that the layout has version `{version}`, not 1.0.0")))
        }
        Err(_) => Err(StoreError::format(&marker, "does not say the version of the layout")),
    }
}

/// Tells whether a path is free for a new layout: nothing is there, or an empty directory, or what a process has left that was
/// killed before there was anything to see.
fn is_free(path: &Path) -> Result<bool, StoreError> {
    let failed = |error| StoreError::file("cannot open", path)(error);
    let mut entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    entries.try_fold(true, |free, entry| Ok(free && entry.map_err(failed)?.file_name() == STAGING_NAME))
}

impl Layout {
    // A panic elsewhere leaves at worst what is read again.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps collections away from here on, if this process may write and there is something to collect.
    fn begin_session(&self) -> Result<(), StoreError> {
        if !self.writes || self.session.get().is_some() {
            return Ok(());
        }
        match Lock::shared(&self.path) {
            Ok(lock) => {
                // Another thread's lock is as good.
                let _ = self.session.set(lock);
                Ok(())
            }
            Err(StoreError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn require_writes(&self) -> Result<(), StoreError> {
        if self.writes {
            return Ok(());
        }
        let action = "be changed: it was opened to be read";
        Err(StoreError::Unsupported { location: self.location.clone(), action })
    }

    /// Tells whether [`Layout::make`] has been here.
    fn is_made(&self) -> bool {
        self.made.load(Ordering::Acquire)
    }

    /// Makes the layout if it is not there.
    fn make(&self) -> Result<(), StoreError> {
        self.require_writes()?;
        let (marker, index) = (self.path.join(MARKER), self.path.join(INDEX));
        // A process that was killed may have made the one and not the other.
        if self.is_made() || (marker.exists() && index.exists()) {
            self.made.store(true, Ordering::Release);
            return Ok(());
        }
        let made = fs::create_dir_all(&self.path).and_then(|()| match self.path.parent() {
            Some(parent) if parent != Path::new("") => File::open(parent)?.sync_all(),
            _ => Ok(()),
        });
        made.map_err(StoreError::file("cannot make", &self.path))?;
        self.begin_session()?;
        let mut staged = self.blobs.staging().begin()?;
        let failed = |error| StoreError::file("cannot write", &marker)(error);
        staged.write(MARKER_CONTENT).and_then(|()| staged.sync()).map_err(failed)?;
        let directory = File::open(&self.path).map_err(failed)?;
        // Not in the place of the file that another process may have made, and locked, meanwhile.
        match staged.publish_new(&directory, MARKER) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        drop(staged);
        let _lock = Lock::exclusive(&marker)?;
        if !index.exists() {
            self.write_index(&mut self.state(), LayoutIndex::empty())?;
        }
        Ok(())
    }

    /// Returns what the layout lists now.
    fn index(&self, state: &mut State) -> Result<Arc<LayoutIndex>, StoreError> {
        let path = self.path.join(INDEX);
        let Some(bytes) = regular_file::read(&path, INDEX_MAX_BYTES)? else {
            if self.writes {
                return Ok(Arc::new(LayoutIndex::empty()));
            }
            return Err(StoreError::format(&self.path, "is not a whole OCI layout: it has no file `index.json`"));
        };
        if let Some((known, index)) = &state.index
            && *known == bytes
        {
            return Ok(Arc::clone(index));
        }
        let index = Arc::new(LayoutIndex::parse(&bytes, &path)?);
        state.index = Some((bytes, Arc::clone(&index)));
        state.scan = None;
        Ok(index)
    }

    /// Changes what the layout lists, together with the referrers that are not listed yet. Everything that was put before is
    /// durable before the list is.
    fn change_index(
        &self,
        change: impl FnOnce(&mut LayoutIndex) -> Result<bool, serde_json::Error>,
    ) -> Result<bool, StoreError> {
        self.make()?;
        self.blobs.sync()?;
        let _lock = Lock::exclusive(&self.path.join(MARKER))?;
        let mut state = self.state();
        let mut index = LayoutIndex::clone(&*self.index(&mut state)?);
        let broken = |error: serde_json::Error| {
            let reason = format!("has an entry that cannot be changed: {error}");
            StoreError::format(&self.path.join(INDEX), oci::text::printable(&reason))
        };
        let changed = change(&mut index).map_err(broken)?;
        let mut added = false;
        for referrer in &state.unlisted {
            added |= index.add(referrer).map_err(broken)?;
        }
        if changed || added {
            self.write_index(&mut state, index)?;
        }
        state.unlisted.clear();
        Ok(changed)
    }

    fn write_index(&self, state: &mut State, index: LayoutIndex) -> Result<(), StoreError> {
        let path = self.path.join(INDEX);
        let bytes = index.to_bytes().map_err(|error| StoreError::file("cannot write", &path)(error.into()))?;
        atomic::replace(self.blobs.staging().begin()?, &path, &self.path, &bytes)?;
        state.index = Some((bytes, Arc::new(index)));
        Ok(())
    }

    /// Returns the answer to a question about what refers to what.
    fn scanned<T>(&self, ask: impl FnOnce(&Scan, &LayoutIndex) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut state = self.state();
        let index = self.index(&mut state)?;
        let scan = match state.scan.take() {
            Some(scan) => scan,
            None => Scan::new(&index, &*self.blobs, &self.location)?,
        };
        ask(state.scan.insert(scan), &index)
    }

    fn put_manifest(&self, manifest: &Manifest) -> Result<(), StoreError> {
        self.make()?;
        self.blobs.put_manifest(manifest)?;
        let mut state = self.state();
        if let Some(scan) = &mut state.scan {
            scan.add(manifest);
        }
        if manifest.subject().is_some() && self.lists_referrers {
            state.unlisted.push(manifest.referrer_descriptor());
        }
        Ok(())
    }

    /// Makes the names of everything that was put durable, and leaves nothing in the making.
    fn settle(&self) -> Result<(), StoreError> {
        self.blobs.sync()?;
        self.blobs.staging().remove_if_empty();
        if let Ok(directory) = File::open(&self.path) {
            directory.sync_all().map_err(StoreError::file("cannot write", &self.path))?;
        }
        Ok(())
    }
}
