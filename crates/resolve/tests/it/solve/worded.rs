//! Problems as one would tell them.

use resolve::solve::{
    Candidate, CandidateId, CandidateSet, Effect, Explanation, Package, PackageId, Problem, Reason, ReasonId,
    ReasonKind, Requires, Root, Solution, SolveError, solve,
};

/// Which candidates, by their labels.
#[derive(Clone, Copy)]
pub(super) enum Which<'a> {
    All,
    None,
    /// From this one to the newest.
    From(&'a str),
    /// From the oldest to the one before this one.
    Before(&'a str),
    Only(&'a [&'a str]),
    AllBut(&'a [&'a str]),
}

/// A problem that is being told.
#[derive(Default)]
pub(super) struct Tale(pub(super) Problem);

impl Tale {
    pub(super) fn package(mut self, name: &str, labels: &[&str]) -> Self {
        let candidates = labels.iter().map(|label| Candidate { label: (*label).to_owned(), ..Candidate::default() });
        self.0.packages.push(Package { name: name.to_owned(), candidates: candidates.collect(), ..Package::default() });
        self
    }

    /// The user demands the package.
    pub(super) fn demand(self, name: &str, why: &str, which: Which<'_>) -> Self {
        self.root(name, why, which, Effect::Demands)
    }

    /// The user limits the package.
    pub(super) fn limit(self, name: &str, why: &str, which: Which<'_>) -> Self {
        self.root(name, why, which, Effect::Limits)
    }

    fn root(mut self, name: &str, why: &str, which: Which<'_>, effect: Effect) -> Self {
        let location = u32::try_from(self.0.roots.len()).unwrap() + 20;
        let (package, allowed) = (self.id(name), self.which(name, which));
        self.0.roots.push(Root { package, allowed, effect, why: why.into(), location });
        self
    }

    pub(super) fn refuse(mut self, name: &str, which: Which<'_>, kind: ReasonKind, text: &str) -> Self {
        let reason = ReasonId(u32::try_from(self.0.reasons.len()).unwrap());
        self.0.reasons.push(Reason { kind, text: text.to_owned() });
        for candidate in self.which(name, which).iter() {
            self.candidate(name, candidate).refused = Some(reason);
        }
        self
    }

    /// Some candidates of a package require something of another.
    pub(super) fn requires(self, name: &str, which: Which<'_>, of: &str, why: &str, allowed: Which<'_>) -> Self {
        self.edge(name, which, of, why, allowed, Effect::Demands)
    }

    /// Some candidates of a package do not go with some of another.
    pub(super) fn excludes(self, name: &str, which: Which<'_>, of: &str, excluded: &[&str]) -> Self {
        self.edge(name, which, of, "", Which::AllBut(excluded), Effect::Limits)
    }

    fn edge(mut self, name: &str, which: Which<'_>, of: &str, why: &str, allowed: Which<'_>, effect: Effect) -> Self {
        let (package, allowed) = (self.id(of), self.which(of, allowed));
        for candidate in self.which(name, which).iter() {
            let requires = Requires { package, allowed: allowed.clone(), effect, why: why.into() };
            self.candidate(name, candidate).requires.push(requires);
        }
        self
    }

    /// Every candidate of a package requires the same version of another.
    pub(super) fn follows(mut self, name: &str, of: &str) -> Self {
        let labels: Vec<String> = self.named(name).candidates.iter().map(|it| it.label.clone()).collect();
        for label in labels {
            let is_known = self.named(of).candidates.iter().any(|it| it.label == label);
            let same: &[&str] = if is_known { &[&label] } else { &[] };
            self = self.requires(name, Which::Only(&[&label]), of, "same version", Which::Only(same));
        }
        self
    }

    pub(super) fn prefer(mut self, name: &str, label: &str) -> Self {
        let preferred = self.which(name, Which::Only(&[label])).first();
        let package = self.id(name).0 as usize;
        self.0.packages[package].preferred = preferred;
        self
    }

    pub(super) fn priority(mut self, name: &str, priority: u32) -> Self {
        let package = self.id(name).0 as usize;
        self.0.packages[package].priority = priority;
        self
    }

    /// Returns why there is no solution, a sentence a line, with the locations of what the user requires.
    pub(super) fn why_not(&self) -> String {
        let explanation = self.explanation();
        super::proof::check(&self.0, &explanation);
        self.told(&explanation)
    }

    /// Returns why there is no solution. That it is a proof is not checked.
    pub(super) fn explanation(&self) -> Explanation {
        let Err(SolveError::NoSolution(explanation)) = solve(&self.0) else { panic!("there is a solution") };
        explanation
    }

    pub(super) fn told(&self, explanation: &Explanation) -> String {
        let lines = explanation.lines(&self.0);
        let lines = lines.iter().map(|line| match line.root.and_then(|root| self.0.root(root)) {
            Some(root) => format!("{} (line {})", line.text, root.location),
            None => line.text.clone(),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Returns what is chosen, in the order in which it was decided, and why.
    pub(super) fn chosen(&self) -> String {
        let choices = self.solution();
        let lines = choices.choices().iter().map(|choice| {
            let package = self.0.package(choice.package).unwrap();
            let label = &self.0.candidate(choice.package, choice.candidate).unwrap().label;
            format!("{} {label} {:?}", package.name, choice.because)
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    pub(super) fn solution(&self) -> Solution {
        solve(&self.0).unwrap()
    }

    pub(super) fn id(&self, name: &str) -> PackageId {
        self.0.packages().find(|(_, package)| package.name == name).unwrap().0
    }

    fn named(&self, name: &str) -> &Package {
        self.0.package(self.id(name)).unwrap()
    }

    fn candidate(&mut self, name: &str, candidate: CandidateId) -> &mut Candidate {
        let package = self.id(name).0 as usize;
        &mut self.0.packages[package].candidates[candidate.0 as usize]
    }

    fn which(&self, name: &str, which: Which<'_>) -> CandidateSet {
        let package = self.named(name);
        let count = u32::try_from(package.candidates.len()).unwrap();
        let id = |label: &str| package.candidates().find(|(_, it)| it.label == label).unwrap().0;
        let listed = |labels: &[&str]| labels.iter().map(|label| id(label)).collect::<CandidateSet>();
        match which {
            Which::All => CandidateSet::all(count),
            Which::None => CandidateSet::none(),
            Which::From(label) => CandidateSet::between(id(label).0, count),
            Which::Before(label) => CandidateSet::between(0, id(label).0),
            Which::Only(labels) => listed(labels),
            Which::AllBut(labels) => CandidateSet::all(count).difference(&listed(labels)),
        }
    }
}
