//! What each package may still be, and how that came to be so.

use super::explanation::NodeId;
use super::per_package::PerPackage;
use super::problem::{PackageId, Problem, ReasonId, RootId};
use super::values::Values;

/// What each package may still be, with every step that led there.
pub(super) struct Assignment {
    values: PerPackage<Values>,
    steps: Vec<Step>,
    /// The places of the steps of each package.
    history: PerPackage<Vec<usize>>,
    level: usize,
}

/// Values were taken from a package.
pub(super) struct Step {
    pub(super) package: PackageId,
    /// What it might be before.
    pub(super) before: Values,
    /// How many decisions had been made, this one included.
    pub(super) level: usize,
    pub(super) cause: Cause,
}

/// Why values were taken from a package. What it says in full is worked out where a conflict is followed back, for only the
/// values that matter there: most steps are never asked.
#[derive(Clone, Copy)]
pub(super) enum Cause {
    /// One candidate was chosen.
    Decision,
    /// The user requires something else.
    Root(RootId),
    /// They are refused.
    Refused(ReasonId),
    /// They require of their own package what they are not.
    OfItself { edge: usize, run: usize },
    /// They require what the other package cannot be.
    Requires { edge: usize },
    /// All that the other package may be requires something else.
    Required { edge: usize, run: usize },
    /// It follows from a statement.
    Node(NodeId),
}

/// The package of which nothing is left.
#[derive(Clone, Copy)]
pub(super) struct Conflict(pub(super) PackageId);

impl Assignment {
    /// Returns the assignment in which every package may be anything.
    pub(super) fn new(problem: &Problem) -> Self {
        Self {
            values: PerPackage::of(problem, |it| Values::all(it.count())),
            steps: Vec::new(),
            history: PerPackage::of(problem, |_| Vec::new()),
            level: 0,
        }
    }

    /// Returns what the package may be.
    pub(super) fn values(&self, package: PackageId) -> &Values {
        &self.values[package]
    }

    /// Begins the steps that follow from a decision, itself the first.
    pub(super) fn open_level(&mut self) {
        self.level += 1;
    }

    /// Leaves the package only what is in `to`. Tells whether that takes anything from it.
    ///
    /// # Errors
    ///
    /// Nothing is left of it; the step is made all the same, so that it can be asked for its cause.
    pub(super) fn narrow(&mut self, package: PackageId, to: &Values, cause: Cause) -> Result<bool, Conflict> {
        let values = &mut self.values[package];
        if values.is_subset(to) {
            return Ok(false);
        }
        let left = values.intersection(to);
        let is_empty = left.is_empty();
        let before = std::mem::replace(values, left);
        self.history[package].push(self.steps.len());
        self.steps.push(Step { package, before, level: self.level, cause });
        if is_empty { Err(Conflict(package)) } else { Ok(true) }
    }

    /// Takes back all steps after the given number of decisions.
    pub(super) fn undo_to(&mut self, level: usize) {
        while let Some(step) = self.steps.pop_if(|step| step.level > level) {
            self.values[step.package] = step.before;
            self.history[step.package].pop();
        }
        self.level = level;
    }

    /// Returns the place of the first step after which the package is surely among `values`; `None` if it always was.
    pub(super) fn first_within(&self, package: PackageId, values: &Values) -> Option<usize> {
        let history = &self.history[package];
        let steps_outside = history.partition_point(|place| !self.steps[*place].before.is_subset(values));
        steps_outside.checked_sub(1).and_then(|last| history.get(last)).copied()
    }

    /// Returns a step by the place that another method gave.
    pub(super) fn step(&self, place: usize) -> &Step {
        // Places are handed out of `history`, which loses them together with their steps.
        &self.steps[place]
    }
}
