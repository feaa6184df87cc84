//! Runs the binary `supercargo` as a user would, in a home of its own, against places where images live.
//!
//! | module | holds |
//! |---|---|
//! | [`binary`] | the program, and what a run of it said |
//! | [`place`] | registries, layouts and archives, by one name |
//! | [`scene`] | a source and a destination with an observer before each |
//! | [`served`] | the program as a registry, under TLS, with users and rules |
//! | [`sound`] | that what is somewhere is whole |
//! | [`users`] | registries that want to know who asks |
//! | [`environment`] | what the caller wants tested |
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test tool stops at the first thing that is not as it should be"
)]

pub mod binary;
pub mod environment;
pub mod place;
pub mod scene;
pub mod served;
pub mod sound;
pub mod users;

pub use binary::{Outcome, Program, Running};
pub use place::{Kind, Place};
pub use scene::{Scene, Side};
pub use served::{Login, Served};
