//! The choice of one candidate of every package that is needed.
//!
//! ```text
//!  problem ─▶ search ─┬─▶ solution ─────▶ candidates: how each one stands
//!             decide  └─▶ explanation ──▶ lines: sentences
//!             draw consequences
//!             learn from conflicts
//! ```
//!
//! What is a version, which tags are candidates, which of them a requirement allows and which are refused has been found out
//! before: a [`Problem`] holds nothing but numbers, sets of them and the words to name them. A policy, a missing platform or a
//! date are reasons to refuse candidates, so that the answer is the best that satisfies all of them.
//!
//! The answer is the best in one order. Again and again, of the packages that are demanded so far (by the user, or by a candidate
//! that was chosen) and not decided, the one with the lowest [`Package::priority`] is decided, then by name: of the candidates with which
//! everything can still be solved it gets the preferred one, else the best by [`Strategy`]. Why the search finds that, and why it
//! is our own, is in `docs/decisions/0006-solver.md`.

mod assignment;
mod conflict;
mod edges;
mod explanation;
mod labels;
mod order;
mod per_package;
mod problem;
mod search;
mod sentences;
mod set;
mod solution;
mod standing;
mod values;

pub use explanation::{Because, Explanation, Node, NodeId, Term};
pub use problem::{
    Candidate, CandidateId, Effect, MAX_CANDIDATES, MAX_ENTRIES, Package, PackageId, Problem, Reason, ReasonId,
    ReasonKind, Requires, Root, RootId, Strategy,
};
pub use sentences::{Line, MAX_LINES};
pub use set::CandidateSet;
pub use solution::{Choice, ChosenBecause, Solution};
pub use standing::{Standing, candidates};
pub use values::Values;

use edges::Edges;
use order::Order;
use search::{Failure, Search};

/// How much work [`solve`] does at most, in units of about one comparison.
pub const MAX_WORK: u64 = 100_000_000;

/// Why there is no solution to return.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SolveError {
    /// There is none, and this is why.
    #[error("the requirements contradict each other")]
    NoSolution(Explanation),
    /// There may be one, but to find out would be more work than allowed.
    #[error("gave up after {0} steps: too many requirements depend on each other")]
    TooMuchWork(u64),
    /// The problem speaks of what is not there, or is too large.
    #[error("{0}")]
    Malformed(String),
}

/// Returns the best solution.
///
/// # Errors
///
/// There is none, or it would take more than [`MAX_WORK`] to find out; or the problem contradicts itself.
pub fn solve(problem: &Problem) -> Result<Solution, SolveError> {
    solve_within(problem, MAX_WORK)
}

/// Like [`solve`], with another limit of work.
///
/// # Errors
///
/// As there.
pub fn solve_within(problem: &Problem, max_work: u64) -> Result<Solution, SolveError> {
    problem.check()?;
    let (edges, order) = (Edges::of(problem), Order::of(problem));
    match Search::new(problem, &edges, &order, max_work).run() {
        Ok(decisions) => Ok(Solution::of(problem, &order, decisions)),
        Err(Failure::NoSolution(explanation)) => Err(SolveError::NoSolution(explanation)),
        Err(Failure::TooMuchWork) => Err(SolveError::TooMuchWork(max_work)),
    }
}
