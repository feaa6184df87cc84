//! How tags are read, against what those who know the repositories say.
#![allow(clippy::unwrap_used, reason = "tests")]

mod lock;
mod project;
mod requirement;
mod tags;
mod template;
