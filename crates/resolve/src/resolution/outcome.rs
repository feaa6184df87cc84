//! What a resolution has come to.

use std::collections::BTreeMap;
use std::fmt;

use super::declared::{Declared, declared};
use super::problem::Built;
use super::provided::{Provided, provided};
use super::{Facts, Question, Resolution};
use crate::candidates::Candidate;
use crate::project::{Image, Needed};
use crate::requirement::Requirement;
use crate::solve::{CandidateId, ChosenBecause, PackageId, Problem, Solution, Standing, candidates};

/// A version of every image.
#[derive(Debug)]
pub struct Outcome {
    /// What was chosen, by the names of the images. An optional image without a solution is not among them.
    pub chosen: BTreeMap<String, Chosen>,
    /// What should be known about it.
    pub warnings: Vec<Warning>,
    built: Built,
    solution: Solution,
}

/// What was chosen of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The candidate.
    pub candidate: Candidate,
    /// Whether it is the locked one, which stays as it is.
    pub is_kept: bool,
    /// Why it was chosen: `highest`, `lowest`, `locked`, `precise`, `follows:NAME`, `forced-by:NAME`.
    pub because: String,
    /// What it needs of other images, as `NAME REQUIREMENT`.
    pub requires: Vec<String>,
    /// What of that its publisher declares.
    pub declared: Vec<String>,
    /// What of other images it does not go with, as `NAME REQUIREMENT`; its publisher declares that.
    pub conflicts: Vec<String>,
    /// What is known of it. Nothing was asked about one that is kept.
    pub facts: Option<Facts>,
}

/// Something that should be known about an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The image.
    pub image: String,
    /// What there is to know.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.image, self.text)
    }
}

impl Outcome {
    pub(super) fn of(resolution: &Resolution, built: Built, solution: Solution) -> Self {
        let mut chosen = BTreeMap::new();
        for choice in solution.choices() {
            let Some(name) = built.names.get(choice.package.0 as usize) else { continue };
            let Some(candidate) = resolution.candidates[name].versions.get(choice.candidate.0 as usize) else {
                continue;
            };
            let is_kept = built.is_kept(choice.package, choice.candidate);
            let question = Question { image: name.clone(), tag: candidate.tag.clone() };
            let (declared, conflicts) = declarations(resolution, &question, candidate);
            let entry = Chosen {
                candidate: candidate.clone(),
                is_kept,
                because: because(resolution, &built, name, choice.because, is_kept),
                requires: requires(resolution, name, candidate, &declared),
                declared,
                conflicts,
                facts: resolution.facts.get(&question).cloned(),
            };
            chosen.insert(name.clone(), entry);
        }
        let mut outcome = Self { chosen, warnings: Vec::new(), built, solution };
        outcome.warnings = outcome.warn(resolution);
        outcome
    }

    /// Returns the problem that was solved.
    pub const fn problem(&self) -> &Problem {
        &self.built.problem
    }

    /// Returns every candidate of an image and how it stands, the oldest first.
    pub fn standings(&self, name: &str) -> Vec<(CandidateId, Standing)> {
        let package = self.built.package(name);
        package.map(|package| candidates(&self.built.problem, &self.solution, package)).unwrap_or_default()
    }

    /// Returns the name of the image of a package.
    pub fn name(&self, package: PackageId) -> &str {
        self.built.names.get(package.0 as usize).map_or("", String::as_str)
    }

    fn warn(&self, resolution: &Resolution) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let mut warn = |image: &str, text: String| warnings.push(Warning { image: image.to_owned(), text });
        for name in resolution.project.images.keys().filter(|name| !self.chosen.contains_key(*name)) {
            warn(name, "has no solution, and the others are locked without it".to_owned());
        }
        for (name, chosen) in &self.chosen {
            let version = &chosen.candidate.version;
            if let Some(other) = self.superseded_by(&resolution.project, name) {
                warn(name, format!("{version} is superseded by {other}"));
            }
            let Some(facts) = &chosen.facts else { continue };
            if facts.yanked.is_some() {
                warn(name, format!("{version} was withdrawn"));
            }
            if facts.end_of_life.is_some_and(|end| end <= resolution.options.moment()) {
                warn(name, format!("{version} is no longer supported"));
            }
            for what in &facts.unreadable {
                warn(name, format!("{version}: {what}"));
            }
            for (repository, requirement) in &facts.requires {
                let mut images = resolution.project.images.values().filter(|image| image.repository == *repository);
                let is_unread = |image: &Image| Requirement::parse(requirement, &image.scheme).is_err();
                match images.next() {
                    None => {
                        let what = format!("{repository} {requirement}");
                        match provided(&resolution.project, &self.chosen, name, repository, requirement) {
                            Provided::AsNeeded => {}
                            Provided::Otherwise(other, found) => {
                                warn(
                                    name,
                                    format!("{version} needs {what}, and `{other}` stands in for {found} of it"),
                                );
                            }
                            Provided::ByNone => {
                                warn(name, format!("{version} needs {what}, which is not part of the project"));
                            }
                        }
                    }
                    Some(image) if is_unread(image) || images.any(is_unread) => {
                        warn(name, format!("{version} needs {repository} `{requirement}`, which cannot be read"));
                    }
                    Some(_) => {}
                }
            }
        }
        warnings
    }
}

fn because(resolution: &Resolution, built: &Built, name: &str, because: ChosenBecause, is_kept: bool) -> String {
    if resolution.options.precise.contains_key(name) {
        return "precise".to_owned();
    }
    if is_kept {
        return "locked".to_owned();
    }
    if let Some(followed) = &resolution.project.images[name].follows {
        return format!("follows:{followed}");
    }
    match because {
        ChosenBecause::Preferred => "locked".to_owned(),
        ChosenBecause::Highest => "highest".to_owned(),
        ChosenBecause::Lowest => "lowest".to_owned(),
        ChosenBecause::Forced { by } => {
            format!("forced-by:{}", built.names.get(by.0 as usize).map_or("", String::as_str))
        }
    }
}

/// Returns what a candidate needs of other images of the project.
fn requires(resolution: &Resolution, name: &str, candidate: &Candidate, declared: &[String]) -> Vec<String> {
    let project = &resolution.project;
    let same = || Requirement::exactly(&candidate.version).to_string();
    let mut needs: Vec<String> = Vec::new();
    if let Some(followed) = &project.images[name].follows {
        needs.push(format!("{followed} {}", same()));
    }
    for edge in project.edges.iter().filter(|edge| edge.image == name && edge.version.matches(&candidate.version)) {
        for (other, needed) in &edge.requires {
            let needed = match needed {
                Needed::Same => same(),
                Needed::Version(requirement) => requirement.to_string(),
            };
            needs.push(format!("{other} {needed}"));
        }
    }
    needs.extend_from_slice(declared);
    needs.sort();
    needs.dedup();
    needs
}

/// Returns what the publisher of a candidate declares: what it needs, and what it does not go with.
fn declarations(resolution: &Resolution, question: &Question, candidate: &Candidate) -> (Vec<String>, Vec<String>) {
    let Some(facts) = resolution.facts.get(question) else { return Default::default() };
    let declared = declared(&resolution.project, &question.image, &candidate.version, facts);
    let lines = |is_conflict: bool| {
        let mut lines: Vec<String> =
            declared.iter().filter(|one| one.is_conflict == is_conflict).map(Declared::locked).collect();
        lines.sort();
        lines.dedup();
        lines
    };
    (lines(false), lines(true))
}
