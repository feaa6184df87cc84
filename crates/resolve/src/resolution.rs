//! From a project, its old lock and the tags of repositories to a version of every image. Sans-I/O: it says what it needs to
//! know next and is told.
//!
//! ```text
//!  project ─┐            ┌────────────── facts of those that were chosen ◀─┐
//!  old lock ┼─▶ problem ─┴▶ solve ─▶ chosen ─▶ is everything known of them? ┤
//!  tags ────┘                                                              └▶ outcome
//! ```
//!
//! What a tag does not show (when it was made, for which platforms, whether it was withdrawn, what it needs of others) is asked
//! only of candidates that would be chosen. A candidate of which nothing is known is taken to be good. So the first solution in
//! which everything is known is the best one there is, and a contradiction found on the way rests on facts alone.

mod declared;
mod outcome;
mod problem;
mod provided;
mod superseded;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use oci::{Platform, RegistryReference, Tag};

use crate::candidates::{Candidate, Candidates};
use crate::lock::{Lock, TimeSource};
use crate::project::{Image, Project};
use crate::solve::{CandidateId, Explanation, PackageId, Problem, Solution, SolveError, Strategy};
use crate::value::Value;

pub use outcome::{Chosen, Outcome, Warning};
use problem::Built;

/// Most rounds of questions. Every round tells something new of a candidate, so this bounds the work, not the answer.
const ROUNDS_MAX: usize = 10_000;
/// Most candidates of one image that are asked about at once.
const ASKED_AT_ONCE_MAX: usize = 64;

/// What is wanted of a resolution.
#[derive(Clone, Debug, Default)]
pub struct ResolutionOptions {
    /// Which locked images may move.
    pub update: Update,
    /// Versions that are to be taken, by the names of the images.
    pub precise: BTreeMap<String, String>,
    /// Images whose requirement does not count: the newest there is, is wanted.
    pub unbounded: BTreeSet<String>,
    /// The time, in seconds since 1970.
    pub now: i64,
    /// Nothing that was made after this time is taken, in seconds since 1970.
    pub as_of: Option<i64>,
    /// Which candidates are better.
    pub strategy: Strategy,
}

impl ResolutionOptions {
    /// Returns the time that is looked at, in seconds since 1970: the date, or now.
    pub fn moment(&self) -> i64 {
        self.as_of.unwrap_or(self.now)
    }
}

/// Which locked images may move.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Update {
    /// Those that must.
    #[default]
    Needed,
    /// All.
    All,
    /// These, and what they need.
    Names(BTreeSet<String>),
}

/// What is known of a candidate beyond its tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The platforms that it is there for; `None` where it does not say.
    pub platforms: Option<Vec<Platform>>,
    /// When it was made, in seconds since 1970, and who says so.
    pub created: Option<(i64, TimeSource)>,
    /// When its tag was first seen to name it, as far as it was seen by the time that is looked at, in seconds since 1970.
    pub seen: Option<i64>,
    /// Why it was withdrawn, if it was.
    pub yanked: Option<String>,
    /// When it is no longer supported, in seconds since 1970.
    pub end_of_life: Option<i64>,
    /// What takes its place.
    pub superseded_by: Option<String>,
    /// The repository whose place its own takes, as its publisher says.
    pub supersedes: Option<RegistryReference>,
    /// What it needs of others: a repository and the text of a requirement.
    pub requires: Vec<(RegistryReference, String)>,
    /// What of others it does not go with, in the same form.
    pub conflicts: Vec<(RegistryReference, String)>,
    /// What it stands in for, in the same form: `=VERSION`, or `*` for its own version.
    pub provides: Vec<(RegistryReference, String)>,
    /// Why a rule of the project does not accept it.
    pub unaccepted: Option<String>,
    /// What of all that cannot be read, each in a sentence.
    pub unreadable: Vec<String>,
    /// Why it cannot be taken at all: its tag is gone, or its manifest.
    pub unusable: Option<String>,
}

/// A question: what is known of a candidate of an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// The name of the image.
    pub image: String,
    /// The tag of the candidate.
    pub tag: Tag,
}

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// These are to be answered with [`Resolution::answer`], in any order.
    Ask(Vec<Question>),
    /// Everything is decided.
    Done(Box<Outcome>),
}

/// A resolution under way.
#[derive(Debug)]
pub struct Resolution {
    project: Arc<Project>,
    lock: Arc<Lock>,
    options: ResolutionOptions,
    candidates: BTreeMap<String, Candidates>,
    facts: BTreeMap<Question, Facts>,
    /// The problem of all images as the step before left it, and what was answered since.
    built: Option<Built>,
    answered: BTreeSet<Question>,
    rounds: usize,
}

/// Why there is no resolution.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolutionError {
    /// An image has no version at all.
    #[error("`{image}` has no versions among the {tags} tags of {repository}{}", .variant.as_ref().map(|variant| format!(" with the variant `{variant}`")).unwrap_or_default())]
    NoVersions {
        /// Its name.
        image: String,
        /// Its repository.
        repository: Box<RegistryReference>,
        /// The variant that is wanted.
        variant: Option<String>,
        /// How many tags there are.
        tags: usize,
        /// What versions there are of.
        tracks: Vec<String>,
    },
    /// A version that is to be taken is not there.
    #[error("`{image}` has no version {version}")]
    NoSuchVersion {
        /// The name of the image.
        image: String,
        /// The version.
        version: String,
        /// Versions near it.
        near: Vec<String>,
    },
    /// What is wanted contradicts itself or what there is.
    #[error("no solution for `{image}`")]
    NoSolution {
        /// The image that has none.
        image: String,
        /// The reasons, one after the other, each with the image of the project whose requirement it repeats.
        lines: Vec<(String, Option<String>)>,
        /// The proof.
        explanation: Box<Explanation>,
        /// What it is a proof about.
        problem: Box<Problem>,
    },
    /// It would take too long.
    #[error("{0}")]
    TooMuchWork(String),
}

impl Resolution {
    /// Begins a resolution. The tags of every image that [`Resolution::images`] returns are to be given before the first step.
    pub fn new(project: Arc<Project>, lock: Arc<Lock>, options: ResolutionOptions) -> Self {
        Self {
            project,
            lock,
            options,
            candidates: BTreeMap::new(),
            facts: BTreeMap::new(),
            built: None,
            answered: BTreeSet::new(),
            rounds: 0,
        }
    }

    /// Returns the images whose tags are needed.
    pub fn images(&self) -> impl Iterator<Item = (&str, &Image)> {
        self.project.images.iter().map(|(name, image)| (name.as_str(), image))
    }

    /// Tells which tags the repository of an image has.
    ///
    /// # Errors
    /// [`ResolutionError::NoVersions`] when none of them is a version of the image, unless it is optional or locked.
    pub fn tags(&mut self, name: &str, tags: &[Tag]) -> Result<(), ResolutionError> {
        let Some(image) = self.project.images.get(name) else { return Ok(()) };
        let mut candidates = Candidates::of(image, tags);
        self.add_locked(name, image, &mut candidates);
        if candidates.versions.is_empty() && !image.optional {
            return Err(ResolutionError::NoVersions {
                image: name.to_owned(),
                repository: Box::new(image.repository.clone()),
                variant: image.variant.clone(),
                tags: tags.len(),
                tracks: candidates.tracks.iter().map(ToString::to_string).collect(),
            });
        }
        self.candidates.insert(name.to_owned(), candidates);
        self.built = None;
        Ok(())
    }

    /// Adds the locked version, if its tag is gone: what is locked is known by its digest.
    fn add_locked(&self, name: &str, image: &Image, candidates: &mut Candidates) {
        let Some((locked, version)) = self.kept(name, image) else { return };
        if candidates.versions.iter().any(|candidate| candidate.version == version) {
            return;
        }
        let place = candidates.versions.partition_point(|candidate| candidate.version < version);
        let candidate = Candidate {
            tag: locked.tag.clone(),
            also: Vec::new(),
            version,
            axes: BTreeMap::new(),
            track: locked.track.clone(),
            is_floating: locked.floating,
        };
        candidates.versions.insert(place, candidate);
    }

    /// Returns the locked entry of an image, if it may stay and is still wanted.
    fn kept(&self, name: &str, image: &Image) -> Option<(&crate::lock::LockedImage, Value)> {
        let may_stay = image.hold
            || match &self.options.update {
                Update::Needed => true,
                Update::All => false,
                Update::Names(names) => !names.contains(name),
            };
        if !may_stay || self.options.as_of.is_some() || self.options.precise.contains_key(name) {
            return None;
        }
        let locked = self.lock.images.get(name)?;
        let version = self.lock.admits(&self.project, name)?;
        Some((locked, version))
    }

    /// Returns the versions of an image; `None` before its tags are known.
    pub fn candidates(&self, name: &str) -> Option<&Candidates> {
        self.candidates.get(name)
    }

    /// Returns what is known of a candidate.
    pub fn facts(&self, question: &Question) -> Option<&Facts> {
        self.facts.get(question)
    }

    /// Answers a question. The first answer counts.
    pub fn answer(&mut self, question: Question, facts: Facts) {
        if !self.facts.contains_key(&question) {
            self.answered.insert(question.clone());
            self.facts.insert(question, facts);
        }
    }

    /// Returns what comes next.
    ///
    /// # Errors
    /// [`ResolutionError`].
    pub fn step(&mut self) -> Result<Step, ResolutionError> {
        self.rounds += 1;
        if self.rounds > ROUNDS_MAX {
            return Err(ResolutionError::TooMuchWork(format!("gave up after {ROUNDS_MAX} rounds of questions")));
        }
        let (built, solution) = self.solve()?;
        let mut questions = BTreeSet::new();
        for choice in solution.choices() {
            questions.extend(self.questions(&built, choice.package, choice.candidate));
        }
        if !questions.is_empty() {
            self.built = Some(built).filter(|built| built.names.len() == self.candidates.len());
            return Ok(Step::Ask(questions.into_iter().collect()));
        }
        Ok(Step::Done(Box::new(Outcome::of(self, built, solution))))
    }

    /// Solves with every image, or without those optional ones that have no solution.
    fn solve(&mut self) -> Result<(Built, Solution), ResolutionError> {
        let (before, answered) = (self.built.take(), std::mem::take(&mut self.answered));
        let all: BTreeSet<&str> = self.candidates.keys().map(String::as_str).collect();
        let built = match before {
            Some(mut built) => {
                built.learn(self, answered.iter());
                built
            }
            None => Built::of(self, &all)?,
        };
        let (built, error) = match Self::try_solve(built)? {
            (built, Ok(solution)) => return Ok((built, solution)),
            (built, Err(error)) => (built, error),
        };
        let optional: Vec<&str> = all.iter().copied().filter(|name| self.project.images[*name].optional).collect();
        if optional.is_empty() {
            return Err(built.error(self, error));
        }
        // First those that cannot be left out, then the others as long as they go with what is there.
        let mut wanted: BTreeSet<&str> = all.iter().copied().filter(|name| !optional.contains(name)).collect();
        let mut best = match Self::try_solve(Built::of(self, &wanted)?)? {
            (built, Ok(solution)) => (built, solution),
            (built, Err(error)) => return Err(built.error(self, error)),
        };
        for name in optional {
            wanted.insert(name);
            match Self::try_solve(Built::of(self, &wanted)?)? {
                (built, Ok(solution)) => best = (built, solution),
                (_, Err(_)) => {
                    wanted.remove(name);
                }
            }
        }
        Ok(best)
    }

    fn try_solve(built: Built) -> Result<(Built, Result<Solution, Explanation>), ResolutionError> {
        match crate::solve::solve(&built.problem) {
            Ok(solution) => Ok((built, Ok(solution))),
            Err(SolveError::NoSolution(explanation)) => Ok((built, Err(explanation))),
            Err(error) => Err(ResolutionError::TooMuchWork(error.to_string())),
        }
    }

    /// Returns what has to be asked before a candidate can be chosen: of itself and, where others before it were no good, of those
    /// that may come next.
    fn questions(&self, built: &Built, package: PackageId, candidate: CandidateId) -> Vec<Question> {
        let Some(name) = built.names.get(package.0 as usize) else { return Vec::new() };
        if built.is_kept(package, candidate) {
            return Vec::new();
        }
        let question = |id: CandidateId| {
            let candidate = self.candidates.get(name)?.versions.get(id.0 as usize)?;
            Some(Question { image: name.clone(), tag: candidate.tag.clone() })
        };
        let is_known = |question: &Question| self.facts.contains_key(question);
        let Some(first) = question(candidate).filter(|question| !is_known(question)) else { return Vec::new() };
        // As many as were asked about in vain: so few that were not needed, and few rounds.
        let in_vain = self.facts.keys().filter(|known| known.image == *name).count();
        let more = in_vain.min(ASKED_AT_ONCE_MAX);
        let open = built.open(package);
        let lower = open.iter().rev().filter(|id| *id < candidate).filter_map(question).filter(|next| !is_known(next));
        std::iter::once(first).chain(lower.take(more)).collect()
    }
}
