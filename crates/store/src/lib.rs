//! A store is anywhere a content-addressed graph lives. This crate holds the trait and the stores that need no network.
//!
//! | module | holds |
//! |---|---|
//! | [`store`](mod@crate::store) | [`Store`]: manifests, blobs, tags and referrers of one repository |
//! | [`body`] | the bytes of a blob on their way: from memory, a file, a stream or a plain socket |
//! | [`error`] | why a store did not do what it was asked |
//! | [`memory`] | a store in memory |
//! | [`pace`] | how slow bytes may come, and how few at a time |
//! | [`layout`] | an OCI image layout in a directory |
//! | [`archive`] | an OCI layout in a tar, plain or compressed; the output of `docker save` |
//! | [`content_store`] | the local content store: names, and manifests kept between runs |
//! | [`collection`] | what the collections of layouts and of the content store have in common |
//! | [`aligned`] | buffers from which a disk takes bytes directly |
//! | [`atomic`] | small files that are replaced whole or not at all |
//! | [`tag_list`] | lists of tags, and what makes the next one quicker |
//! | [`journal`] | text files to which several processes add lines |
//!
//! ```text
//! layout                           archive                        content store
//! ├── oci-layout                   tar, or tar in zstd            ├── store.json
//! ├── index.json                   ├── blobs/sha256/<hex>  …      ├── blobs/<algorithm>/<hex>
//! └── blobs/<algorithm>/<hex>      ├── oci-layout                 ├── cache/<algorithm>/<hex>
//!                                  └── index.json                 ├── names/<repository>/_name.json
//!                                                                 └── referrers/<algorithm>/<hex>/<algorithm>-<hex>
//! ```
//!
//! Below them lie four things that no caller sees: `staging` (files in the making, each under the lock of the process that
//! makes it), `blob_directory` (content in files, durable before it has its name; large content past the kernel's memory), `receive` (bytes from anywhere into a
//! file, hashed on the way by one thread) and `content_files` (finding manifests among files of which nothing says what
//! they are). Whatever waits for the disk runs on a thread that may wait.
//!
//! A file gets its name when its content has been verified and is durable; a list names something when what it names has
//! its name. So nothing half-written is ever visible, whenever a process is killed. What a killed process was writing is
//! removed by the next one that writes.
//!
//! Every store passes the same contract suite (`testkit::contract`), and so does the registry client.

pub mod aligned;
pub mod archive;
pub mod atomic;
mod blob_directory;
mod blocking;
pub mod body;
pub mod collection;
mod content_files;
pub mod content_store;
pub mod error;
pub mod history;
pub mod journal;
pub mod layout;
mod lock;
pub mod memory;
pub mod pace;
mod receive;
mod regular_file;
mod staging;
pub mod store;
pub mod tag_list;

pub use archive::{ArchiveLimits, ArchiveStore, DockerArchive};
pub use body::{BlobBody, BlobSource, Content, FileRange, Meter, SocketBody};
pub use content_store::{ContentStore, NamedStore};
pub use error::StoreError;
pub use layout::LayoutStore;
pub use memory::MemoryStore;
pub use store::{Identity, Put, Referrers, Store, SubjectIndexed, Untagged};
