//! From a project, a lock and tags to a version of every image.

use std::collections::BTreeMap;
use std::sync::Arc;

use oci::{Digest, Tag};
use resolve::lock::{Lock, LockedImage, LockedKind, TimeSource};
use resolve::resolution::{Facts, Outcome, Resolution, ResolutionError, ResolutionOptions, Step, Update};
use resolve::{Project, Value};

/// Repositories in which every tag is known, with everything about it.
#[derive(Clone, Default)]
struct World {
    facts: BTreeMap<(String, String), Facts>,
    asked: usize,
}

impl World {
    /// Adds tags to the repository of an image, made one day after the other from day 1 on.
    fn with(mut self, image: &str, tags: &[&str]) -> Self {
        for (day, tag) in (1..).zip(tags) {
            let created = Some((day * 86_400, TimeSource::Configuration));
            let facts = Facts { created, ..Facts::default() };
            self.facts.insert((image.to_owned(), (*tag).to_owned()), facts);
        }
        self
    }

    fn change(mut self, image: &str, tag: &str, change: impl FnOnce(&mut Facts)) -> Self {
        change(self.facts.get_mut(&(image.to_owned(), tag.to_owned())).unwrap());
        self
    }

    fn resolve(&mut self, project: &str, lock: &Lock, options: ResolutionOptions) -> Result<Outcome, ResolutionError> {
        let project = Arc::new(Project::parse(project).unwrap());
        let mut resolution = Resolution::new(Arc::clone(&project), Arc::new(lock.clone()), options);
        for name in project.images.keys() {
            let tags = self.facts.keys().filter(|(image, _)| image == name);
            let tags: Vec<Tag> = tags.map(|(_, tag)| tag.parse().unwrap()).collect();
            resolution.tags(name, &tags)?;
        }
        loop {
            match resolution.step()? {
                Step::Done(outcome) => return Ok(*outcome),
                Step::Ask(questions) => {
                    assert!(!questions.is_empty());
                    for question in questions {
                        self.asked += 1;
                        let facts = self.facts[&(question.image.clone(), question.tag.to_string())].clone();
                        resolution.answer(question, facts);
                    }
                }
            }
        }
    }

    fn chosen(&mut self, project: &str, lock: &Lock, options: ResolutionOptions) -> String {
        shown(&self.resolve(project, lock, options).unwrap())
    }
}

fn shown(outcome: &Outcome) -> String {
    let one = |(name, chosen): (&String, &resolve::resolution::Chosen)| {
        format!("{name} {} {}", chosen.candidate.version, chosen.because)
    };
    outcome.chosen.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn lock(entries: &[(&str, &str)]) -> Lock {
    let mut lock = Lock::default();
    for (name, version) in entries {
        let repository = format!("h.example/{name}").parse().unwrap();
        let digest = Digest::sha256(version.as_bytes());
        let image =
            LockedImage::new(repository, (*version).to_owned(), version.parse().unwrap(), digest, LockedKind::Index);
        lock.images.insert((*name).to_owned(), image);
    }
    lock
}

/// Returns a project of images, each with what else its entry says.
fn project(images: &[(&str, &str)], rest: &str) -> String {
    let line = |(name, entry): &(&str, &str)| format!("{name} = {{ repo = \"h.example/{name}\"{entry} }}\n");
    format!("[images]\n{}{rest}", images.iter().map(line).collect::<Vec<_>>().concat())
}

const TAGS: [&str; 5] = ["1.0.0", "1.1.0", "1.2.0", "2.0.0", "2.1.0-rc.1"];

fn day(day: i64) -> i64 {
    day * 86_400
}

#[test]
fn the_newest_release_in_the_range_is_chosen() {
    let mut world = World::default().with("a", &TAGS);
    let options = ResolutionOptions::default;
    let a = |entry: &str| project(&[("a", entry)], "");
    assert_eq!(world.chosen(&a(", version = \"^1\""), &Lock::default(), options()), "a 1.2.0 highest");
    assert_eq!(world.chosen(&a(""), &Lock::default(), options()), "a 2.0.0 highest");
    assert_eq!(world.chosen(&a(", prerelease = \"allow\""), &Lock::default(), options()), "a 2.1.0-rc.1 highest");
    assert_eq!(world.chosen(&a(", version = \">=2.1.0-rc.1\""), &Lock::default(), options()), "a 2.1.0-rc.1 highest");
    assert_eq!(
        world.chosen(&a(", version = \">2.0\""), &Lock::default(), options()),
        "a 2.1.0-rc.1 highest",
        "if necessary"
    );
    assert!(world.resolve(&a(", version = \">2.0\", prerelease = \"never\""), &Lock::default(), options()).is_err());
}

#[test]
fn what_is_locked_stays_and_nothing_is_asked_about_it() {
    let mut world = World::default().with("a", &TAGS).with("b", &TAGS);
    let two = project(&[("a", ", version = \"^1\""), ("b", ", version = \"^1\"")], "");
    let locked = lock(&[("a", "1.0.0"), ("b", "1.1.0")]);
    assert_eq!(world.chosen(&two, &locked, ResolutionOptions::default()), "a 1.0.0 locked; b 1.1.0 locked");
    assert_eq!(world.asked, 0);
    let update = |update| ResolutionOptions { update, ..ResolutionOptions::default() };
    let names = Update::Names(["b".to_owned()].into());
    assert_eq!(world.chosen(&two, &locked, update(names)), "a 1.0.0 locked; b 1.2.0 highest");
    assert_eq!(world.chosen(&two, &locked, update(Update::All)), "a 1.2.0 highest; b 1.2.0 highest");
    let held = two.replace("a = { ", "a = { hold = true, ");
    assert_eq!(world.chosen(&held, &locked, update(Update::All)), "a 1.0.0 locked; b 1.2.0 highest");
    let gone = lock(&[("a", "1.0.7")]);
    assert_eq!(
        world.chosen(&two, &gone, ResolutionOptions::default()),
        "a 1.0.7 locked; b 1.2.0 highest",
        "its tag is gone"
    );
}

#[test]
fn images_that_need_each_other_move_together() {
    let mut world = World::default().with("a", &TAGS).with("b", &["1.0.0", "1.1.0"]);
    let follows = project(&[("a", ", follows = \"b\""), ("b", "")], "");
    assert_eq!(
        world.chosen(&follows, &Lock::default(), ResolutionOptions::default()),
        "a 1.1.0 follows:b; b 1.1.0 highest"
    );
    let edge = "[[edges]]\nif = \"a\"\nversion = \">=1.1\"\nrequires = { b = \"^1.1\" }\n";
    let edges = project(&[("a", ", version = \"^1\""), ("b", "")], edge);
    let locked = lock(&[("a", "1.0.0"), ("b", "1.0.0")]);
    let names = ResolutionOptions { update: Update::Names(["a".to_owned()].into()), ..ResolutionOptions::default() };
    assert_eq!(world.chosen(&edges, &locked, names), "a 1.2.0 highest; b 1.1.0 forced-by:a");
}

#[test]
fn publishers_may_say_what_an_image_needs() {
    let needs = |text: &str| vec![("h.example/b".parse().unwrap(), text.to_owned())];
    let mut world = World::default().with("a", &["1.0.0", "1.1.0"]).with("b", &["1.0.0", "1.1.0", "1.2.0"]).change(
        "a",
        "1.1.0",
        |facts| facts.requires = needs("~1.1"),
    );
    let both = project(&[("a", ""), ("b", "")], "");
    let outcome = world.resolve(&both, &Lock::default(), ResolutionOptions::default()).unwrap();
    assert_eq!(shown(&outcome), "a 1.1.0 highest; b 1.1.0 forced-by:a");
    assert_eq!(outcome.chosen["a"].requires, ["b ~1.1"]);
    let alone = world.resolve(&project(&[("a", "")], ""), &Lock::default(), ResolutionOptions::default()).unwrap();
    assert_eq!(alone.warnings[0].to_string(), "`a` 1.1.0 needs h.example/b ~1.1, which is not part of the project");
}

#[test]
fn what_is_known_of_a_candidate_decides() {
    let yanked = |facts: &mut Facts| facts.yanked = Some("leaks".to_owned());
    let amd64 = |facts: &mut Facts| facts.platforms = Some(vec!["linux/amd64".parse().unwrap()]);
    let mut world = World::default()
        .with("a", &TAGS)
        .change("a", "2.0.0", yanked)
        .change("a", "1.2.0", amd64)
        .change("a", "1.0.0", amd64);
    let options = ResolutionOptions::default;
    assert_eq!(world.chosen(&project(&[("a", "")], ""), &Lock::default(), options()), "a 1.2.0 highest");
    let platforms = project(&[("a", ", platforms = [\"linux/amd64\", \"linux/arm64\"]")], "");
    assert_eq!(world.chosen(&platforms, &Lock::default(), options()), "a 1.1.0 highest");
    let allow = project(&[("a", "")], "[policy]\nyanked = \"warn\"\n");
    let outcome = world.resolve(&allow, &Lock::default(), options()).unwrap();
    assert_eq!(outcome.warnings[0].to_string(), "`a` 2.0.0 was withdrawn");
}

#[test]
fn time_decides_what_there_is() {
    let mut world = World::default().with("a", &TAGS);
    let a = project(&[("a", "")], "");
    for (at, wanted) in [(1, "1.0.0"), (2, "1.1.0"), (3, "1.2.0"), (4, "2.0.0"), (9, "2.0.0")] {
        let options = ResolutionOptions { as_of: Some(day(at)), now: day(99), ..ResolutionOptions::default() };
        assert_eq!(world.chosen(&a, &lock(&[("a", "2.0.0")]), options), format!("a {wanted} highest"), "{at}");
    }
    let cool = project(&[("a", "")], "[policy]\ncooldown = \"2d\"\n");
    let options = ResolutionOptions { now: day(5), ..ResolutionOptions::default() };
    assert_eq!(world.chosen(&cool, &Lock::default(), options.clone()), "a 1.2.0 highest");
    assert_eq!(
        world.chosen(&cool.replace("a = { ", "a = { cooldown = \"1d\", "), &Lock::default(), options),
        "a 2.0.0 highest"
    );
}

#[test]
fn few_rounds_are_needed_to_go_far_back() {
    let tags: Vec<String> = (0..2000).map(|number| format!("1.{number}.0")).collect();
    let mut world = World::default();
    for (at, tag) in (1..).zip(&tags) {
        let created = Some((day(at), TimeSource::Configuration));
        world.facts.insert(("a".to_owned(), tag.clone()), Facts { created, ..Facts::default() });
    }
    let options = ResolutionOptions { as_of: Some(day(1000)), ..ResolutionOptions::default() };
    assert_eq!(world.chosen(&project(&[("a", "")], ""), &Lock::default(), options), "a 1.999.0 highest");
    assert!(world.asked < 1100, "{}", world.asked);
}

#[test]
fn an_optional_image_without_a_solution_is_left_out() {
    let mut world = World::default().with("a", &TAGS).with("b", &["1.0.0"]).with("c", &TAGS);
    let optional = project(&[("a", ""), ("b", ", version = \"^3\", optional = true"), ("c", ", optional = true")], "");
    let outcome = world.resolve(&optional, &Lock::default(), ResolutionOptions::default()).unwrap();
    assert_eq!(shown(&outcome), "a 2.0.0 highest; c 2.0.0 highest");
    assert_eq!(outcome.warnings[0].to_string(), "`b` has no solution, and the others are locked without it");
}

#[test]
fn a_contradiction_is_told_in_sentences() {
    let mut world =
        World::default().with("collector", &["1.54.0", "1.55.0", "1.57.0"]).with("query", &["1.57.0", "1.58.0"]);
    let text = project(
        &[("collector", ", version = \"~1.55\""), ("query", ", version = \"^1.57\", follows = \"collector\"")],
        "",
    );
    let error = world.resolve(&text, &Lock::default(), ResolutionOptions::default()).unwrap_err();
    let ResolutionError::NoSolution { image, lines, .. } = &error else { panic!("{error}") };
    assert_eq!(image, "query");
    let lines: Vec<&str> = lines.iter().map(|(text, _)| text.as_str()).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    query is required
    query needs collector 1.57.0 (same version)
    collector is limited to ~1.55
    ");
}

#[test]
fn what_is_not_there_is_named() {
    let mut world = World::default().with("a", &["main", "1.0-slim", "1.1-slim"]);
    let error = world.resolve(&project(&[("a", "")], ""), &Lock::default(), ResolutionOptions::default()).unwrap_err();
    let ResolutionError::NoVersions { tracks, .. } = &error else { panic!("{error}") };
    assert_eq!(tracks, &["{version}-slim (2 versions, newest 1.1-slim)"]);
    assert_eq!(error.to_string(), "`a` has no versions among the 3 tags of h.example/a");
    let slim = project(&[("a", ", variant = \"slim\"")], "");
    let precise = |version: &str| ResolutionOptions {
        precise: [("a".to_owned(), version.to_owned())].into(),
        ..ResolutionOptions::default()
    };
    assert_eq!(world.chosen(&slim, &Lock::default(), precise("1.0")), "a 1.0 precise");
    assert_eq!(world.chosen(&slim, &Lock::default(), precise("1.0-slim")), "a 1.0 precise");
    let error = world.resolve(&slim, &Lock::default(), precise("3")).unwrap_err();
    assert!(matches!(&error, ResolutionError::NoSuchVersion { near, .. } if near == &["1.1", "1.0"]), "{error}");
}

#[test]
fn every_candidate_has_its_standing() {
    let mut world = World::default().with("a", &TAGS);
    let outcome = world
        .resolve(&project(&[("a", ", version = \"^1\"")], ""), &Lock::default(), ResolutionOptions::default())
        .unwrap();
    let shown: Vec<String> = outcome
        .standings("a")
        .iter()
        .map(|(id, standing)| {
            let candidate = &outcome.problem().packages[0].candidates[id.0 as usize];
            format!("{} {standing:?}", candidate.label)
        })
        .collect();
    assert_eq!(shown.len(), 5);
    assert!(shown[2].starts_with("1.2.0 Chosen"), "{shown:?}");
    assert!(shown[3].starts_with("2.0.0 Unmatched"), "{shown:?}");
    assert!(shown[4].starts_with("2.1.0-rc.1 Refused"), "{shown:?}");
    let _: &Value = &outcome.chosen["a"].candidate.version;
}
