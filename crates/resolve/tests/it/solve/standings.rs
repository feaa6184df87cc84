//! What is chosen, why, and why not the others.

use insta::assert_snapshot;
use resolve::solve::{ReasonKind, Standing, Strategy, candidates};

use super::worded::{Tale, Which};

const VERSIONS: [&str; 5] = ["1.0", "1.1", "1.2", "1.3", "2.0"];

fn pair() -> Tale {
    Tale::default().package("collector", &VERSIONS).package("query", &VERSIONS).follows("query", "collector")
}

/// Returns every candidate of a package and how it stands.
fn table(tale: &Tale, name: &str) -> String {
    let package = tale.id(name);
    let rows = candidates(&tale.0, &tale.solution(), package).into_iter().map(|(candidate, standing)| {
        let label = &tale.0.candidate(package, candidate).unwrap().label;
        let name = |package| &tale.0.package(package).unwrap().name;
        let standing = match &standing {
            Standing::Refused(reason) => format!("refused: {}", tale.0.reason(*reason).unwrap().text),
            Standing::Unmatched(root) => format!("not {}", tale.0.root(*root).unwrap().why),
            Standing::Excluded { by, why } => format!("{} needs {why}", name(*by)),
            Standing::Needs { of, why } => format!("needs {} {why}", name(*of)),
            plain => format!("{plain:?}"),
        };
        format!("{label} {standing}")
    });
    rows.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_newest_is_chosen_and_the_old_lock_is_kept() {
    let tale = pair().demand("query", "^1", Which::Before("2.0"));
    assert_snapshot!(tale.chosen(), @r"
    query 1.3 Highest
    collector 1.3 Forced { by: PackageId(1) }
    ");
    assert_snapshot!(tale.prefer("query", "1.1").chosen(), @r"
    query 1.1 Preferred
    collector 1.1 Forced { by: PackageId(1) }
    ");
}

#[test]
fn every_candidate_knows_why_it_was_not_chosen() {
    let tale = pair()
        .package("storage", &["3"])
        .demand("query", "^1", Which::Before("2.0"))
        .demand("collector", "", Which::All)
        .requires("query", Which::Only(&["1.2"]), "storage", "^4", Which::None)
        .refuse("query", Which::Only(&["1.3"]), ReasonKind::Cooldown, "it is younger than 3 days");
    assert_snapshot!(table(&tale, "query"), @r"
    1.0 needs collector same version
    1.1 Chosen
    1.2 needs storage ^4
    1.3 refused: it is younger than 3 days
    2.0 not ^1
    ");
    assert_snapshot!(table(&tale, "collector"), @r"
    1.0 query needs same version
    1.1 Chosen
    1.2 query needs same version
    1.3 query needs same version
    2.0 query needs same version
    ");
    assert_snapshot!(tale.chosen(), @r"
    collector 1.1 Forced { by: PackageId(1) }
    query 1.1 Forced { by: PackageId(2) }
    ");
}

#[test]
fn what_nothing_demands_is_not_chosen_and_its_limits_are_told() {
    let tale = pair().demand("collector", "", Which::All).limit("query", "<1.3", Which::Before("1.3"));
    assert_snapshot!(tale.chosen(), @"collector 2.0 Highest");
    assert_snapshot!(table(&tale, "query"), @r"
    1.0 NotDemanded
    1.1 NotDemanded
    1.2 NotDemanded
    1.3 not <1.3
    2.0 not <1.3
    ");
}

#[test]
fn the_lowest_that_is_demanded_brings_the_highest_of_what_it_needs() {
    let mut tale = Tale::default()
        .package("app", &["1", "2"])
        .package("driver", &VERSIONS)
        .demand("app", "", Which::All)
        .requires("app", Which::All, "driver", "^1.1", Which::Only(&["1.1", "1.2", "1.3"]));
    tale.0.strategy = Strategy::LowestDirect;
    assert_snapshot!(tale.chosen(), @r"
    app 1 Lowest
    driver 1.3 Forced { by: PackageId(0) }
    ");
    tale.0.strategy = Strategy::Lowest;
    assert_snapshot!(tale.chosen(), @r"
    app 1 Lowest
    driver 1.1 Forced { by: PackageId(0) }
    ");
}

#[test]
fn the_package_with_the_lower_priority_number_has_the_first_choice() {
    let tale = || {
        Tale::default()
            .package("left", &["1", "2"])
            .package("right", &["1", "2"])
            .demand("left", "", Which::All)
            .demand("right", "", Which::All)
            .requires("left", Which::Only(&["2"]), "right", "=1", Which::Only(&["1"]))
    };
    assert_snapshot!(tale().chosen(), @r"
    left 2 Highest
    right 1 Forced { by: PackageId(0) }
    ");
    assert_snapshot!(tale().priority("left", 1).chosen(), @r"
    right 2 Highest
    left 1 Forced { by: PackageId(1) }
    ");
}

/// When `first` 2 fails because no version of `app` goes with it, it is known that every version of `app` demands `tool`.
/// Still `app` is decided first with `first` 1, because nothing that has been chosen demands `tool`.
#[test]
fn what_was_learned_does_not_change_the_order() {
    let tale = Tale::default()
        .package("first", &["1", "2"])
        .package("tool", &["1", "2"])
        .package("app", &["1", "2"])
        .package("base", &["1", "2"])
        .priority("tool", 1)
        .priority("app", 2)
        .priority("base", 3)
        .demand("first", "", Which::All)
        .demand("app", "", Which::All)
        .requires("first", Which::Only(&["2"]), "base", "=2", Which::Only(&["2"]))
        .requires("app", Which::All, "tool", "", Which::All)
        .requires("app", Which::All, "base", "=1", Which::Only(&["1"]))
        .requires("tool", Which::Only(&["2"]), "app", "=1", Which::Only(&["1"]));
    assert_snapshot!(tale.chosen(), @r"
    first 1 Forced { by: PackageId(3) }
    app 2 Highest
    tool 1 Forced { by: PackageId(2) }
    base 1 Forced { by: PackageId(2) }
    ");
}
