//! A network between two ends, on loopback: it delays, counts, and lies.
//!
//! | type | does |
//! |---|---|
//! | [`DelayProxy`] | passes bytes on after a while, however many there are |
//! | [`HttpProxy`] | passes requests on, records each of them, and breaks those that a [`Rule`] says |
//!
//! An [`HttpProxy`] without an upstream is a server that answers by its rules alone.

mod delay;
mod exchange;
mod fault;
mod http;
mod matcher;
mod message;
mod referrers;

pub use delay::DelayProxy;
pub use exchange::{Exchange, Log};
pub use fault::{Answer, Fault, Rule};
pub use http::HttpProxy;
pub use matcher::Matcher;
