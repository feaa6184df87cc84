//! What a hostile client sends: to the real server on a socket where bytes matter, else to the registry itself.

mod documents;
mod floods;
mod framing;
mod names;
mod ranges;
mod tokens;
mod wire;
