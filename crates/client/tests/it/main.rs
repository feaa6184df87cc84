//! The client against servers that keep the protocol, and against servers that do not.
#![allow(clippy::unwrap_used, reason = "tests")]

mod absence;
mod auth;
mod blobs;
mod contract;
mod delete;
mod download;
mod listing;
mod manifests;
mod mount;
mod referrers;
mod registry;
mod resumption;
mod retry;
mod segments;
mod server;
mod stored;
mod syntax;
mod tags;
mod tls;
mod trust;
mod upload;
