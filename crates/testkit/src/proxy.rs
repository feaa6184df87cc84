//! A network between two ends, on loopback: it delays, counts, and lies.
//!
//! | type | does |
//! |---|---|
//! | [`DelayProxy`] | passes bytes on after a while, however many there are |
//! | [`ForwardProxy`] | asks others for clients that know it, by `CONNECT`, whole URLs and SOCKS 5, and records what for |
//! | [`TlsFront`] | speaks TLS with clients, and plain HTTP with who is behind it |
//! | [`HttpProxy`] | passes requests on, records each of them, and breaks those that a [`Rule`] says |
//!
//! An [`HttpProxy`] without an upstream is a server that answers by its rules alone.

mod delay;
mod exchange;
mod fault;
mod forward;
mod front;
mod http;
mod matcher;
mod message;
mod referrers;

pub use delay::DelayProxy;
pub use exchange::{Exchange, Log};
pub use fault::{Answer, Fault, Rule};
pub use forward::ForwardProxy;
pub use front::TlsFront;
pub use http::HttpProxy;
pub use matcher::Matcher;
