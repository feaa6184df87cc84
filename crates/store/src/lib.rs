//! A store is anywhere a content-addressed graph lives. This crate holds the trait and the stores that need no network.
//!
//! | module | holds |
//! |---|---|
//! | [`store`](mod@crate::store) | [`Store`]: manifests, blobs, tags and referrers of one repository |
//! | [`body`] | the bytes of a blob on their way: from memory, a file, a stream or a plain socket |
//! | [`memory`] | a store in memory |
//! | [`error`] | why a store did not do what it was asked |
//!
//! Every store passes the same contract suite (`testkit::contract`), and so does the registry client.

pub mod archive;
pub mod atomic;
mod blob_directory;
mod blocking;
pub mod body;
pub mod collection;
mod content_files;
pub mod content_store;
pub mod error;
pub mod layout;
mod lock;
pub mod memory;
mod receive;
mod regular_file;
mod staging;
pub mod store;

pub use archive::{ArchiveLimits, ArchiveStore, DockerArchive};
pub use body::{BlobBody, BlobSource, Content, FileRange, Meter, SocketBody};
pub use content_store::{ContentStore, NamedStore};
pub use error::StoreError;
pub use layout::LayoutStore;
pub use memory::MemoryStore;
pub use store::{Identity, Put, Referrers, Store, SubjectIndexed};
