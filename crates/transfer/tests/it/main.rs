//! Copies over stores in memory that behave as real ones do, and as they should not.
#![allow(clippy::unwrap_used, reason = "tests")]

mod copy;
mod narrow;
mod quirks;
