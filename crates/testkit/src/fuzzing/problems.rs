//! Small problems for the solver, made of bytes.

use resolve::solve::{
    Because, Candidate, CandidateId, CandidateSet, ChosenBecause, Effect, Explanation, MAX_LINES, Package, PackageId,
    Problem, Reason, ReasonId, ReasonKind, Requires, Root, Solution, SolveError, Strategy, candidates, solve_within,
};

use super::assert_printable;

/// Most packages, candidates of each, requirements of each of those, and requirements of the user.
const PACKAGES_MAX: u8 = 5;
const CANDIDATES_MAX: u8 = 4;
const REQUIRES_MAX: u8 = 3;
const ROOTS_MAX: u8 = 4;

/// Limits of work: one at which every search gives up, and one at which none of this size does.
const LITTLE_WORK: u64 = 20;
const MUCH_WORK: u64 = 1_000_000;

/// Solves a small problem. What is chosen satisfies every requirement, and what is said to have no solution has none.
pub fn solve(data: &[u8]) {
    let problem = problem(&mut data.iter().copied());
    let little = solve_within(&problem, LITTLE_WORK);
    let much = solve_within(&problem, MUCH_WORK);
    match &little {
        Err(SolveError::TooMuchWork(_)) => {}
        _ => assert_eq!(format!("{little:?}"), format!("{much:?}"), "the limit of work changes the answer"),
    }
    match much {
        Ok(solution) => check_solution(&problem, &solution),
        Err(SolveError::NoSolution(explanation)) => {
            assert!(!any_choice(&problem, &mut Vec::new()), "there is a solution of {problem:?}");
            check_explanation(&problem, &explanation);
        }
        Err(SolveError::Malformed(text)) => assert_printable(&text),
        Err(SolveError::TooMuchWork(work)) => panic!("{work} steps are not enough for {problem:?}"),
    }
}

/// Makes a problem. Where the bytes have ended, they are zeros.
fn problem(bytes: &mut impl Iterator<Item = u8>) -> Problem {
    let mut next = move |below: u8| bytes.next().unwrap_or_default() % below;
    let strategy = [Strategy::Highest, Strategy::Lowest, Strategy::LowestDirect][usize::from(next(3))];
    let reasons = [ReasonKind::Yanked, ReasonKind::Cooldown];
    let reasons = reasons.map(|kind| Reason { kind, text: kind.code().to_owned() }).to_vec();
    let count = 1 + next(PACKAGES_MAX);
    let packages = (0..count).map(|number| {
        let priority = u32::from(next(3));
        let count_of_candidates = next(CANDIDATES_MAX + 1);
        let preferred = next(2 * CANDIDATES_MAX).checked_sub(CANDIDATES_MAX).map(|it| CandidateId(it.into()));
        let candidates = (0..count_of_candidates).map(|candidate| Candidate {
            label: format!("1.{candidate}"),
            refused: next(8).checked_sub(6).map(|reason| ReasonId(reason.into())),
            requires: (0..next(REQUIRES_MAX + 1)).map(|_| requires(&mut next, count)).collect(),
        });
        let candidates = candidates.collect();
        Package { name: format!("package-{number}"), priority, preferred, candidates }
    });
    let packages = packages.collect();
    let roots = (0..next(ROOTS_MAX + 1)).map(|number| {
        let Requires { package, allowed, effect, why } = requires(&mut next, count);
        Root { package, allowed, effect, why, location: number.into() }
    });
    let roots = roots.collect();
    Problem { packages, roots, reasons, strategy }
}

/// Makes a requirement. Some candidates that it allows may not be there, which is for the solver to find out.
fn requires(next: &mut impl FnMut(u8) -> u8, packages: u8) -> Requires {
    let package = PackageId(next(packages).into());
    let allowed = next(1 << CANDIDATES_MAX);
    let kind = next(4);
    Requires {
        package,
        allowed: CandidateSet::matching(CANDIDATES_MAX.into(), |candidate| allowed >> candidate.0 & 1 == 1),
        effect: if kind.is_multiple_of(2) { Effect::Demands } else { Effect::Limits },
        why: if kind < 2 { format!("#{allowed}").into() } else { "".into() },
    }
}

fn check_solution(problem: &Problem, solution: &Solution) {
    let chosen: Vec<Option<CandidateId>> = problem.packages().map(|(id, _)| solution.chosen(id)).collect();
    assert!(is_solution(problem, &chosen), "{chosen:?} is no solution of {problem:?}");
    assert_eq!(solution.choices().len(), chosen.iter().flatten().count());
    for choice in solution.choices() {
        assert_eq!(solution.chosen(choice.package), Some(choice.candidate));
        let is_demanded = |id: PackageId| {
            let roots = problem.roots.iter().any(|root| root.package == id && root.effect == Effect::Demands);
            let others = solution.choices().iter().filter_map(|it| problem.candidate(it.package, it.candidate));
            let mut requires = others.flat_map(|candidate| &candidate.requires);
            roots || requires.any(|it| it.package == id && it.effect == Effect::Demands)
        };
        assert!(is_demanded(choice.package), "nothing demands {choice:?} of {problem:?}");
        if choice.because == ChosenBecause::Preferred {
            assert_eq!(problem.package(choice.package).unwrap().preferred, Some(choice.candidate));
        }
    }
    for (id, package) in problem.packages() {
        let standings = candidates(problem, solution, id);
        let numbers: Vec<CandidateId> = standings.iter().map(|(candidate, _)| *candidate).collect();
        let all: Vec<CandidateId> = package.candidates().map(|(candidate, _)| candidate).collect();
        assert_eq!(numbers, all, "{standings:?}");
    }
}

/// Tells whether a choice satisfies everything. What is chosen without being demanded does no harm.
fn is_solution(problem: &Problem, chosen: &[Option<CandidateId>]) -> bool {
    let of = |package: PackageId| chosen[package.0 as usize];
    let is_met = |package: PackageId, allowed: &CandidateSet, effect: Effect| match of(package) {
        Some(candidate) => allowed.contains(candidate),
        None => effect == Effect::Limits,
    };
    problem.roots.iter().all(|root| is_met(root.package, &root.allowed, root.effect))
        && problem.packages().all(|(id, package)| {
            of(id).is_none_or(|candidate| {
                let candidate = &package.candidates[candidate.0 as usize];
                let requires = candidate.requires.iter();
                candidate.refused.is_none() && requires.into_iter().all(|it| is_met(it.package, &it.allowed, it.effect))
            })
        })
}

/// Tells whether a choice can be completed to a solution, by trying all of them.
fn any_choice(problem: &Problem, chosen: &mut Vec<Option<CandidateId>>) -> bool {
    let Some(package) = problem.packages.get(chosen.len()) else { return is_solution(problem, chosen) };
    let candidates = package.candidates().filter(|(_, candidate)| candidate.refused.is_none()).map(|(id, _)| Some(id));
    let choices: Vec<Option<CandidateId>> = std::iter::once(None).chain(candidates).collect();
    choices.into_iter().any(|choice| {
        chosen.push(choice);
        let is_found = any_choice(problem, chosen);
        chosen.pop();
        is_found
    })
}

/// An explanation ends where nothing is left, follows from what was said before, and is told in few lines.
fn check_explanation(problem: &Problem, explanation: &Explanation) {
    assert!(explanation.nodes.last().is_some_and(|node| node.terms.is_empty()), "{explanation:?}");
    for (place, node) in explanation.nodes.iter().enumerate() {
        if let Because::Follows(causes) = &node.because {
            assert!(causes.iter().all(|cause| (cause.0 as usize) < place), "{explanation:?}");
        }
    }
    let lines = explanation.lines(problem);
    assert!(!lines.is_empty() && lines.len() <= MAX_LINES + 1, "{} lines", lines.len());
    for line in &lines {
        assert_printable(&line.text);
    }
}
