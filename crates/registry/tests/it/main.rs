//! The registry as its clients see it: status, headers and body of every answer.
#![allow(clippy::unwrap_used, reason = "tests")]

mod access;
mod blobs;
mod collector;
mod configuration;
mod copy;
mod directory;
mod failures;
mod isolation;
mod manifests;
mod model;
mod mounts;
mod protocol;
mod referrers;
mod server;
mod sockets;
mod tags;
mod uploads;
