//! What was found.

use std::path::PathBuf;

use oci::{Digest, Reference, Selector, annotation};
use resolve::bisect::session::{Event, Searched, Source, Subject};
use resolve::bisect::{ChangeSet, Contradiction, Finding, Session, Step};
use resolve::lock::{ImageChange, LockedImage};

use super::axis::{BAD_LOCK, GOOD_LOCK, read_lock};
use super::material::{lock_with, platform};
use super::place::Workshop;
use super::request::Axis;
use super::session_file::SessionFile;
use crate::context::Context;
use crate::diff::image::{Described, ImageDifference, describe, difference};
use crate::error::OpsError;

/// How a search stands.
#[derive(Clone, Debug)]
pub struct BisectReport {
    /// What the candidates are along.
    pub axis: Axis,
    /// The log.
    pub session: PathBuf,
    /// How many candidates, or changes, are searched.
    pub candidates: usize,
    /// How many candidates, or sets of changes, have a verdict.
    pub tests: usize,
    /// How often the command was run for the session.
    pub runs: usize,
    /// How many verdicts were known from earlier sessions.
    pub known: usize,
    /// How many rounds were made just now.
    pub rounds: usize,
    /// What was found.
    pub found: Found,
    /// What should be known.
    pub warnings: Vec<String>,
}

/// What was found.
#[derive(Clone, Debug)]
pub enum Found {
    /// Nothing yet: these are to be tested, any or all of them.
    Testing(Vec<Entry>),
    /// What broke it.
    FirstBad {
        /// The last one that is good.
        last_good: Box<Side>,
        /// The one after it, which is bad.
        first_bad: Box<Side>,
        /// What is different between both images.
        difference: Option<ImageDifference>,
        /// What is different between both locks.
        moves: Vec<ImageMove>,
        /// The command that goes on in the sources, where both images tell the revision that they were built from.
        sources: Option<String>,
        /// The words of the command that searches deeper.
        descend: Option<Vec<String>>,
    },
    /// One of several that cannot be tested.
    Suspects {
        /// The last one that is known to be good.
        last_good: Box<Side>,
        /// Those of which one broke it, the last of them known to be bad.
        suspects: Vec<Entry>,
    },
    /// It broke more than once, or was mended between.
    NotMonotone {
        /// A bad one.
        bad: Entry,
        /// A good one after it.
        good: Entry,
    },
    /// The changes that break it together.
    Minimal {
        /// The changes.
        moves: Vec<ImageMove>,
        /// The smaller sets that could not be tested, by the names of their images.
        untested: Vec<Vec<String>>,
        /// The words of the command that searches deeper.
        descend: Option<Vec<String>>,
    },
    /// The ends are not what they were said to be.
    Contradiction {
        /// What is wrong.
        what: Contradiction,
        /// What the end is called.
        end: String,
    },
}

/// A candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is called.
    pub label: String,
    /// Where it is.
    pub reference: String,
}

/// A candidate beside the place where it broke.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// What it is called.
    pub label: String,
    /// Where it is, with its digest; for a lock, the commit.
    pub reference: String,
    /// What an image's reference names.
    pub digest: Option<Digest>,
    /// The version, as the image tells.
    pub version: Option<String>,
    /// When it was made, as the image tells.
    pub created: Option<String>,
    /// The revision of the source, as the image tells.
    pub revision: Option<String>,
    /// Where the source is, as the image tells.
    pub source: Option<String>,
}

/// An image of a lock that is not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageMove {
    /// Its name.
    pub name: String,
    /// What it was, as a version and a reference with a digest.
    pub from: Option<(String, String)>,
    /// What it is.
    pub to: Option<(String, String)>,
}

/// Tells how a session stands.
pub(super) async fn report(
    context: &Context,
    workshop: &Workshop,
    file: &SessionFile,
    rounds: usize,
) -> Result<BisectReport, OpsError> {
    let session = &file.session;
    let axis = Axis::of(&session.start().axis).unwrap_or(Axis::Tags);
    let (Searched::Line { candidates } | Searched::Changes { changes: candidates, .. }) = &session.start().search;
    let entry = |number: usize| match session.candidate(number) {
        Some(candidate) => Entry { label: candidate.label.clone(), reference: candidate.reference.clone() },
        None => Entry { label: number.to_string(), reference: String::new() },
    };
    let mut warnings = Vec::new();
    let found = match session.step(session.start().jobs) {
        Step::Test(round) => {
            let mut subjects: Vec<Subject> = round.test.into_iter().map(|run| run.test).collect();
            subjects.dedup();
            let of = |subject: &Subject| match subject {
                Subject::Candidate(number) => Ok(entry(*number)),
                // Whoever is to test it needs the lock.
                Subject::Changes(changes) => Ok(Entry {
                    label: session.label(subject),
                    reference: lock_with(workshop, session, changes)?.to_string_lossy().into_owned(),
                }),
            };
            Found::Testing(subjects.iter().map(of).collect::<Result<_, OpsError>>()?)
        }
        Step::Done(Finding::FirstBad { last_good, first_bad }) => {
            let ends = (entry(last_good), entry(first_bad));
            let locks = [last_good, first_bad].map(|number| {
                session.candidate(number).map(|candidate| workshop.lock_of_key(&candidate.key)).unwrap_or_default()
            });
            Place { context, workshop, axis, command: &session.start().command }
                .first_bad(ends, locks, &mut warnings)
                .await?
        }
        Step::Done(Finding::Suspects { last_good, first_bad }) => Found::Suspects {
            last_good: Box::new(Side::of(entry(last_good))),
            suspects: (last_good + 1..=first_bad).map(entry).collect(),
        },
        Step::Done(Finding::NotMonotone { bad, good }) => Found::NotMonotone { bad: entry(bad), good: entry(good) },
        Step::Done(Finding::Minimal { changes, untested }) => {
            let names = |set: &ChangeSet| set.iter().map(|&number| entry(number).label).collect();
            let untested = untested.iter().map(names).collect();
            Place { context, workshop, axis, command: &session.start().command }.minimal(&changes, untested)?
        }
        Step::Done(Finding::Contradiction(what)) => Found::Contradiction { what, end: end_of(session, what) },
    };
    let is_known = |event: &&Event| matches!(event, Event::Verdict { source: Source::Cache, .. });
    Ok(BisectReport {
        axis,
        session: file.path().to_owned(),
        candidates: candidates.len(),
        tests: session.tested(),
        runs: session.runs(),
        known: session.events().iter().filter(is_known).count(),
        rounds,
        found,
        warnings,
    })
}

/// Returns what the end is called that is not what it was said to be.
fn end_of(session: &Session, what: Contradiction) -> String {
    let bad = what == Contradiction::BadEndIsGood;
    match &session.start().search {
        Searched::Line { candidates } => {
            session.label(&Subject::Candidate(if bad { candidates.len().saturating_sub(1) } else { 0 }))
        }
        Searched::Changes { .. } if bad => "the lock with every change".to_owned(),
        Searched::Changes { .. } => "the lock without any change".to_owned(),
    }
}

/// What has to be known to tell what broke it.
struct Place<'a> {
    context: &'a Context,
    workshop: &'a Workshop,
    axis: Axis,
    command: &'a [String],
}

impl Place<'_> {
    async fn first_bad(
        &self,
        (good, bad): (Entry, Entry),
        [good_lock, bad_lock]: [PathBuf; 2],
        warnings: &mut Vec<String>,
    ) -> Result<Found, OpsError> {
        let (mut last_good, mut first_bad) = (Side::of(good), Side::of(bad));
        if self.axis == Axis::Locks {
            let moves = read_lock(&good_lock)?.difference(&read_lock(&bad_lock)?).images;
            let moves: Vec<ImageMove> = moves.iter().map(ImageMove::of).collect();
            let descend = (moves.len() > 1).then(|| self.deeper("changes", &last_good.reference, &first_bad.reference));
            let (last_good, first_bad) = (Box::new(last_good), Box::new(first_bad));
            return Ok(Found::FirstBad { last_good, first_bad, difference: None, moves, sources: None, descend });
        }
        // What was found does not depend on what can be told about it.
        let difference = match self.compare(&mut last_good, &mut first_bad).await {
            Ok(difference) => Some(difference),
            Err(error) => {
                warnings.push(format!("cannot tell what is different between both: {error}"));
                None
            }
        };
        let several = difference.as_ref().is_none_or(ImageDifference::is_divisible);
        let descend = (self.axis != Axis::Layers && several)
            .then(|| self.deeper("layers", &last_good.reference, &first_bad.reference));
        let sources = last_good.sources_until(&first_bad);
        let (last_good, first_bad) = (Box::new(last_good), Box::new(first_bad));
        Ok(Found::FirstBad { last_good, first_bad, difference, moves: Vec::new(), sources, descend })
    }

    async fn compare(&self, good: &mut Side, bad: &mut Side) -> Result<ImageDifference, OpsError> {
        let platform = platform(self.workshop)?.filter(|_| self.axis != Axis::Layers);
        let references = (good.reference.parse()?, bad.reference.parse()?);
        let (one, other) = futures_util::future::join(
            describe(self.context, &references.0, platform.as_ref()),
            describe(self.context, &references.1, platform.as_ref()),
        )
        .await;
        let (one, other) = (one?, other?);
        good.tell(&one);
        bad.tell(&other);
        Ok(difference(&one, &other))
    }

    fn minimal(&self, changes: &ChangeSet, untested: Vec<Vec<String>>) -> Result<Found, OpsError> {
        let good = read_lock(&self.workshop.lock_of(GOOD_LOCK))?;
        let bad = read_lock(&self.workshop.lock_of(BAD_LOCK))?;
        let all = good.difference(&bad).images;
        let moves: Vec<ImageMove> = changes.iter().filter_map(|&number| all.get(number)).map(ImageMove::of).collect();
        // A single image that moved may have had versions between.
        let descend = match &moves[..] {
            [ImageMove { from: Some((_, from)), to: Some((_, to)), .. }] if tag_of(from) != tag_of(to) => {
                Some(self.deeper("tags", &tag_of(from), &tag_of(to)))
            }
            _ => None,
        };
        Ok(Found::Minimal { moves, untested, descend })
    }

    fn deeper(&self, axis: &str, good: &str, bad: &str) -> Vec<String> {
        let mut words: Vec<String> =
            ["supercargo", "bisect", "run", "--over", axis, "--good", good, "--bad", bad].map(str::to_owned).to_vec();
        if let Ok(Some(platform)) = platform(self.workshop) {
            words.extend(["--platform".to_owned(), platform.to_string()]);
        }
        words.push("--".to_owned());
        match self.command {
            [] => words.push("COMMAND".to_owned()),
            command => words.extend(command.iter().cloned()),
        }
        words
    }
}

/// Returns a reference without its digest, where it has a tag.
fn tag_of(reference: &str) -> String {
    match reference.parse::<Reference>() {
        Ok(parsed) if parsed.selector().tag.is_some() => {
            let selector = Selector { digest: None, ..parsed.selector() };
            parsed.with_selector(selector).to_string()
        }
        _ => reference.to_owned(),
    }
}

impl Side {
    fn of(entry: Entry) -> Self {
        let digest = entry.reference.rsplit_once('@').and_then(|(_, digest)| digest.parse().ok());
        Self { label: entry.label, reference: entry.reference, digest, ..Self::default() }
    }

    /// Returns the command that searches among the revisions of the source. What an image says is not to be trusted: it makes
    /// no command unless it looks like a revision.
    fn sources_until(&self, bad: &Self) -> Option<String> {
        let is_plain = |text: &&String| {
            text.starts_with(|first: char| first.is_ascii_alphanumeric())
                && text.chars().all(|character| character.is_ascii_alphanumeric() || "._-/".contains(character))
        };
        let (good, bad) = (self.revision.as_ref().filter(is_plain)?, bad.revision.as_ref().filter(is_plain)?);
        (good != bad).then(|| format!("git bisect start {bad} {good}"))
    }

    fn tell(&mut self, image: &Described) {
        self.version = image.fact(annotation::VERSION);
        self.created = image.fact(annotation::CREATED);
        self.revision = image.fact(annotation::REVISION);
        self.source = image.fact(annotation::SOURCE);
    }
}

impl ImageDifference {
    /// Tells whether a search among the layers could find out more.
    fn is_divisible(&self) -> bool {
        self.added.len().max(self.removed.len()) + usize::from(!self.settings.is_empty()) > 1
    }
}

impl ImageMove {
    fn of(change: &ImageChange) -> Self {
        let (from, to) = super::axis::sides(&change.change);
        let side = |image: &LockedImage| {
            (image.version.clone(), format!("{}:{}@{}", image.repository, image.tag, image.digest))
        };
        Self { name: change.name.clone(), from: from.map(side), to: to.map(side) }
    }
}
