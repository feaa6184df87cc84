//! Requests that are asked again and again, in turn.

use std::rc::Rc;

use anyhow::{Context, Result};

use crate::load::{Answer, Request, Script, Step};

/// Asks one request after another, and begins again at the end.
pub struct Cycle {
    requests: Rc<[Request]>,
    next: usize,
}

impl Cycle {
    /// Returns a script for each of so many connections, each of which begins elsewhere.
    pub fn lanes(requests: Vec<Request>, connections: usize) -> Vec<Self> {
        let requests: Rc<[Request]> = requests.into();
        let next = |lane: usize| lane * requests.len() / connections.max(1);
        (0..connections).map(|lane| Self { requests: Rc::clone(&requests), next: next(lane) }).collect()
    }
}

impl Script for Cycle {
    fn next(&mut self, _: Option<&Answer>) -> Result<Step> {
        let request = self.requests.get(self.next).context("nothing to ask")?.clone();
        self.next = (self.next + 1) % self.requests.len();
        Ok(Step::Begin(request))
    }
}
