//! The solver against brute force.

use std::collections::BTreeSet;

use resolve::solve::{
    CandidateId, ChosenBecause, PackageId, Problem, Solution, SolveError, Standing, candidates, solve,
};

use super::brute_force::{Assignment, best, is_valid, worth};
use super::proof;
use super::random::{Numbers, problem};

/// Random problems, each from the number of its case.
const PROBLEMS: u64 = 10_000;

/// How many problems were of which kind: a test that meets none of a kind says nothing about it.
#[derive(Debug, Default)]
struct Counts {
    unsolvable: usize,
    /// The proof needs more than one conclusion.
    in_steps: usize,
    /// The proof rests on a candidate that excludes others of something that it does not need, as a conflict does.
    excluding: usize,
    empty: usize,
    all_highest: usize,
    /// Something better was given up for what is chosen of another package.
    forced: usize,
    /// Something is chosen that only a candidate demands.
    indirect: usize,
    preferred: usize,
}

#[test]
fn the_choice_is_the_best_one_and_every_explanation_is_a_proof() {
    let mut counts = Counts::default();
    for seed in 0..PROBLEMS {
        let problem = problem(&mut Numbers::of(seed));
        match (solve(&problem), best(&problem)) {
            (Ok(solution), Some(best)) => {
                let chosen: Vec<_> = solution.choices().iter().map(|it| (it.package, it.candidate)).collect();
                assert_eq!(chosen, best, "{seed}: {problem:#?}");
                check_reasons(&problem, &solution);
                count(&mut counts, &problem, &solution);
            }
            (Err(SolveError::NoSolution(explanation)), None) => {
                proof::check(&problem, &explanation);
                let lines = explanation.lines(&problem);
                let different: BTreeSet<&str> = lines.iter().map(|line| line.text.as_str()).collect();
                assert!(!lines.is_empty() && different.len() == lines.len(), "{seed}: {lines:#?}");
                assert!(lines.iter().any(|line| line.root.is_some()), "{seed}: {lines:#?}");
                assert_eq!(solve(&problem).unwrap_err(), SolveError::NoSolution(explanation.clone()), "{seed}");
                counts.unsolvable += 1;
                counts.excluding += usize::from(explanation.nodes.iter().any(is_exclusion));
                counts.in_steps += usize::from(explanation.nodes.iter().filter(|it| is_conclusion(it)).count() > 1);
            }
            (found, best) => panic!("{seed}: found {found:?}, but the best is {best:?} of {problem:#?}"),
        }
    }
    println!("{counts:?}");
    assert!(counts.unsolvable >= 1_000, "{counts:?}");
    assert!(counts.in_steps >= 100 && counts.excluding >= 100, "{counts:?}");
    let solvable = usize::try_from(PROBLEMS).unwrap() - counts.unsolvable - counts.empty;
    assert!(solvable - counts.all_highest >= 1_000, "{counts:?}");
    assert!(counts.forced >= 1_000 && counts.indirect >= 1_000 && counts.preferred >= 1_000, "{counts:?}");
}

fn is_exclusion(node: &resolve::solve::Node) -> bool {
    matches!(node.because, resolve::solve::Because::Requires { effect: resolve::solve::Effect::Limits, .. })
}

fn is_conclusion(node: &resolve::solve::Node) -> bool {
    matches!(node.because, resolve::solve::Because::Follows(_))
}

fn count(counts: &mut Counts, problem: &Problem, solution: &Solution) {
    let is_highest = |package: PackageId, candidate: CandidateId| {
        candidate.0 as usize + 1 == problem.package(package).unwrap().candidates.len()
    };
    let is_direct = |package| problem.roots.iter().any(|root| root.package == package);
    let choices = solution.choices();
    counts.empty += usize::from(choices.is_empty());
    counts.all_highest +=
        usize::from(!choices.is_empty() && choices.iter().all(|it| is_highest(it.package, it.candidate)));
    counts.forced += usize::from(choices.iter().any(|it| matches!(it.because, ChosenBecause::Forced { .. })));
    counts.indirect += usize::from(choices.iter().any(|it| !is_direct(it.package)));
    counts.preferred += usize::from(choices.iter().any(|it| it.because == ChosenBecause::Preferred));
}

/// Checks what is said about every candidate and every choice against the meaning of the problem.
fn check_reasons(problem: &Problem, solution: &Solution) {
    let assignment: Assignment = problem.packages().map(|(id, _)| solution.chosen(id)).collect();
    assert!(is_valid(problem, &assignment));
    for (package, it) in problem.packages() {
        let standings = candidates(problem, solution, package);
        assert_eq!(standings.len(), it.candidates.len());
        for (place, (candidate, standing)) in (0..).zip(&standings) {
            assert_eq!(place, candidate.0);
            check_standing(problem, &assignment, package, *candidate, standing);
        }
        if let Some(choice) = solution.choices().iter().find(|choice| choice.package == package) {
            let open = standings
                .iter()
                .filter(|(_, standing)| !matches!(standing, Standing::Refused(_) | Standing::Unmatched(_)));
            let (wanted, standing) = open.max_by_key(|(it, _)| worth(problem, package, *it)).unwrap();
            match choice.because {
                ChosenBecause::Forced { by } => {
                    assert!(
                        matches!(standing, Standing::Excluded { by: it, .. } | Standing::Needs { of: it, .. } if *it == by)
                    );
                }
                ChosenBecause::Preferred => assert!(*wanted == choice.candidate && it.preferred == Some(*wanted)),
                ChosenBecause::Highest | ChosenBecause::Lowest => {
                    assert!(*wanted == choice.candidate && it.preferred != Some(*wanted));
                }
            }
        }
    }
}

fn check_standing(
    problem: &Problem,
    assignment: &Assignment,
    package: PackageId,
    id: CandidateId,
    standing: &Standing,
) {
    let candidate = problem.candidate(package, id).unwrap();
    let chosen = assignment[package.0 as usize];
    let meets_roots = problem.roots.iter().all(|root| root.package != package || root.allowed.contains(id));
    let mut changed = assignment.clone();
    changed[package.0 as usize] = Some(id);
    match standing {
        Standing::Chosen => assert_eq!(chosen, Some(id)),
        Standing::Refused(reason) => assert_eq!(candidate.refused, Some(*reason)),
        Standing::Unmatched(root) => {
            let root = problem.root(*root).unwrap();
            assert!(root.package == package && !root.allowed.contains(id));
        }
        Standing::Excluded { by, why } => {
            let by = problem.candidate(*by, assignment[by.0 as usize].unwrap()).unwrap();
            let mut requires = by.requires.iter().filter(|it| it.package == package && it.why == *why);
            assert!(requires.any(|it| !it.allowed.contains(id)));
        }
        Standing::Needs { of, why } => {
            assert!(!is_valid(problem, &changed));
            assert!(candidate.requires.iter().any(|it| it.package == *of && it.why == *why));
        }
        Standing::Older => assert!(Some(id) < chosen && is_valid(problem, &changed)),
        Standing::Newer => assert!(Some(id) > chosen && is_valid(problem, &changed)),
        Standing::NotDemanded => assert!(chosen.is_none() && candidate.refused.is_none() && meets_roots),
    }
}
