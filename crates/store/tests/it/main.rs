//! What is special about each store, and the contract that all of them keep.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]
#![expect(clippy::disallowed_methods, reason = "these tests prepare files as other tools would")]

mod archive;
mod atomic;
mod content_store;
mod contract;
mod docker_archive;
mod fixture;
mod foreign_layouts;
mod hostile_archives;
mod layout;
mod layout_collection;
mod layout_files;
mod processes;
mod receive;
mod reopened;
mod resumed;
