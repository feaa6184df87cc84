//! The meaning of a problem and its best solution, by trying everything. Written from the documentation, not from the search.

use resolve::solve::{CandidateId, Effect, PackageId, Problem, Strategy};

/// What is chosen of each package.
pub(super) type Assignment = Vec<Option<CandidateId>>;

/// Returns every assignment of the packages that are to vary; the others are absent.
pub(super) fn assignments(problem: &Problem, varying: &[PackageId]) -> impl Iterator<Item = Assignment> {
    let count = |package: PackageId| problem.packages[package.0 as usize].candidates.len() + 1;
    let total: usize = varying.iter().map(|package| count(*package)).product();
    let absent: Assignment = vec![None; problem.packages.len()];
    let varying: Vec<(usize, usize)> = varying.iter().map(|it| (it.0 as usize, count(*it))).collect();
    (0..total).map(move |mut number| {
        let mut assignment = absent.clone();
        for (package, count) in &varying {
            assignment[*package] = (number % count).checked_sub(1).map(|it| CandidateId(u32::try_from(it).unwrap()));
            number /= count;
        }
        assignment
    })
}

/// Tells whether an assignment satisfies everything.
pub(super) fn is_valid(problem: &Problem, assignment: &Assignment) -> bool {
    let is_met =
        |package: PackageId, allowed: &resolve::solve::CandidateSet, effect| match assignment[package.0 as usize] {
            None => effect == Effect::Limits,
            Some(candidate) => allowed.contains(candidate),
        };
    problem.roots.iter().all(|root| is_met(root.package, &root.allowed, root.effect))
        && problem.packages.iter().zip(assignment).all(|(package, chosen)| {
            chosen.is_none_or(|chosen| {
                let candidate = &package.candidates[chosen.0 as usize];
                candidate.refused.is_none()
                    && candidate.requires.iter().all(|it| is_met(it.package, &it.allowed, it.effect))
            })
        })
}

/// Returns the best solution in the order of decisions; `None` if there is none.
pub(super) fn best(problem: &Problem) -> Option<Vec<(PackageId, CandidateId)>> {
    let everything: Vec<PackageId> = problem.packages().map(|(id, _)| id).collect();
    let mut valid: Vec<Assignment> =
        assignments(problem, &everything).filter(|assignment| is_valid(problem, assignment)).collect();
    if valid.is_empty() {
        return None;
    }
    let mut decided: Vec<(PackageId, CandidateId)> = Vec::new();
    loop {
        let next = problem
            .packages()
            .filter(|(id, _)| is_demanded(problem, &decided, *id) && decided.iter().all(|(it, _)| it != id))
            .min_by_key(|(_, package)| (package.priority, &package.name));
        let Some((next, _)) = next else { return Some(decided) };
        let possible = valid.iter().filter_map(|assignment| assignment[next.0 as usize]);
        let best = possible.max_by_key(|candidate| worth(problem, next, *candidate)).unwrap();
        valid.retain(|assignment| assignment[next.0 as usize] == Some(best));
        decided.push((next, best));
    }
}

fn is_demanded(problem: &Problem, decided: &[(PackageId, CandidateId)], package: PackageId) -> bool {
    let chosen = decided.iter().map(|(id, it)| &problem.packages[id.0 as usize].candidates[it.0 as usize]);
    let mut by_candidates = chosen.flat_map(|it| &it.requires);
    is_direct(problem, package) || by_candidates.any(|it| it.package == package && it.effect == Effect::Demands)
}

fn is_direct(problem: &Problem, package: PackageId) -> bool {
    problem.roots.iter().any(|root| root.package == package && root.effect == Effect::Demands)
}

/// Returns how good a candidate is: first whether it is preferred, then its age.
pub(super) fn worth(problem: &Problem, package: PackageId, candidate: CandidateId) -> (bool, i64) {
    let is_lowest = match problem.strategy {
        Strategy::Highest => false,
        Strategy::Lowest => true,
        Strategy::LowestDirect => is_direct(problem, package),
    };
    let newness = i64::from(candidate.0);
    let is_preferred = problem.packages[package.0 as usize].preferred == Some(candidate);
    (is_preferred, if is_lowest { -newness } else { newness })
}
