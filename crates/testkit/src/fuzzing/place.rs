//! Where a target puts files and runs what is asynchronous.
#![expect(clippy::disallowed_methods, reason = "files of one run of a target")]

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// A directory in memory, where there is one: a fuzzer runs a target thousands of times in a second.
const MEMORY: &str = "/dev/shm";

thread_local! {
    static RUNTIME: RefCell<Option<Runtime>> = const { RefCell::new(None) };
}

/// Runs a future to its end.
pub(super) fn run<F: Future>(future: F) -> F::Output {
    RUNTIME.with(|runtime| {
        let mut runtime = runtime.borrow_mut();
        runtime.get_or_insert_with(|| Builder::new_current_thread().enable_all().build().unwrap()).block_on(future)
    })
}

/// A directory that is gone when this is dropped.
pub(super) struct Place(TempDir);

impl Place {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir_in(MEMORY).or_else(|_| tempfile::tempdir()).unwrap())
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, with the directories on the way to it.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Writes content where layouts and the local content store have it.
    pub(super) fn write_blob(&self, content: &[u8]) {
        self.write(&blob_name(content), content);
    }
}

/// Returns the name of content in a layout.
pub(super) fn blob_name(content: &[u8]) -> String {
    format!("blobs/sha256/{}", oci::Digest::sha256(content).encoded())
}
