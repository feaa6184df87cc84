//! Whether an explanation is a proof.

use std::collections::BTreeSet;

use resolve::solve::{
    Because, CandidateId, CandidateSet, Effect, Explanation, Node, PackageId, Problem, Requires, Values,
};

use super::brute_force::{Assignment, assignments};

/// Panics unless every fact is true of the problem, every conclusion follows from what it is said to follow from, and the
/// last one excludes everything.
pub(super) fn check(problem: &Problem, explanation: &Explanation) {
    for (place, node) in explanation.nodes.iter().enumerate() {
        assert!(node.terms.is_sorted_by(|one, next| one.package < next.package), "{node:?}");
        match &node.because {
            Because::Follows(causes) => {
                assert!(!causes.is_empty(), "{node:?}");
                assert!(causes.iter().all(|cause| (cause.0 as usize) < place), "{node:?}");
                let causes: Vec<&Node> = causes.iter().map(|cause| explanation.node(*cause).unwrap()).collect();
                let nodes = causes.iter().copied().chain([node]);
                let packages: BTreeSet<PackageId> = nodes.flat_map(|it| &it.terms).map(|term| term.package).collect();
                for assignment in assignments(problem, &packages.into_iter().collect::<Vec<_>>()) {
                    let follows =
                        !is_excluded(node, &assignment) || causes.iter().any(|it| is_excluded(it, &assignment));
                    assert!(follows, "{node:?} does not follow for {assignment:?}");
                }
            }
            fact => check_fact(problem, node, fact),
        }
    }
    assert_eq!(explanation.nodes.last().unwrap().terms, [], "not everything is excluded");
}

/// Tells whether all terms hold, which the statement says is no solution.
fn is_excluded(node: &Node, assignment: &Assignment) -> bool {
    node.terms.iter().all(|term| contains(&term.values, assignment[term.package.0 as usize]))
}

fn contains(values: &Values, value: Option<CandidateId>) -> bool {
    value.map_or(values.absent, |candidate| values.candidates.contains(candidate))
}

fn is_allowed(allowed: &CandidateSet, effect: Effect, value: Option<CandidateId>) -> bool {
    value.map_or(effect == Effect::Limits, |candidate| allowed.contains(candidate))
}

fn check_fact(problem: &Problem, node: &Node, fact: &Because) {
    let packages: Vec<PackageId> = node.terms.iter().map(|term| term.package).collect();
    let excluded = || assignments(problem, &packages).filter(|assignment| is_excluded(node, assignment));
    match fact {
        Because::Root(id) => {
            let root = problem.root(*id).unwrap();
            assert!(packages.iter().all(|package| *package == root.package), "{node:?}");
            if packages.is_empty() {
                assert!(root.allowed.is_empty() && root.effect == Effect::Demands, "{node:?}");
            }
            let violates = |it: Assignment| !is_allowed(&root.allowed, root.effect, it[root.package.0 as usize]);
            assert!(excluded().all(violates), "{node:?}");
        }
        Because::Refused { package, candidates, reason } => {
            assert_eq!(packages, [*package]);
            let violates = |it: Assignment| it[package.0 as usize].is_some_and(|it| candidates.contains(it));
            assert!(excluded().all(violates), "{node:?}");
            assert!(candidates.iter().all(|it| problem.candidate(*package, it).unwrap().refused == Some(*reason)));
        }
        Because::Requires { package, candidates, of, allowed, effect, why, is_same } => {
            assert!(!candidates.is_empty());
            let says = |it: &&Requires| {
                it.package == *of
                    && it.allowed.is_subset(allowed)
                    && (it.effect == *effect || *effect == Effect::Limits)
                    && why.as_ref().is_none_or(|why| *why == it.why)
                    && (!is_same || (it.allowed == *allowed && it.effect == *effect))
            };
            for candidate in candidates.iter() {
                let requires = &problem.candidate(*package, candidate).unwrap().requires;
                assert!(requires.iter().any(|it| says(&it)), "{node:?}: {candidate:?} does not say so");
            }
            let violates = |it: Assignment| {
                it[package.0 as usize].is_some_and(|it| candidates.contains(it))
                    && !is_allowed(allowed, *effect, it[of.0 as usize])
            };
            assert!(excluded().all(violates), "{node:?}");
        }
        Because::Follows(_) => unreachable!("no fact"),
    }
}
