//! Who takes part in a comparison.

use crate::measure::Invocation;

/// What the figures of a contender are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Held against the best peer.
    Ours,
    /// One of those we are held against.
    Peer,
    /// Shown beside, and held against nothing.
    Beside,
}

/// A program that does the job of a scenario.
#[derive(Clone, Debug)]
pub struct Contender {
    pub name: String,
    pub role: Role,
    /// Ways to do the job, such as settings of how much happens at once. The fastest of them takes part.
    pub ways: Vec<Invocation>,
}

impl Contender {
    /// Returns a peer with its ways.
    pub fn peer(name: &str, ways: Vec<Invocation>) -> Self {
        Self { name: name.to_owned(), role: Role::Peer, ways }
    }

    /// Returns something that is shown beside.
    pub fn beside(name: &str, ways: Vec<Invocation>) -> Self {
        Self { name: name.to_owned(), role: Role::Beside, ways }
    }

    /// Returns supercargo as it is run without any settings.
    pub fn ours(way: Invocation) -> Self {
        Self { name: "supercargo".to_owned(), role: Role::Ours, ways: vec![way] }
    }
}
