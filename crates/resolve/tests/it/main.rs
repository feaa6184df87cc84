//! What the crate says of projects, locks and tags, and how it finds what broke.
#![allow(clippy::unwrap_used, reason = "tests")]

mod bisect;
mod candidates;
mod glob;
mod lock;
mod mirroring;
mod observation;
mod project;
mod requirement;
mod resolution;
mod retention;
mod schema;
mod solve;
mod staleness;
mod tags;
mod template;
mod workspace;
