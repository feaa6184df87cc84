//! For tests only: graphs to move, contracts to keep, networks that fail, programs to compare with.
//!
//! | module | holds |
//! |---|---|
//! | [`certificates`] | certificates and their keys |
//! | [`application`] | builders of graphs: images, artifacts, whole applications |
//! | `fuzzing` (a feature) | what the fuzz targets do, so that tests can replay their corpus |
//! | [`layer`] | layers that tools can unpack |
//! | [`load`] | clients that push, pull and delete at random, and know what they were promised |
//! | [`read`] | the graph that a store holds, read one question at a time |
//! | [`source`] | sources of blobs of every kind, honest and not |
//! | [`contract`] | what every [`store::Store`] promises, as checks |
//! | [`faulty`] | a store around a store that loses, omits and lies, and counts what it is asked |
//! | [`tokens`] | a token service that distribution believes, with users of the test's own |
//! | [`users`] | two people whom a registry knows, and what they may do |
//! | [`proxy`] | a network between two ends that counts, delays and lies |
//! | [`peers`] | programs of others: where they are, and registries of theirs that run for a test |
//!
//! A test that uses this crate lives in `tests/`: a unit test would see two copies of the crate it tests.
#![allow(clippy::unwrap_used, reason = "a test tool stops at the first thing that is not as it should be")]

pub mod application;
pub mod certificates;
pub mod contract;
mod environment;
pub mod faulty;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod layer;
pub mod load;
pub mod peers;
pub mod proxy;
pub mod read;
pub mod seed;
pub mod source;
pub mod tokens;
pub mod users;
