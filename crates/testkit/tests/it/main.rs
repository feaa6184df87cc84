//! Tests of the test tools: a tool that errs makes every test that uses it worthless.
#![allow(clippy::unwrap_used, reason = "tests")]

mod application;
mod contract;
mod corpus;
mod files;
mod ours;
mod peers;
mod proxy;
