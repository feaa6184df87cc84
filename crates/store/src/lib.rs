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

pub mod body;
pub mod error;
pub mod memory;
pub mod store;

pub use body::{BlobBody, BlobSource, Content, FileRange, Meter, SocketBody};
pub use error::StoreError;
pub use memory::MemoryStore;
pub use store::{Identity, Put, Referrers, Store, SubjectIndexed};
