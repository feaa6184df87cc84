//! The binary against real peers. A peer that is not installed is named and skipped, and an error where `CI=true`.
#![allow(clippy::unwrap_used, reason = "tests")]

mod matrix;
