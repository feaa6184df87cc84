//! Repositories as image layouts in one directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use oci::RepositoryName;
use store::{LayoutStore, Store, StoreError};

use super::Repositories;

/// Where the files of uploads are. No repository's name begins with a dot.
const UPLOADS: &str = ".uploads";
/// The file that makes a directory a layout.
const LAYOUT_MARKER: &str = "oci-layout";

/// Most layouts that are kept open. Each of them has a few files open and knows what its artifacts refer to.
const OPEN_MAX: usize = 64;

/// Repositories as OCI image layouts below one directory: `team/app` is the layout `team+app`, which any tool can read (and
/// is no part of `team`, whose blobs would be in its way).
///
/// A layout has one space for manifests and blobs, so a manifest can be had as a blob too, and be deleted as one; and
/// none for media types, so a manifest that does not state its own is served with OCI's. A blob
/// is certain to survive a crash of the machine once a manifest that was put after it has been acknowledged.
#[derive(Debug)]
pub struct DirectoryRepositories {
    root: PathBuf,
    /// Layouts that are open, the one used last at the end. Several stores may be at work in one layout.
    open: Mutex<Vec<(RepositoryName, LayoutStore)>>,
}

impl DirectoryRepositories {
    /// Returns the repositories below `root`, which is made if it is not there.
    ///
    /// # Errors
    /// [`StoreError::File`] when the directory cannot be made.
    pub fn new(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        let uploads = root.join(UPLOADS);
        fs::create_dir_all(&uploads).map_err(failure("cannot make", &uploads))?;
        Ok(Self { root, open: Mutex::default() })
    }

    fn path(&self, name: &RepositoryName) -> PathBuf {
        // No name has a plus in it.
        self.root.join(name.as_str().replace('/', "+"))
    }

    fn used_before(&self, name: &RepositoryName) -> Option<LayoutStore> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let position = open.iter().position(|(known, _)| known == name)?;
        open[position..].rotate_left(1);
        open.last().map(|(_, store)| store.clone())
    }

    fn keep_open(&self, name: &RepositoryName, store: &LayoutStore) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() == OPEN_MAX {
            open.remove(0);
        }
        open.push((name.clone(), store.clone()));
    }
}

#[async_trait]
impl Repositories for DirectoryRepositories {
    async fn open(&self, name: &RepositoryName, create: bool) -> Result<Option<Arc<dyn Store>>, StoreError> {
        let path = self.path(name);
        let marker = path.join(LAYOUT_MARKER);
        // A layout is made by the first thing that is put into it, and not by being opened.
        let exists = tokio::fs::try_exists(&marker).await.map_err(failure("cannot look at", &marker))?;
        if !exists && !create {
            return Ok(None);
        }
        if let Some(store) = self.used_before(name) {
            return Ok(Some(Arc::new(store)));
        }
        let opened = tokio::task::spawn_blocking({
            let path = path.clone();
            move || LayoutStore::open_or_create(path)
        });
        let store = opened.await.map_err(|error| failure("cannot open", &path)(io::Error::other(error)))??;
        self.keep_open(name, &store);
        Ok(Some(Arc::new(store)))
    }

    async fn names(&self) -> Result<Vec<RepositoryName>, StoreError> {
        let root = self.root.clone();
        let listed = tokio::task::spawn_blocking(move || {
            let mut names = Vec::new();
            for entry in fs::read_dir(&root)? {
                let entry = entry?;
                let name = entry.file_name().to_str().and_then(|name| name.replace('+', "/").parse().ok());
                if let Some(name) = name
                    && entry.path().join(LAYOUT_MARKER).try_exists()?
                {
                    names.push(name);
                }
            }
            names.sort_unstable();
            Ok::<_, io::Error>(names)
        });
        listed.await.map_err(io::Error::other).and_then(|listed| listed).map_err(failure("cannot list", &self.root))
    }

    fn upload_directory(&self) -> Option<PathBuf> {
        Some(self.root.join(UPLOADS))
    }
}

fn failure<'p>(action: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> StoreError + 'p {
    move |source| StoreError::File { action, path: path.to_owned(), source }
}
