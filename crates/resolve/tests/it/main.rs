//! What the crate says of projects, locks and tags.
#![allow(clippy::unwrap_used, reason = "tests")]

mod candidates;
mod lock;
mod project;
mod requirement;
mod resolution;
//! How tags are read, against what those who know the repositories say; and how culprits are found.
mod bisect;
mod tags;
mod template;
