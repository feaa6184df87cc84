//! One file per operation: each takes a [`Context`] and a request, wires graph, stores, client and registry together, and
//! returns a report. Nothing here prints, reads the environment or knows a terminal.
//!
//! | module | holds |
//! |---|---|
//! | [`context`] | opens a reference as a store; keeps manifests between runs |
//! | [`destination`] | where copies go: one place, or below a prefix |
//! | [`copy`](mod@crate::copy) | images, indexes and applications with everything attached to them, from anywhere to anywhere |
//! | [`error`] | what went wrong, and of which kind it is |

pub mod context;
pub mod copy;
pub mod destination;
pub mod error;

pub use context::{Context, ContextOptions};
pub use error::{ErrorKind, OpsError};
