//! Runs the built binary against registries in this process.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "files of one test run")]

mod archive;
mod artifacts;
mod asked;
mod base;
mod bases;
mod bisect;
mod book;
mod buildah;
mod change;
mod compare;
mod copy;
mod desk;
mod example;
mod failures;
mod floating;
mod groups;
mod history;
mod import;
mod lineage;
mod links;
mod look;
mod mark;
mod mirror;
mod mirrored;
mod offline;
mod past;
mod policy;
mod progress;
mod project;
mod publish;
mod publishers;
mod reasons;
mod releases;
mod rewrite;
mod server;
mod sheet;
mod since;
mod spoiled;
mod store;
mod tour;
mod transcript;
mod usage;
mod verify;
mod workspace;
