//! What the crate says of projects, locks and tags, and how it finds what broke.
#![allow(clippy::unwrap_used, reason = "tests")]

mod bisect;
mod candidates;
mod lock;
mod project;
mod requirement;
mod resolution;
//! How tags are read, against what those who know the repositories say; and what is chosen of them, against brute force.
mod solve;
mod tags;
mod template;
