//! The search: decide, draw consequences, learn from conflicts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::assignment::{Assignment, Cause, Conflict};
use super::conflict::Lesson;
use super::edges::Edges;
use super::explanation::{Explanation, Node, NodeId, node_at};
use super::order::Order;
use super::per_package::PerPackage;
use super::problem::{CandidateId, Effect, PackageId, Problem, ReasonId};
use super::values::Values;

/// Why a search ended without a solution.
pub(super) enum Failure {
    /// There is none.
    NoSolution(Explanation),
    /// It would have been more work than is allowed.
    TooMuchWork,
}

/// The state of a search.
pub(super) struct Search<'a> {
    pub(super) problem: &'a Problem,
    pub(super) edges: &'a Edges<'a>,
    pub(super) assignment: Assignment,
    /// What conflicts followed from, and what was learned from them.
    pub(super) nodes: Vec<Node>,
    /// In units of about one comparison.
    pub(super) work: u64,
    work_allowed: u64,
    order: &'a Order,
    /// Packages that may be less than before, and whose consequences have not been drawn.
    changed: VecDeque<PackageId>,
    is_changed: PerPackage<bool>,
    /// What was learned about each package.
    learned: PerPackage<Vec<NodeId>>,
    /// What was decided, in this order.
    decisions: Vec<(PackageId, CandidateId)>,
    is_decided: PerPackage<bool>,
    /// How many roots and chosen candidates demand each package.
    demands: PerPackage<usize>,
    /// The ranks of packages that are demanded and undecided.
    waiting: BTreeSet<usize>,
}

impl<'a> Search<'a> {
    pub(super) fn new(problem: &'a Problem, edges: &'a Edges<'a>, order: &'a Order, work_allowed: u64) -> Self {
        let mut search = Self {
            problem,
            edges,
            assignment: Assignment::new(problem),
            nodes: Vec::new(),
            work: 0,
            work_allowed,
            order,
            changed: problem.packages().map(|(id, _)| id).collect(),
            is_changed: PerPackage::of(problem, |_| true),
            learned: PerPackage::of(problem, |_| Vec::new()),
            decisions: Vec::new(),
            is_decided: PerPackage::of(problem, |_| false),
            demands: PerPackage::of(problem, |_| 0),
            waiting: BTreeSet::new(),
        };
        for root in problem.roots.iter().filter(|root| root.effect == Effect::Demands) {
            search.demand(root.package);
        }
        search
    }

    /// Returns what is chosen, in the order in which it was decided.
    pub(super) fn run(mut self) -> Result<Vec<(PackageId, CandidateId)>, Failure> {
        let mut outcome = self.take_facts();
        loop {
            if outcome.is_ok() {
                outcome = self.propagate()?;
            }
            match outcome {
                Ok(()) if self.waiting.is_empty() => return Ok(self.decisions),
                Ok(()) => outcome = self.decide(),
                Err(Conflict(package)) => {
                    let lesson = self.learn(package)?;
                    outcome = self.apply(lesson);
                }
            }
        }
    }

    /// Takes from every package what roots, reasons and its own candidates exclude whatever else is chosen.
    fn take_facts(&mut self) -> Result<(), Conflict> {
        let (problem, edges) = (self.problem, self.edges);
        for (id, root) in problem.roots() {
            self.narrow(root.package, &Values::allowed(root.allowed.clone(), root.effect), Cause::Root(id))?;
        }
        for (id, package) in problem.packages() {
            let mut refused: BTreeMap<ReasonId, Vec<CandidateId>> = BTreeMap::new();
            for (candidate, it) in package.candidates() {
                if let Some(reason) = it.refused {
                    refused.entry(reason).or_default().push(candidate);
                }
            }
            for (reason, candidates) in refused {
                let refused = Values::present(candidates.into_iter().collect());
                self.take(id, &refused, Cause::Refused(reason))?;
            }
        }
        for (edge, run) in edges.of_themselves() {
            let (package, it) = (edges.get(edge).from, edges.get(edge).run(run));
            let excluded = Values::present(it.candidates()).difference(&it.allowed());
            self.take(package, &excluded, Cause::OfItself { edge, run })?;
        }
        Ok(())
    }

    /// Chooses the best candidate of the first package that is waiting.
    fn decide(&mut self) -> Result<(), Conflict> {
        let Some(rank) = self.waiting.pop_first() else { return Ok(()) };
        let package = self.order.package(rank);
        // A package that waits is demanded, so it cannot be absent: with no candidate left, nothing would be, which is a conflict
        // and met before.
        let Some(candidate) = self.order.best(package, &self.assignment.values(package).candidates) else {
            return Err(Conflict(package));
        };
        self.assignment.open_level();
        self.decisions.push((package, candidate));
        self.is_decided[package] = true;
        let problem = self.problem;
        demanded_by(problem, package, candidate).for_each(|demanded| self.demand(demanded));
        self.narrow(package, &Values::present([candidate].into_iter().collect()), Cause::Decision)
    }

    fn demand(&mut self, package: PackageId) {
        self.demands[package] += 1;
        if !self.is_decided[package] {
            self.waiting.insert(self.order.rank(package));
        }
    }

    /// Takes back all decisions but the first `level`.
    fn undo_to(&mut self, level: usize) {
        self.assignment.undo_to(level);
        for package in self.changed.drain(..) {
            self.is_changed[package] = false;
        }
        for (package, candidate) in self.decisions.drain(level..).rev() {
            for demanded in demanded_by(self.problem, package, candidate) {
                self.demands[demanded] -= 1;
                if self.demands[demanded] == 0 {
                    self.waiting.remove(&self.order.rank(demanded));
                }
            }
            self.is_decided[package] = false;
            self.waiting.insert(self.order.rank(package));
        }
    }

    /// Goes back to the first level at which the lesson says something, and heeds it.
    fn apply(&mut self, lesson: Lesson) -> Result<(), Conflict> {
        self.undo_to(lesson.level);
        for term in &lesson.node.terms {
            self.learned[term.package].push(node_at(self.nodes.len()));
        }
        self.nodes.push(lesson.node);
        self.heed(node_at(self.nodes.len() - 1))
    }

    /// Draws the consequences of everything that has changed, and theirs, until there are no more.
    fn propagate(&mut self) -> Result<Result<(), Conflict>, Failure> {
        while let Some(package) = self.changed.pop_front() {
            self.is_changed[package] = false;
            if let Err(conflict) = self.draw_consequences(package) {
                return Ok(Err(conflict));
            }
            self.check_work()?;
        }
        Ok(Ok(()))
    }

    fn draw_consequences(&mut self, package: PackageId) -> Result<(), Conflict> {
        let edges = self.edges;
        for edge in edges.to(package) {
            let it = edges.get(*edge);
            let candidates = &self.assignment.values(it.from).candidates;
            let (excluded, runs) = it.excluded_by(self.assignment.values(package), candidates);
            self.work += 1 + runs;
            self.take(it.from, &Values::present(excluded), Cause::Requires { edge: *edge })?;
        }
        for edge in edges.from(package) {
            let it = edges.get(*edge);
            self.work += 1;
            let values = self.assignment.values(package);
            if let Some(run) = it.shared_by(&values.candidates).filter(|_| !values.absent) {
                self.narrow(it.to, &it.run(run).allowed(), Cause::Required { edge: *edge, run })?;
            }
        }
        for place in 0..self.learned[package].len() {
            self.heed(self.learned[package][place])?;
        }
        Ok(())
    }

    /// Where all terms of a statement hold but one, takes from its package what would make that hold too.
    fn heed(&mut self, id: NodeId) -> Result<(), Conflict> {
        // Only nodes that are there have been learned.
        let node = &self.nodes[id.0 as usize];
        let mut open = None;
        for term in &node.terms {
            let values = self.assignment.values(term.package);
            self.work += values.size() + term.values.size();
            if values.is_disjoint(&term.values) || (open.is_some() && !values.is_subset(&term.values)) {
                return Ok(());
            }
            if !values.is_subset(&term.values) {
                open = Some(term);
            }
        }
        // If all of them hold, any package will do to make the conflict known.
        let Some(term) = open.or(node.terms.first()) else { return Ok(()) };
        let (package, values) = (term.package, term.values.clone());
        self.take(package, &values, Cause::Node(id))
    }

    fn take(&mut self, package: PackageId, values: &Values, cause: Cause) -> Result<(), Conflict> {
        if self.assignment.values(package).is_disjoint(values) {
            return Ok(());
        }
        let left = self.assignment.values(package).difference(values);
        self.narrow(package, &left, cause)
    }

    fn narrow(&mut self, package: PackageId, to: &Values, cause: Cause) -> Result<(), Conflict> {
        self.work += self.assignment.values(package).size() + to.size();
        if self.assignment.narrow(package, to, cause)? && !self.is_changed[package] {
            self.is_changed[package] = true;
            self.changed.push_back(package);
        }
        Ok(())
    }

    /// # Errors
    ///
    /// More work was done than is allowed.
    pub(super) fn check_work(&self) -> Result<(), Failure> {
        if self.work > self.work_allowed { Err(Failure::TooMuchWork) } else { Ok(()) }
    }
}

/// Returns the packages that a candidate demands, as often as it does.
fn demanded_by(problem: &Problem, package: PackageId, candidate: CandidateId) -> impl Iterator<Item = PackageId> {
    let requires = problem.candidate(package, candidate).into_iter().flat_map(|it| &it.requires);
    requires.filter(|it| it.effect == Effect::Demands).map(|it| it.package)
}
