//! The values of this crate: what they accept, what they refuse, and that no input makes them panic.
#![allow(clippy::unwrap_used, reason = "tests")]

mod chain;
mod config;
mod date;
mod descriptor;
mod digest;
mod hostile;
mod manifest;
mod mark;
mod media_type;
mod names;
mod package;
mod platform;
mod reference;
