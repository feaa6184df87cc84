//! What the crate says of projects, locks and tags.
#![allow(clippy::unwrap_used, reason = "tests")]

mod candidates;
mod lock;
mod project;
mod requirement;
mod resolution;
mod tags;
mod template;
