//! Problems that are too large, too hard or contradict themselves.

use resolve::solve::{
    Candidate, CandidateId, CandidateSet, Effect, MAX_CANDIDATES, MAX_LINES, Package, PackageId, Problem, ReasonId,
    Requires, Root, SolveError, solve, solve_within,
};

use super::worded::{Tale, Which};

/// As many packages as there are, each with one version less, of which no two may be the same: hard for every solver that
/// only draws conclusions from conclusions.
fn pigeons(count: u32) -> Problem {
    let all_but = |excluded: u32| CandidateSet::matching(count - 1, |it| it.0 != excluded);
    let requires = |package: u32, candidate: u32| {
        let others = (0..count).filter(move |other| *other != package);
        others.map(move |other| Requires {
            package: PackageId(other),
            allowed: all_but(candidate),
            effect: Effect::Demands,
            why: "another version".into(),
        })
    };
    let candidate = |package: u32, it: u32| Candidate {
        label: it.to_string(),
        refused: None,
        requires: requires(package, it).collect(),
    };
    let package = |id: u32| Package {
        name: format!("package{id}"),
        candidates: (0..count - 1).map(|it| candidate(id, it)).collect(),
        ..Package::default()
    };
    let root = Root {
        package: PackageId(0),
        allowed: CandidateSet::all(count - 1),
        effect: Effect::Demands,
        why: "".into(),
        location: 0,
    };
    Problem { packages: (0..count).map(package).collect(), roots: vec![root], ..Problem::default() }
}

#[test]
fn a_search_that_takes_too_long_is_given_up() {
    let problem = pigeons(6);
    assert!(matches!(solve(&problem), Err(SolveError::NoSolution(_))));
    assert_eq!(solve_within(&problem, 1_000).unwrap_err(), SolveError::TooMuchWork(1_000));
}

#[test]
fn long_explanations_are_cut() {
    let names: Vec<String> = (0..50).map(|place| format!("link{place}")).collect();
    let mut tale = names.iter().fold(Tale::default(), |tale, name| tale.package(name, &["1", "2"]));
    for (name, next) in names.iter().zip(&names[1..]) {
        tale = tale.follows(name, next);
    }
    tale = tale.demand("link0", "=1", Which::Only(&["1"])).demand("link49", "=2", Which::Only(&["2"]));
    let why_not = tale.told(&tale.explanation());
    assert_eq!(why_not.lines().count(), MAX_LINES + 1);
    assert!(why_not.ends_with("\nand 11 more"), "{why_not}");
}

/// Every one of many candidates is tried, and fails for a reason of its own: the proof has thousands of steps, each of which
/// follows from the one before.
#[test]
fn what_is_the_same_for_many_candidates_is_told_once() {
    let versions: Vec<String> = (0..600).map(|it| it.to_string()).collect();
    let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
    let halves = [0, 1].map(|half| versions.iter().copied().skip(half).step_by(2).collect::<Vec<_>>());
    let [even, odd] = [Which::Only(&halves[0]), Which::Only(&halves[1])];
    let tale = Tale::default()
        .package("a", &versions)
        .package("b", &versions)
        .package("c", &["even", "odd"])
        .demand("a", "", Which::All)
        .follows("a", "b")
        .requires("a", even, "c", "=even", Which::Only(&["even"]))
        .requires("a", odd, "c", "=odd", Which::Only(&["odd"]))
        .requires("b", odd, "c", "=even", Which::Only(&["even"]))
        .requires("b", even, "c", "=odd", Which::Only(&["odd"]));
    let explanation = tale.explanation();
    assert!(explanation.nodes.len() > 1_000);
    insta::assert_snapshot!(tale.told(&explanation), @r"
    a is required (line 20)
    a needs b (same version)
    a 0 to 598 (300 versions) needs c =even
    a 1 to 599 (300 versions) needs c =odd
    b 0 to 598 (300 versions) needs c =odd
    b 1 to 599 (300 versions) needs c =even
    ");
}

#[test]
fn numbers_of_nothing_are_refused() {
    let tale = || Tale::default().package("a", &["1"]).demand("a", "", Which::All).0;
    let malformed = |change: fn(&mut Problem)| {
        let mut problem = tale();
        change(&mut problem);
        match solve(&problem) {
            Err(SolveError::Malformed(why)) => why,
            other => panic!("{other:?}"),
        }
    };
    assert!(solve(&tale()).is_ok());
    let said = [
        malformed(|it| it.roots[0].package = PackageId(1)),
        malformed(|it| it.roots[0].allowed = CandidateSet::all(2)),
        malformed(|it| it.packages[0].preferred = Some(CandidateId(1))),
        malformed(|it| it.packages[0].candidates[0].refused = Some(ReasonId(0))),
        malformed(|it| it.packages[0].candidates.resize(MAX_CANDIDATES + 1, Candidate::default())),
        malformed(|it| {
            let requires = Requires {
                package: PackageId(7),
                allowed: CandidateSet::none(),
                effect: Effect::Limits,
                why: "".into(),
            };
            it.packages[0].candidates[0].requires.push(requires);
        }),
    ];
    insta::assert_snapshot!(said.join("\n"), @r#"
    the requirement "" is of what is not there
    the requirement "" is of what is not there
    a: the preferred candidate is none of its candidates
    a 1: refused for an unknown reason
    a: 262145 candidates, 262144 at most
    a 1: requires what is not there
    "#);
}
