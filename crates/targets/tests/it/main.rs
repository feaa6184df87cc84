//! References found in files of every kind, and edits that change nothing else.
#![allow(clippy::unwrap_used, reason = "tests")]

mod files;
mod generated;
mod generator;
mod hostile;
mod importing;
mod kinds;
mod marked;
mod planning;
mod rewriting;
