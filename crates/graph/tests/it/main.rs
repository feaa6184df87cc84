//! The algorithms over graphs, against slow and obvious ones over random graphs.
#![allow(clippy::unwrap_used, reason = "tests")]

mod collect;
mod compare;
mod families;
mod genealogy;
mod node;
mod plan;
mod proof;
mod random;
mod removal;
mod source;
mod walk;
