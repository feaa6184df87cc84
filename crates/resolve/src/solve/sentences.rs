//! An explanation in sentences.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::explanation::{Because, Explanation, Term};
use super::labels::Labels;
use super::problem::{Effect, Package, PackageId, Problem, ReasonId, RootId};
use super::set::CandidateSet;

/// Lines of an explanation at most, but for one that says how many were left out.
pub const MAX_LINES: usize = 40;
/// With no more sentences than these, nobody needs to be told what follows from which.
const LINES_WITHOUT_CONCLUSIONS: usize = 8;

/// A sentence of an explanation, without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub text: String,
    /// The requirement of the user that it repeats, if it does.
    pub root: Option<RootId>,
}

impl Explanation {
    /// Returns the explanation in short sentences: what the user requires, what follows by which requirements of candidates,
    /// and what stands in the way, each once.
    pub fn lines(&self, problem: &Problem) -> Vec<Line> {
        let labels = Labels::of(problem);
        let targets = self.nodes.iter().filter_map(|node| match &node.because {
            Because::Requires { package, of, .. } if package != of => Some(*of),
            _ => None,
        });
        let writer = Writer { problem, labels, targets: targets.collect() };
        let mut lines = writer.facts(self.nodes.iter().map(|node| &node.because));
        if lines.len() > LINES_WITHOUT_CONCLUSIONS {
            let steps = writer.steps(self);
            // Where each of many candidates fails in its own way, the facts by themselves say more than the first steps.
            if steps.len() <= MAX_LINES {
                lines = steps;
            }
        }
        if lines.len() > MAX_LINES {
            let text = format!("and {} more", lines.len() - MAX_LINES);
            lines.truncate(MAX_LINES);
            lines.push(Line { text, root: None });
        }
        lines
    }
}

struct Writer<'a> {
    problem: &'a Problem,
    labels: Labels<'a>,
    /// The packages of which candidates require something.
    targets: BTreeSet<PackageId>,
}

/// Facts that are told in one sentence.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Fact {
    Root(RootId),
    Refused(ReasonId),
    /// Of which package, the effect, and what is said about it; or else what is allowed.
    Requires(PackageId, Effect, Result<Arc<str>, CandidateSet>),
}

impl Fact {
    /// Returns by what facts about one package are ordered before anything else: what is required of each package last.
    const fn kind(&self) -> (u8, Option<PackageId>) {
        match self {
            Self::Root(_) => (0, None),
            Self::Refused(_) => (1, None),
            Self::Requires(of, ..) => (2, Some(*of)),
        }
    }
}

/// What a sentence about facts needs to know.
struct About {
    candidates: CandidateSet,
    allowed: CandidateSet,
    /// Whether all of the candidates allow the same.
    is_same: bool,
}

impl About {
    /// Takes facts together.
    fn all(facts: &[&Because]) -> Self {
        let (mut candidates, mut allowed, mut is_same) = (Vec::new(), Vec::new(), true);
        let mut first: Option<&CandidateSet> = None;
        for fact in facts {
            match fact {
                Because::Refused { candidates: refused, .. } => candidates.extend_from_slice(refused.ranges()),
                Because::Requires { candidates: requiring, allowed: required, is_same: is_one, .. } => {
                    candidates.extend_from_slice(requiring.ranges());
                    allowed.extend_from_slice(required.ranges());
                    is_same &= *is_one && first.get_or_insert(required) == &required;
                }
                Because::Root(_) | Because::Follows(_) => {}
            }
        }
        Self { candidates: CandidateSet::joined(candidates), allowed: CandidateSet::joined(allowed), is_same }
    }
}

impl Writer<'_> {
    /// Returns the facts, each group before what is concluded from it.
    fn steps(&self, explanation: &Explanation) -> Vec<Line> {
        let mut told = BTreeSet::new();
        let mut lines = Vec::new();
        for node in &explanation.nodes {
            let Because::Follows(causes) = &node.because else { continue };
            let news = causes.iter().filter(|cause| told.insert(**cause)).filter_map(|cause| explanation.node(*cause));
            lines.extend(self.facts(news.map(|node| &node.because)));
            lines.extend(self.conclusion(&node.terms).map(|text| Line { text, root: None }));
        }
        lines
    }

    /// Returns the facts among these, those of one package together, and after those of all that require something of it.
    fn facts<'b>(&self, facts: impl Iterator<Item = &'b Because>) -> Vec<Line> {
        let mut of_packages: BTreeMap<PackageId, BTreeMap<Fact, Vec<&Because>>> = BTreeMap::new();
        for because in facts {
            if let Some((package, fact)) = self.fact(because) {
                of_packages.entry(package).or_default().entry(fact).or_default().push(because);
            }
        }
        let mut lines = Vec::new();
        for package in in_order(&of_packages) {
            let facts = of_packages.remove(&package).into_iter().flatten();
            let mut facts: Vec<(Fact, About)> = facts.map(|(fact, all)| (fact, About::all(&all))).collect();
            facts.sort_by_key(|(fact, about)| (fact.kind(), about.candidates.first()));
            let last_refused = facts.iter().rposition(|(fact, _)| matches!(fact, Fact::Refused(_)));
            for (place, (fact, about)) in facts.iter().enumerate() {
                let mut text = self.sentence(package, fact, about);
                if Some(place) == last_refused {
                    text.extend(self.newest_usable(package, &about.candidates));
                }
                lines.push(Line { text, root: if let Fact::Root(root) = fact { Some(*root) } else { None } });
            }
        }
        lines
    }

    /// Returns which package a fact is about, and what it is told together with; `None` for what is no fact.
    fn fact(&self, because: &Because) -> Option<(PackageId, Fact)> {
        match because {
            Because::Root(id) => Some((self.problem.root(*id)?.package, Fact::Root(*id))),
            Because::Refused { package, reason, .. } => Some((*package, Fact::Refused(*reason))),
            Because::Requires { package, of, allowed, effect, why, .. } => {
                // What is excluded is named itself, so that it matters whether it is the same.
                let why = why.clone().filter(|why| *effect == Effect::Demands && !why.is_empty());
                Some((*package, Fact::Requires(*of, *effect, why.ok_or_else(|| allowed.clone()))))
            }
            Because::Follows(_) => None,
        }
    }

    fn sentence(&self, package: PackageId, fact: &Fact, about: &About) -> String {
        match fact {
            Fact::Root(id) => self.root(package, *id),
            Fact::Refused(reason) => {
                let text = self.problem.reason(*reason).map_or("", |reason| &reason.text);
                format!("{} cannot be used: {text}", self.labels.exactly(package, &about.candidates))
            }
            Fact::Requires(of, effect, why) => {
                let subject = self.labels.subject(package, &about.candidates);
                if *of == package {
                    return format!("{subject} needs another version of itself");
                }
                let (why, name) = (why.as_deref().unwrap_or(""), self.labels.name(*of));
                let excluded = self.all(*of).difference(&about.allowed);
                match effect {
                    Effect::Limits => format!("{subject} excludes {}", self.labels.named(*of, &excluded)),
                    Effect::Demands if about.allowed.is_empty() => {
                        format!("{subject} needs {}, {}", spaced(name, why), self.nothing(*of))
                    }
                    Effect::Demands if about.is_same && !why.is_empty() => format!("{subject} needs {name} {why}"),
                    Effect::Demands => {
                        let name = || name.to_owned();
                        let allowed = if excluded.is_empty() { name() } else { self.labels.named(*of, &about.allowed) };
                        let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
                        format!("{subject} needs {allowed}{why}")
                    }
                }
            }
        }
    }

    fn root(&self, package: PackageId, id: RootId) -> String {
        let Some(root) = self.problem.root(id) else { return String::new() };
        let (name, why) = (self.labels.name(package), &*root.why);
        let is_everything = self.problem.package(package).is_some_and(|it| it.candidates.len() == root.allowed.len());
        match root.effect {
            Effect::Demands if root.allowed.is_empty() => {
                format!("{} is required, {}", spaced(name, why), self.nothing(package))
            }
            Effect::Demands if is_everything => format!("{name} is required"),
            Effect::Demands if !self.targets.contains(&package) => format!("{} is required", spaced(name, why)),
            _ => format!("{name} is limited to {why}"),
        }
    }

    /// Says that no candidate of the package is allowed.
    fn nothing(&self, package: PackageId) -> &'static str {
        match self.problem.package(package) {
            Some(it) if it.candidates.is_empty() => "of which there is no version",
            _ => "which no version matches",
        }
    }

    /// Names the newest candidate that is not refused, if some that are refused are newer.
    fn newest_usable(&self, package: PackageId, refused: &CandidateSet) -> Option<String> {
        let candidates = self.problem.package(package)?.candidates();
        let (newest, it) = candidates.filter(|(_, it)| it.refused.is_none()).last()?;
        (refused.last()? > newest).then(|| format!("; {} is the newest that can", it.label))
    }

    fn all(&self, package: PackageId) -> CandidateSet {
        CandidateSet::all(self.problem.package(package).map_or(0, Package::count))
    }

    /// Returns what is concluded; `None` at the end, where everything is excluded.
    fn conclusion(&self, terms: &[Term]) -> Option<String> {
        let (needed, given): (Vec<&Term>, Vec<&Term>) = terms.iter().partition(|term| term.values.absent);
        let given: Vec<String> =
            given.into_iter().map(|term| self.labels.subject(term.package, &term.values.candidates)).collect();
        let needed: Vec<String> = needed
            .into_iter()
            .map(|term| {
                let left = self.all(term.package).difference(&term.values.candidates);
                self.labels.named(term.package, &left)
            })
            .collect();
        match (&given[..], &needed[..]) {
            ([], []) => None,
            ([], needed) => Some(format!("so {} is needed", needed.join(" or "))),
            ([only], []) => Some(format!("so {only} cannot be used")),
            ([given @ .., last], []) => Some(format!("so {} cannot be used with {last}", given.join(" and "))),
            (given, needed) => Some(format!("so {} needs {}", given.join(" with "), needed.join(" or "))),
        }
    }
}

/// Returns the packages in the order in which their facts are told: after all packages that require something of them, as far
/// as those do not require something of each other; each soon after them.
fn in_order(facts: &BTreeMap<PackageId, BTreeMap<Fact, Vec<&Because>>>) -> Vec<PackageId> {
    let targets = |package: PackageId| {
        let facts = facts.get(&package).into_iter().flat_map(|facts| facts.keys());
        facts.filter_map(|fact| if let Fact::Requires(of, ..) = fact { Some(*of) } else { None })
    };
    let mut requiring: BTreeMap<PackageId, usize> = facts.keys().map(|package| (*package, 0)).collect();
    for target in facts.keys().flat_map(|package| targets(*package)) {
        requiring.entry(target).and_modify(|count| *count += 1);
    }
    let mut ordered = Vec::with_capacity(facts.len());
    let mut ready: Vec<PackageId> = Vec::new();
    while !requiring.is_empty() {
        if ready.is_empty() {
            // Where packages require something of each other, one of those has to be the first.
            let least =
                requiring.iter().min_by_key(|(package, count)| (**count, **package)).map(|(package, _)| *package);
            ready.extend(least);
        }
        let Some(package) = ready.pop() else { break };
        if requiring.remove(&package).is_none() {
            continue;
        }
        ordered.push(package);
        for target in targets(package) {
            if let Some(count) = requiring.get_mut(&target) {
                *count -= 1;
                if *count == 0 {
                    ready.push(target);
                }
            }
        }
    }
    ordered
}

/// Returns a name and what is said about it.
fn spaced(name: &str, why: &str) -> String {
    if why.is_empty() { name.to_owned() } else { format!("{name} {why}") }
}
