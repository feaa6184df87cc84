//! The registry as its clients see it: status, headers and body of every answer.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "files of one test run")]

mod access;
mod attacks;
mod audit;
mod authorisation;
mod backends;
mod blobs;
mod buckets;
mod clauses;
mod cluster;
mod collector;
mod configuration;
mod copy;
mod cves;
mod directory;
mod downloads;
mod events;
mod failures;
mod faults;
mod history;
mod holds;
mod identities;
mod immutability;
mod isolation;
mod manifests;
mod model;
mod mounts;
mod nodes;
mod operations;
mod people;
mod policy;
mod protocol;
mod quotas;
mod recovery;
mod referrers;
mod remembered;
mod scrub;
mod server;
mod sockets;
mod tags;
mod tokens;
mod uploads;
