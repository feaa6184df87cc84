//! What is learned from a conflict.

use std::collections::BTreeMap;

use super::assignment::{Cause, Step};
use super::edges::{Edge, Together};
use super::explanation::{Because, Explanation, Node, NodeId, Term, node_at};
use super::problem::{Effect, Package, PackageId};
use super::search::{Failure, Search};
use super::set::CandidateSet;
use super::values::Values;

/// A statement that follows from a conflict and would have prevented it.
pub(super) struct Lesson {
    pub(super) node: Node,
    /// The number of decisions after which all of its terms hold but one.
    pub(super) level: usize,
}

impl Search<'_> {
    /// Follows a conflict back to what it came from, until only one term of what is learned depends on the last decision that
    /// mattered.
    ///
    /// At any time, all values of `terms` are the case. A package of which nothing is left is among no values, which is the
    /// statement that the way back begins with: no solution contains such a package. Then the latest step that made one of
    /// the terms hold is replaced by its cause. The cause says that the package is not among `K` if some other terms hold, and
    /// the statement that it is not among `T` if the rest of its terms hold, so together: it is not among `K` or `T` if all of
    /// those hold.
    ///
    /// # Errors
    ///
    /// No decision mattered: there is no solution. Or it was too much work.
    pub(super) fn learn(&mut self, package: PackageId) -> Result<Lesson, Failure> {
        let mut terms = BTreeMap::from([(package, Values::default())]);
        let mut causes = Vec::new();
        while let Some(latest) = self.latest(&terms) {
            let step = self.assignment.step(latest.place);
            if matches!(step.cause, Cause::Decision) || (step.level > latest.level_before && !causes.is_empty()) {
                let node = Node { terms: in_order(terms), because: Because::Follows(causes) };
                return Ok(Lesson { node, level: latest.level_before });
            }
            let package = step.package;
            let values = terms.remove(&package).unwrap_or_default();
            let cause = self.cause(latest.place, &values);
            // The cause is there: it was learned before or has just been put there.
            for term in &self.nodes[cause.0 as usize].terms {
                self.work += term.values.size();
                if term.package == package {
                    let union = term.values.union(&values);
                    if !self.is_everything(package, &union) {
                        terms.insert(package, union);
                    }
                } else {
                    terms
                        .entry(term.package)
                        .and_modify(|values| *values = values.intersection(&term.values))
                        .or_insert_with(|| term.values.clone());
                }
            }
            causes.push(cause);
            self.check_work()?;
        }
        self.nodes.push(Node { terms: Vec::new(), because: Because::Follows(causes) });
        Err(Failure::NoSolution(Explanation::of(std::mem::take(&mut self.nodes))))
    }

    /// Returns the latest of the steps that made the terms hold; `None` where there are no terms.
    fn latest(&mut self, terms: &BTreeMap<PackageId, Values>) -> Option<Latest> {
        let mut latest: Option<Latest> = None;
        for (package, values) in terms {
            self.work += values.size();
            // Terms that hold from the beginning are left out by `learn` and by `cause`.
            let Some(place) = self.assignment.first_within(*package, values) else { continue };
            let level = self.assignment.step(place).level;
            latest = Some(match latest {
                None => Latest { place, level_before: 0 },
                Some(known) if known.place < place => {
                    Latest { place, level_before: known.level_before.max(self.assignment.step(known.place).level) }
                }
                Some(known) => Latest { level_before: known.level_before.max(level), ..known },
            });
        }
        latest
    }

    /// Returns the statement that took from a package everything that it was before the step and that is not among `values`.
    fn cause(&mut self, place: usize, values: &Values) -> NodeId {
        let Step { package, before, cause, .. } = self.assignment.step(place);
        let package = *package;
        let taken = || before.difference(values).candidates;
        let (terms, because) = match *cause {
            Cause::Node(id) => return id,
            // A decision follows from nothing; `learn` stops there.
            Cause::Decision => (Vec::new(), Because::Follows(Vec::new())),
            Cause::Root(id) => {
                let root = self.problem.root(id);
                let allowed = root.map(|root| Values::allowed(root.allowed.clone(), root.effect));
                (vec![(package, self.all_but(package, &allowed.unwrap_or_default()))], Because::Root(id))
            }
            Cause::Refused(reason) => {
                let candidates = taken();
                (vec![(package, Values::present(candidates.clone()))], Because::Refused { package, candidates, reason })
            }
            Cause::OfItself { edge, run } => {
                let edge = self.edges.get(edge);
                let candidates = edge.run(run).candidates();
                let excluded = Values::present(candidates.clone()).difference(&edge.run(run).allowed());
                (vec![(package, excluded)], required(edge, candidates).1)
            }
            Cause::Requires { edge } => self.requirement(edge, taken()),
            Cause::Required { edge, run } => self.requirement(edge, self.edges.get(edge).run(run).candidates()),
        };
        let mut terms: Vec<Term> = terms.into_iter().map(|(package, values)| Term { package, values }).collect();
        terms.retain(|term| !self.is_everything(term.package, &term.values));
        terms.sort_unstable_by_key(|term| term.package);
        self.work += terms.iter().map(|term| term.values.size()).sum::<u64>();
        self.nodes.push(Node { terms, because });
        node_at(self.nodes.len() - 1)
    }

    /// Returns the statement that some candidates require something of another package.
    fn requirement(&self, edge: usize, candidates: CandidateSet) -> (Vec<(PackageId, Values)>, Because) {
        let edge = self.edges.get(edge);
        let (allowed, because) = required(edge, candidates.clone());
        (vec![(edge.from, Values::present(candidates)), (edge.to, self.all_but(edge.to, &allowed))], because)
    }

    fn all_but(&self, package: PackageId, values: &Values) -> Values {
        Values::all(self.count(package)).difference(values)
    }

    fn is_everything(&self, package: PackageId, values: &Values) -> bool {
        values.absent && values.candidates.len() == self.count(package) as usize
    }

    fn count(&self, package: PackageId) -> u32 {
        self.problem.package(package).map_or(0, Package::count)
    }
}

/// Returns what some candidates require, and the fact that they do.
fn required(edge: &Edge<'_>, candidates: CandidateSet) -> (Values, Because) {
    let Together { allowed, why, is_same } = edge.together(&candidates);
    let effect = if allowed.absent { Effect::Limits } else { Effect::Demands };
    let because = Because::Requires {
        package: edge.from,
        candidates,
        of: edge.to,
        allowed: allowed.candidates.clone(),
        effect,
        why,
        is_same,
    };
    (allowed, because)
}

/// What is known of the steps that made some terms hold.
struct Latest {
    /// The latest of them.
    place: usize,
    /// The highest level of the others; 0 if there are none.
    level_before: usize,
}

fn in_order(terms: BTreeMap<PackageId, Values>) -> Vec<Term> {
    terms.into_iter().map(|(package, values)| Term { package, values }).collect()
}
