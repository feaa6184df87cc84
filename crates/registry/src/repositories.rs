//! Where a registry's repositories are.

mod directory;
mod memory;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use oci::RepositoryName;
use store::{Store, StoreError};

pub use directory::DirectoryRepositories;
pub use memory::MemoryRepositories;

/// The repositories of a registry, each of them a [`Store`]. What one holds says nothing about another.
#[async_trait]
pub trait Repositories: Send + Sync + fmt::Debug {
    /// Returns a repository, or a new one where there is none and `create` says so. Whether a repository into which nothing
    /// has been put is there the next time is left open.
    async fn open(&self, name: &RepositoryName, create: bool) -> Result<Option<Arc<dyn Store>>, StoreError>;

    /// Returns the names of all repositories, in order.
    async fn names(&self) -> Result<Vec<RepositoryName>, StoreError>;

    /// Returns the directory in which the files of uploads are best kept until they are whole; without one it is the
    /// system's directory of temporary files.
    fn upload_directory(&self) -> Option<PathBuf> {
        None
    }
}
