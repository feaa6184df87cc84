//! Runs the binary `supercargo` as a user would, in a home of its own, against places where images live.
//!
//! | module | holds |
//! |---|---|
//! | [`binary`] | the program, and what a run of it said |
//! | [`place`] | registries, layouts and archives, by one name |
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test tool stops at the first thing that is not as it should be")]

pub mod binary;
pub mod place;

pub use binary::{Outcome, Program};
pub use place::{Kind, Place};
