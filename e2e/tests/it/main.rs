//! The binary against real peers. A peer that is not installed is named and skipped, and an error where `CI=true`.
#![allow(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "files of one test run")]

mod bad_input;
mod clients;
mod credentials;
mod interop;
mod kill;
mod losses;
mod matrix;
mod proxies;
mod quirks;
mod requests;
mod routes;
mod tokens;
mod weather;
