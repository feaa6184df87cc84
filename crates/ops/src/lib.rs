//! One file per operation: each takes a [`Context`] and a request, wires graph, stores, client and registry together, and
//! returns a report. Nothing here prints, reads the environment or knows a terminal.
//!
//! | module | holds |
//! |---|---|
//! | [`context`] | opens a reference as a store; keeps manifests between runs |
//! | [`destination`] | where copies go: one place, or below a prefix |
//! | [`found`] | the manifest that a reference names |
//! | [`copy`](mod@crate::copy) | images, indexes and applications with everything attached to them, from anywhere to anywhere |
//! | [`archive`] | the same into one archive and out of it |
//! | [`pull`] | an image into the local content store, or an artifact's files into a directory |
//! | [`push`](mod@crate::push), [`attach`](mod@crate::attach) | files as an artifact, of its own or about an image |
//! | [`mark`](mod@crate::mark) | what became of an image after it was published |
//! | [`artifact`] | how files become an artifact |
//! | [`inspect`](mod@crate::inspect) | what an image is |
//! | [`genealogy`] | what is remembered of images, so that bases are recognised |
//! | [`history`](mod@crate::history) | how tags have moved, as far as it was seen |
//! | [`observations`] | what tags were seen to name, kept for later |
//! | [`tags`](mod@crate::tags), [`tag`](mod@crate::tag), [`delete`](mod@crate::delete) | names, and taking things away |
//! | [`artifacts`](mod@crate::artifacts) | what refers to an image, as a tree |
//! | [`project`] | `Supercargo.toml` and `Supercargo.lock` in a directory |
//! | [`lock`](mod@crate::lock) | a version of every image, written down |
//! | [`init`](mod@crate::init), [`edit`] | makes a project, changes what a project wants |
//! | [`import`](mod@crate::import), [`export`](mod@crate::export) | makes a project of the files of others, and lists for other tools |
//! | [`outdated`](mod@crate::outdated), [`candidates`](mod@crate::candidates) | what else there is |
//! | [`rewrite`](mod@crate::rewrite) | the locked references in the files of others, and back |
//! | [`publish`](mod@crate::publish), [`install`](mod@crate::install) | an application as one index, there and back |
//! | [`application`], [`installed`] | what was published, and where its images are when it was installed |
//! | [`mirror`](mod@crate::mirror) | destinations kept in step with sources |
//! | [`tree`](mod@crate::tree), [`diff`](mod@crate::diff) | what is locked and why, and what is different in another lock |
//! | [`bisect`](mod@crate::bisect) | the search for the image that broke something |
//! | [`sources`] | where the images of a project are read: what was vendored, mirrors, registries |
//! | [`reach`] | which registries do not answer, and what is not known because of that |
//! | [`relocate`] | a project as it is locked, to a registry, a layout or an archive |
//! | [`verify`](mod@crate::verify) | a lock against what is there |
//! | [`credentials`](mod@crate::credentials) | who this user is to registries |
//! | [`doctor`](mod@crate::doctor) | what a registry does and does not do |
//! | [`serve`](mod@crate::serve) | a registry of one's own |
//! | [`gc`] | what is not needed any more, in a layout or a repository |
//! | [`content`] | the local content store as a whole |
//! | [`pages`] | files of a known content in a directory |
//! | [`tour`] | two registries in this process, and an application to move between them |
//! | [`error`] | what went wrong, and of which kind it is |
//!
//! What a caller needs of the crates below is re-exported here: the command line knows only this crate and plain values.

pub mod application;
pub mod archive;
pub mod artifact;
pub mod artifacts;
pub mod attach;
pub mod bisect;
pub mod candidates;
mod carried;
mod claim;
pub mod content;
pub mod context;
pub mod copy;
pub mod credentials;
pub mod delete;
mod delta;
pub mod destination;
pub mod diff;
mod docker_archive;
pub mod doctor;
pub mod edit;
pub mod error;
pub mod export;
mod facts;
pub mod found;
pub mod gc;
pub mod genealogy;
mod git;
pub mod history;
pub mod import;
pub mod init;
mod inside;
pub mod inspect;
pub mod install;
pub mod installed;
pub mod lock;
pub mod mark;
pub mod mirror;
mod mirrored;
pub mod observations;
pub mod outdated;
pub mod pages;
mod past;
pub mod project;
pub mod publish;
pub mod pull;
pub mod push;
pub mod reach;
mod reading;
pub mod relocate;
mod resolving;
pub mod rewrite;
mod rules;
pub mod serve;
pub mod shell;
mod short_name;
pub mod sources;
pub mod tag;
pub mod tags;
pub mod tour;
pub mod tree;
mod unsolved;
pub mod verify;

pub use client::routing::RoutingFiles;
pub use client::{ClientOptions, Proxies};
pub use context::{Context, ContextOptions};
pub use destination::Destination;
pub use error::{ErrorKind, OpsError, Told};
/// The server, for whoever runs one in this process.
pub use registry;
/// What the values of projects and locks are made of.
pub use resolve;
pub use store::StoreError;
pub use store::body::Meter;
pub use store::content_store::{PruneOptions, PruneReport, StoreSize, VerifyReport};
pub use transfer::{BlobOutcome, CopyOptions, CopyReport, Progress, RouteOutcome, RouteReport, Silent, TransferError};
