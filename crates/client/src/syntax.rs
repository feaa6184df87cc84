//! Parsers of what registries send in headers and bodies. Each is a pure function over bounded text, and each is fuzzed.

pub mod challenge;
pub mod chunked;
pub mod complaint;
pub mod link;
pub mod location;
pub mod range;
pub mod response_head;
