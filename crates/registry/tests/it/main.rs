//! The registry as its clients see it: status, headers and body of every answer.
#![allow(clippy::unwrap_used, reason = "tests")]

mod access;
mod audit;
mod authorisation;
mod backends;
mod blobs;
mod buckets;
mod cluster;
mod collector;
mod configuration;
mod copy;
mod cves;
mod directory;
mod downloads;
mod failures;
mod history;
mod holds;
mod identities;
mod immutability;
mod isolation;
mod manifests;
mod model;
mod mounts;
mod nodes;
mod people;
mod policy;
mod protocol;
mod recovery;
mod referrers;
mod remembered;
mod scrub;
mod server;
mod sockets;
mod tags;
mod tokens;
mod uploads;
