//! Drives the graph's walks and plans over stores: what copy, save, pull-through and builds share.
//!
//! ```text
//!  routes ─▶ explore ─▶ plan ─▶ apply: blobs ─▶ manifests ─▶ referrers ─▶ fallback and convention tags ─▶ proof ─▶ root tags
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`route`] | what is to be copied from where to where |
//! | [`explore`] | the closure of the roots at the source, and what of it the destination already shows |
//! | [`copy`](mod@crate::copy) | the whole job: plan, apply, proof |
//! | [`fallback`] | the list of referrers for registries that keep none |
//! | [`narrow`] | an index reduced to some platforms |
//! | [`cache`] | manifests that are here already |
//! | [`progress`] | what a display is told |
//! | [`error`] | why a copy did not succeed |
//!
//! A copy can be killed at any point and repeated: blobs and manifests that arrived are found by their digests and not
//! moved again, and the root's tag is set last, after the proof.

pub mod cache;
pub mod copy;
pub mod error;
pub mod explore;
pub mod fallback;
pub mod narrow;
pub mod progress;
pub mod route;

pub use cache::{ManifestCache, NoCache};
pub use copy::{CopyReport, RouteOutcome, RouteReport, copy, plan};
pub use error::TransferError;
pub use progress::{BlobOutcome, Progress, Silent};
pub use route::{CopyOptions, RootRequest, Route, UrlSource};
