//! Values of the OCI specifications that cannot be wrong once made.
//!
//! Bytes that come from a registry, an archive or a file enter supercargo through this crate: they are checked against
//! named limits and turned into types whose existence is the proof that they are well formed. Nothing here does I/O.
//!
//! | module | holds |
//! |---|---|
//! | [`digest`] | content digests (sha256, sha512, blake3) and the hasher that makes them |
//! | [`name`] | host, repository name, tag |
//! | [`mod@reference`] | every form in which a user names an image |
//! | [`media_type`] | media types and what a manifest of that type is |
//! | [`platform`] | operating system, architecture, variant, and which of them run where |
//! | [`descriptor`] | a typed pointer to content |
//! | [`manifest`] | manifests and indexes: the received bytes and a checked view of them |
//! | [`config`] | the parts of an image configuration that identify it |
//! | [`chain`] | one name for a stack of layers |
//! | [`date`] | days and moments |
//! | [`mark`] | life cycle: what its publisher says of an image after it was published |
//! | [`package`] | what the publisher of an image says of it as a package |
//! | [`annotation`] | annotation keys |
//! | [`text`] | showing text from outside without letting it drive the terminal |
//! | [`limits`] | every bound on input, by name |
//!
//! A [`Manifest`] keeps the bytes it was made from, and those bytes are what is stored, hashed and sent: nothing is ever
//! re-serialised (ARCHITECTURE.md, "Bytes received are bytes kept").

pub mod annotation;
pub mod chain;
pub mod config;
pub mod date;
pub mod descriptor;
pub mod digest;
mod json;
pub mod limits;
pub mod manifest;
pub mod mark;
pub mod media_type;
pub mod name;
pub mod package;
pub mod platform;
pub mod reference;
pub mod text;

pub use chain::ChainId;
pub use config::ImageConfig;
pub use date::{Date, Timestamp};
pub use descriptor::{Annotations, Descriptor};
pub use digest::{Algorithm, Digest, DigestError, Hasher};
pub use manifest::{ImageManifest, Index, Manifest, ManifestError, View};
pub use mark::Mark;
pub use media_type::{ManifestKind, MediaType};
pub use name::{Host, NameError, RepositoryName, Tag};
pub use package::Package;
pub use platform::Platform;
pub use reference::{Reference, ReferenceError, RegistryReference, Selector};
