//! What there is to choose from, and what the choice has to satisfy.

use std::sync::Arc;

use super::SolveError;
use super::per_package::PerPackage;
use super::set::CandidateSet;

/// Candidates of one package at most.
pub const MAX_CANDIDATES: usize = 1 << 18;
/// Packages, roots and reasons of one problem at most, each.
pub const MAX_ENTRIES: usize = 1 << 14;

/// A package, by its place in [`Problem::packages`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(pub u32);

/// A candidate of a package, by its place in [`Package::candidates`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CandidateId(pub u32);

/// A requirement of the user, by its place in [`Problem::roots`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RootId(pub u32);

/// A reason, by its place in [`Problem::reasons`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReasonId(pub u32);

/// Everything that is known before anything is chosen.
#[derive(Clone, Debug, Default)]
pub struct Problem {
    /// What can be chosen.
    pub packages: Vec<Package>,
    /// What the user requires.
    pub roots: Vec<Root>,
    /// Why candidates are refused.
    pub reasons: Vec<Reason>,
    /// Which candidates are the better ones.
    pub strategy: Strategy,
}

/// Something of which one candidate is chosen, or none.
#[derive(Clone, Debug, Default)]
pub struct Package {
    /// What sentences call it.
    pub name: String,
    /// Where it stands in the order of decisions: the lowest first, then by name.
    pub priority: u32,
    /// The candidate that is better than all others: the one in the old lock.
    pub preferred: Option<CandidateId>,
    /// The candidates, from the oldest to the newest.
    pub candidates: Vec<Candidate>,
}

/// One version of a package.
#[derive(Clone, Debug, Default)]
pub struct Candidate {
    /// The version as it is shown.
    pub label: String,
    /// Why it must not be chosen, if so.
    pub refused: Option<ReasonId>,
    /// What it requires of packages.
    pub requires: Vec<Requires>,
}

/// What a candidate requires of a package.
#[derive(Clone, Debug)]
pub struct Requires {
    /// The package that is required.
    pub package: PackageId,
    /// Which of its candidates will do.
    pub allowed: CandidateSet,
    /// Whether it has to be there.
    pub effect: Effect,
    /// The requirement as it is shown: `^1.57`. Where every candidate requires another set by the same rule, the name of the
    /// rule is best (`same version`): what has the same text is told in one sentence.
    pub why: Arc<str>,
}

/// What the user requires of a package.
#[derive(Clone, Debug)]
pub struct Root {
    /// The package that is required.
    pub package: PackageId,
    /// Which of its candidates will do.
    pub allowed: CandidateSet,
    /// Whether it has to be there.
    pub effect: Effect,
    /// The requirement as it is shown: `^1.57`. Empty where any candidate will do.
    pub why: Arc<str>,
    /// Where it is written, in numbers of the caller.
    pub location: u32,
}

/// What a requirement does to its package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// The package has to be there, as one of the candidates that are allowed.
    Demands,
    /// If something else demands the package, it has to be one of the candidates that are allowed.
    Limits,
}

/// Which candidates are the better ones, after the one that is preferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// The newest.
    #[default]
    Highest,
    /// The oldest.
    Lowest,
    /// The oldest of what the user demands, the newest of what only candidates demand.
    LowestDirect,
}

/// Why candidates must not be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What kind of reason, for programs.
    pub kind: ReasonKind,
    /// The reason for people, continuing "cannot be used:", without a full stop.
    pub text: String,
}

/// The kinds of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReasonKind {
    /// It is not there for a platform that is needed.
    NotOnPlatform,
    /// A policy does not accept it.
    Policy,
    /// It is too young.
    Cooldown,
    /// It is younger than the date as of which is solved.
    AfterDate,
    /// Its publisher took it back.
    Yanked,
    /// It is no longer maintained.
    EndOfLife,
    /// Something else takes its place.
    Superseded,
    /// The user holds another one.
    Held,
    /// It is announced as not final.
    Prerelease,
    /// None of these.
    Other,
}

impl ReasonKind {
    /// Returns the word for it in output for programs; it does not change.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotOnPlatform => "not-on-platform",
            Self::Policy => "policy",
            Self::Cooldown => "cooldown",
            Self::AfterDate => "after-date",
            Self::Yanked => "yanked",
            Self::EndOfLife => "end-of-life",
            Self::Superseded => "superseded",
            Self::Held => "held",
            Self::Prerelease => "prerelease",
            Self::Other => "other",
        }
    }
}

impl Problem {
    /// Returns the package; `None` for a number of no package.
    pub fn package(&self, id: PackageId) -> Option<&Package> {
        self.packages.get(id.0 as usize)
    }

    /// Returns the candidate; `None` for numbers of no candidate.
    pub fn candidate(&self, package: PackageId, candidate: CandidateId) -> Option<&Candidate> {
        self.package(package)?.candidates.get(candidate.0 as usize)
    }

    /// Returns the requirement of the user; `None` for a number of none.
    pub fn root(&self, id: RootId) -> Option<&Root> {
        self.roots.get(id.0 as usize)
    }

    /// Returns the reason; `None` for a number of none.
    pub fn reason(&self, id: ReasonId) -> Option<&Reason> {
        self.reasons.get(id.0 as usize)
    }

    /// Returns the packages with their numbers.
    pub fn packages(&self) -> impl Iterator<Item = (PackageId, &Package)> {
        (0..).map(PackageId).zip(&self.packages)
    }

    /// Returns what the user requires with its numbers.
    pub fn roots(&self) -> impl Iterator<Item = (RootId, &Root)> {
        (0..).map(RootId).zip(&self.roots)
    }

    /// Returns, for each package, which candidates could be chosen if there was nothing else: not refused, and as the user requires.
    pub(super) fn open(&self) -> PerPackage<CandidateSet> {
        let usable =
            |package: &Package| package.candidates().filter(|(_, it)| it.refused.is_none()).map(|(id, _)| id).collect();
        let mut open: PerPackage<CandidateSet> = PerPackage::of(self, usable);
        for root in &self.roots {
            open[root.package] = open[root.package].intersection(&root.allowed);
        }
        open
    }

    /// Checks that all numbers are of something, and that there is no more than can be counted.
    pub(super) fn check(&self) -> Result<(), SolveError> {
        let malformed = |what: String| Err(SolveError::Malformed(what));
        for (what, count) in
            [("packages", self.packages.len()), ("roots", self.roots.len()), ("reasons", self.reasons.len())]
        {
            if count > MAX_ENTRIES {
                return malformed(format!("{count} {what}, {MAX_ENTRIES} at most"));
            }
        }
        let is_known = |package: PackageId, allowed: &CandidateSet| {
            let count = self.package(package).map(Package::count);
            count.is_some_and(|count| allowed.last().is_none_or(|last| last.0 < count))
        };
        for package in &self.packages {
            let name = &package.name;
            if package.candidates.len() > MAX_CANDIDATES {
                return malformed(format!("{name}: {} candidates, {MAX_CANDIDATES} at most", package.candidates.len()));
            }
            if package.preferred.is_some_and(|preferred| preferred.0 >= package.count()) {
                return malformed(format!("{name}: the preferred candidate is none of its candidates"));
            }
            for candidate in &package.candidates {
                if candidate.refused.is_some_and(|reason| self.reason(reason).is_none()) {
                    return malformed(format!("{name} {}: refused for an unknown reason", candidate.label));
                }
                if candidate.requires.iter().any(|requires| !is_known(requires.package, &requires.allowed)) {
                    return malformed(format!("{name} {}: requires what is not there", candidate.label));
                }
            }
        }
        match self.roots.iter().find(|root| !is_known(root.package, &root.allowed)) {
            Some(root) => malformed(format!("the requirement {:?} is of what is not there", root.why)),
            None => Ok(()),
        }
    }
}

impl Package {
    /// Returns how many candidates it has.
    #[expect(clippy::cast_possible_truncation, reason = "`Problem::check` allows no more than MAX_CANDIDATES")]
    pub fn count(&self) -> u32 {
        self.candidates.len() as u32
    }

    /// Returns the candidates with their numbers.
    pub fn candidates(&self) -> impl Iterator<Item = (CandidateId, &Candidate)> {
        (0..).map(CandidateId).zip(&self.candidates)
    }
}
