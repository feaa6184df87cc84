//! What is known, as a problem for the solver.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use oci::Platform;

use super::declared::{self, Declared};
use super::{Facts, Question, Resolution, ResolutionError, Update};
use crate::candidates::Candidate;
use crate::duration;
use crate::project::{Image, Marked, Needed, Prerelease};
use crate::requirement::Requirement;
use crate::solve::{
    CandidateId, CandidateSet, Effect, Explanation, Package, PackageId, Problem, Reason, ReasonId, ReasonKind,
    Requires, Root,
};

/// Most versions that are shown beside one that is not there.
const NEAR_MAX: usize = 3;

/// A problem and what its numbers mean.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) problem: Problem,
    /// The images by the numbers of their packages.
    pub(super) names: Vec<String>,
    /// The candidates that are kept as they are locked.
    kept: BTreeMap<PackageId, CandidateId>,
    reasons: Reasons,
}

impl Built {
    /// Builds the problem of some images, with everything that is known of their candidates.
    pub(super) fn of(resolution: &Resolution, wanted: &BTreeSet<&str>) -> Result<Self, ResolutionError> {
        let names: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let mut built = Self {
            problem: Problem { strategy: resolution.options.strategy, ..Problem::default() },
            names,
            kept: BTreeMap::new(),
            reasons: Reasons::default(),
        };
        for number in 0..built.names.len() {
            built.add_package(resolution, number)?;
        }
        built.add_edges(resolution);
        built.learn(resolution, resolution.facts.keys());
        Ok(built)
    }

    /// Takes in what is known of candidates. What was taken in before must not be given again.
    pub(super) fn learn<'a>(&mut self, resolution: &'a Resolution, known: impl Iterator<Item = &'a Question>) {
        for question in known {
            let Some(package) = self.package(&question.image) else { continue };
            let (image, facts) = (&resolution.project.images[&question.image], &resolution.facts[question]);
            let versions = &resolution.candidates[&question.image].versions;
            let Some(place) = versions.iter().position(|candidate| candidate.tag == question.tag) else { continue };
            let candidate = CandidateId(u32::try_from(place).unwrap_or(u32::MAX));
            if !self.is_kept(package, candidate)
                && let Some(reason) = refuse(resolution, image, facts)
            {
                self.refuse(package, candidate, reason);
            }
            let declared = declared::declared(&resolution.project, &question.image, &versions[place].version, facts);
            self.declare(resolution, package, place, &declared);
        }
    }

    /// Adds what the publisher of a candidate declares.
    fn declare(&mut self, resolution: &Resolution, package: PackageId, place: usize, declared: &[Declared]) {
        for declared in declared {
            // A tag that moves is not known to be what a publisher excludes.
            let allows = |it: &Candidate| {
                if declared.is_conflict { declared.allows(&it.version) } else { is_wanted(&declared.requirement, it) }
            };
            if let Some((other, allowed)) = self.allowed(resolution, &declared.other, allows) {
                // What excludes another image does not need it.
                let effect = if declared.is_conflict { Effect::Limits } else { Effect::Demands };
                self.require(resolution, (package, place), other, (allowed, effect), &Arc::from(declared.why()));
            }
        }
    }

    /// Refuses a candidate, unless there is a reason against it already.
    fn refuse(&mut self, package: PackageId, candidate: CandidateId, reason: Reason) {
        let number = self.reasons.number(&mut self.problem.reasons, reason);
        let package = self.problem.packages.get_mut(package.0 as usize);
        if let Some(candidate) = package.and_then(|package| package.candidates.get_mut(candidate.0 as usize)) {
            candidate.refused.get_or_insert(number);
        }
    }

    /// Tells whether a candidate is the one that is locked and stays.
    pub(super) fn is_kept(&self, package: PackageId, candidate: CandidateId) -> bool {
        self.kept.get(&package) == Some(&candidate)
    }

    /// Returns the candidates that the requirements of the project and the reasons against them leave.
    pub(super) fn open(&self, package: PackageId) -> CandidateSet {
        let Some(found) = self.problem.package(package) else { return CandidateSet::none() };
        let usable =
            found.candidates().filter(|(_, candidate)| candidate.refused.is_none()).map(|(id, _)| id).collect();
        let roots = self.problem.roots.iter().filter(|root| root.package == package);
        roots.fold(usable, |open: CandidateSet, root| open.intersection(&root.allowed))
    }

    /// Returns the number of an image's package.
    pub(super) fn package(&self, name: &str) -> Option<PackageId> {
        let place = self.names.binary_search_by(|known| known.as_str().cmp(name)).ok()?;
        u32::try_from(place).ok().map(PackageId)
    }

    /// Returns the error for a problem without a solution.
    pub(super) fn error(self, resolution: &Resolution, explanation: Explanation) -> ResolutionError {
        let lines = explanation.lines(&self.problem);
        let image_of = |root: crate::solve::RootId| {
            let package = self.problem.root(root)?.package;
            self.names.get(package.0 as usize).cloned()
        };
        let lines: Vec<(String, Option<String>)> =
            lines.into_iter().map(|line| (line.text, line.root.and_then(image_of))).collect();
        let image = lines.iter().find_map(|(_, image)| image.clone());
        let image = image.or_else(|| resolution.candidates.keys().next().cloned()).unwrap_or_default();
        ResolutionError::NoSolution {
            image,
            lines,
            explanation: Box::new(explanation),
            problem: Box::new(self.problem),
        }
    }

    fn add_package(&mut self, resolution: &Resolution, number: usize) -> Result<(), ResolutionError> {
        let name = self.names[number].clone();
        // Both are there: the names are those of the candidates, which are of images of the project.
        let (image, candidates) = (&resolution.project.images[&name], &resolution.candidates[&name].versions);
        let id = PackageId(u32::try_from(number).unwrap_or(u32::MAX));
        let count = u32::try_from(candidates.len()).unwrap_or(u32::MAX);
        let set = |is_in: &dyn Fn(&Candidate) -> bool| {
            CandidateSet::matching(count, |id| candidates.get(id.0 as usize).is_some_and(is_in))
        };
        let kept = resolution
            .kept(&name, image)
            .and_then(|(_, version)| set(&|candidate| candidate.version == version).first());
        let is_unbounded = resolution.options.unbounded.contains(&name);
        let wanted = if is_unbounded {
            CandidateSet::all(count)
        } else {
            set(&|candidate| is_wanted(&image.version, candidate))
        };
        let mode = image.prerelease.unwrap_or(resolution.project.policy.prerelease);
        let has_release = wanted.iter().any(|id| !candidates[id.0 as usize].version.is_prerelease());
        let mut package = Package {
            name: name.clone(),
            priority: priority(resolution, &name, kept),
            preferred: kept,
            candidates: Vec::with_capacity(candidates.len()),
        };
        for (place, candidate) in (0..).map(CandidateId).zip(candidates) {
            let refused =
                if kept == Some(place) { None } else { refuse_prerelease(image, mode, has_release, candidate) };
            package.candidates.push(crate::solve::Candidate {
                label: candidate.version.to_string(),
                refused: refused.map(|reason| self.reasons.number(&mut self.problem.reasons, reason)),
                requires: Vec::new(),
            });
        }
        self.problem.packages.push(package);
        let mut root = |allowed: CandidateSet, why: String| {
            let why = Arc::from(why.as_str());
            self.problem.roots.push(Root { package: id, allowed, effect: Effect::Demands, why, location: id.0 });
        };
        root(wanted, if is_unbounded { String::new() } else { shown(&image.version) });
        if let (true, Some(kept)) = (image.hold, kept) {
            root(std::iter::once(kept).collect(), format!("={} (held)", candidates[kept.0 as usize].version));
        }
        if let Some(version) = resolution.options.precise.get(&name) {
            let named = set(&|candidate| candidate.tag.as_str() == version || candidate.version.text() == version);
            if named.is_empty() {
                return Err(no_such_version(&name, version, candidates));
            }
            root(named, format!("={version} (precise)"));
        }
        if let Some(kept) = kept {
            self.kept.insert(id, kept);
        }
        Ok(())
    }

    /// Adds what images need of each other: by following, and by the project's edges.
    fn add_edges(&mut self, resolution: &Resolution) {
        let project = &resolution.project;
        for number in 0..self.names.len() {
            let name = self.names[number].clone();
            let image = &project.images[&name];
            if let Some(followed) = &image.follows {
                self.add_edge(resolution, number, followed, &Requirement::any(), &Needed::Same, "same version");
            }
            for edge in project.edges.iter().filter(|edge| edge.image == name) {
                for (other, needed) in &edge.requires {
                    let why = if *needed == Needed::Same { "same version".to_owned() } else { needed.to_string() };
                    self.add_edge(resolution, number, other, &edge.version, needed, &why);
                }
            }
            self.add_locked_declarations(resolution, number);
        }
    }

    /// Adds what the publisher of a version that stays has declared when it was locked: nothing is asked about it now.
    fn add_locked_declarations(&mut self, resolution: &Resolution, number: usize) {
        let (name, package) = (self.names[number].clone(), PackageId(u32::try_from(number).unwrap_or(u32::MAX)));
        let Some(place) = self.kept.get(&package).map(|kept| kept.0 as usize) else { return };
        let version = &resolution.candidates[&name].versions[place].version;
        if let Some(locked) = resolution.lock.images.get(&name) {
            let declared = declared::locked(&resolution.project, &name, version, locked);
            self.declare(resolution, package, place, &declared);
        }
    }

    fn add_edge(
        &mut self,
        resolution: &Resolution,
        number: usize,
        other: &str,
        of_versions: &Requirement,
        needed: &Needed,
        why: &str,
    ) {
        let why: Arc<str> = Arc::from(why);
        let from = PackageId(u32::try_from(number).unwrap_or(u32::MAX));
        let candidates = &resolution.candidates[&self.names[number]].versions;
        match needed {
            Needed::Version(requirement) => {
                let Some((package, allowed)) = self.allowed(resolution, other, |it| is_wanted(requirement, it)) else {
                    return;
                };
                for (place, candidate) in candidates.iter().enumerate() {
                    if of_versions.matches(&candidate.version) {
                        self.require(resolution, (from, place), package, (allowed.clone(), Effect::Demands), &why);
                    }
                }
            }
            Needed::Same => {
                let (Some(package), Some(others)) = (self.package(other), resolution.candidates.get(other)) else {
                    return;
                };
                // Both are in ascending order, so one pass finds every pair.
                let mut at = 0_u32;
                for (place, candidate) in candidates.iter().enumerate() {
                    let other_at = |at: u32| others.versions.get(at as usize).map(|other| &other.version);
                    while other_at(at).is_some_and(|version| *version < candidate.version) {
                        at += 1;
                    }
                    let mut end = at;
                    while other_at(end).is_some_and(|version| *version == candidate.version) {
                        end += 1;
                    }
                    if of_versions.matches(&candidate.version) {
                        let same = CandidateSet::between(at, end);
                        self.require(resolution, (from, place), package, (same, Effect::Demands), &why);
                    }
                }
            }
        }
    }

    /// Returns the package of an image and which of its candidates will do; `None` when the image is not part of the problem.
    fn allowed(
        &self,
        resolution: &Resolution,
        other: &str,
        is_allowed: impl Fn(&Candidate) -> bool,
    ) -> Option<(PackageId, CandidateSet)> {
        let package = self.package(other)?;
        let candidates = &resolution.candidates.get(other)?.versions;
        let count = u32::try_from(candidates.len()).ok()?;
        Some((package, CandidateSet::matching(count, |id| candidates.get(id.0 as usize).is_some_and(&is_allowed))))
    }

    fn require(
        &mut self,
        resolution: &Resolution,
        (from, place): (PackageId, usize),
        package: PackageId,
        (allowed, effect): (CandidateSet, Effect),
        why: &Arc<str>,
    ) {
        // An optional image may be left out, also by those that would need it.
        let is_optional =
            self.names.get(package.0 as usize).is_some_and(|name| resolution.project.images[name].optional);
        let effect = if is_optional { Effect::Limits } else { effect };
        if let Some(candidate) =
            self.problem.packages.get_mut(from.0 as usize).and_then(|package| package.candidates.get_mut(place))
        {
            // Most candidates require one thing; a growing list would make room for four.
            candidate.requires.reserve_exact(1);
            candidate.requires.push(Requires { package, allowed, effect, why: Arc::clone(why) });
        }
    }
}

/// Tells whether a candidate is wanted. A tag that moves is no version: who wants one does not want it.
fn is_wanted(requirement: &Requirement, candidate: &Candidate) -> bool {
    requirement.matches(&candidate.version) && (!candidate.is_floating || *requirement == Requirement::any())
}

/// Returns how a requirement is shown: not at all where it wants anything.
fn shown(requirement: &Requirement) -> String {
    if requirement.text() == "*" { String::new() } else { requirement.to_string() }
}

/// Returns where an image stands in the order of decisions: those that are to move before those that may stay, when some are
/// named; those that may stay before new ones otherwise.
fn priority(resolution: &Resolution, name: &str, kept: Option<CandidateId>) -> u32 {
    match &resolution.options.update {
        Update::All => 0,
        Update::Needed => u32::from(kept.is_none()),
        Update::Names(names) => u32::from(!names.contains(name)) + u32::from(!names.contains(name) && kept.is_none()),
    }
}

fn refuse_prerelease(image: &Image, mode: Prerelease, has_release: bool, candidate: &Candidate) -> Option<Reason> {
    let is_asked_for = || image.version.names_prereleases_of(&candidate.version);
    if !candidate.version.is_prerelease() || mode == Prerelease::Allow || is_asked_for() {
        return None;
    }
    if mode == Prerelease::IfNecessary && !has_release {
        return None;
    }
    Some(Reason { kind: ReasonKind::Prerelease, text: "it is a prerelease".to_owned() })
}

/// Returns why a candidate of which something is known must not be taken.
fn refuse(resolution: &Resolution, image: &Image, facts: &Facts) -> Option<Reason> {
    let reason = |kind, text: String| Some(Reason { kind, text });
    if let Some(text) = &facts.unusable {
        return reason(ReasonKind::Other, text.clone());
    }
    let missing: Vec<String> = resolution
        .project
        .platforms_of(image)
        .iter()
        .filter(|wanted| !is_there_for(facts, wanted))
        .map(ToString::to_string)
        .collect();
    if !missing.is_empty() {
        return reason(ReasonKind::NotOnPlatform, format!("it is not there for {}", missing.join(" and ")));
    }
    if let Some(why) = &facts.unaccepted {
        return reason(ReasonKind::Policy, why.clone());
    }
    let policy = &resolution.project.policy;
    if let (Some(why), Marked::Deny) = (&facts.yanked, policy.yanked) {
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        return reason(ReasonKind::Yanked, format!("it was withdrawn{why}"));
    }
    if policy.eol == Marked::Deny && facts.end_of_life.is_some_and(|end| end <= resolution.options.moment()) {
        return reason(ReasonKind::EndOfLife, "it is no longer supported".to_owned());
    }
    if let Some(as_of) = resolution.options.as_of {
        match facts.created {
            // What was there by then was made by then, whatever it says itself.
            _ if facts.seen.is_some_and(|seen| seen <= as_of) => {}
            Some((created, _)) if created <= as_of => {}
            Some(_) => return reason(ReasonKind::AfterDate, "it was made after the date".to_owned()),
            None => return reason(ReasonKind::AfterDate, "nothing says when it was made".to_owned()),
        }
    }
    let cooldown = image.cooldown.unwrap_or(policy.cooldown);
    if cooldown > 0 {
        let until = |created: i64| created.saturating_add_unsigned(cooldown);
        let now = resolution.options.moment();
        match facts.created {
            Some((created, _)) if until(created) <= now => {}
            Some(_) => return reason(ReasonKind::Cooldown, format!("it is younger than {}", duration::text(cooldown))),
            None => return reason(ReasonKind::Cooldown, "nothing says how old it is".to_owned()),
        }
    }
    None
}

fn is_there_for(facts: &Facts, wanted: &Platform) -> bool {
    facts.platforms.as_ref().is_none_or(|platforms| platforms.iter().any(|platform| platform.satisfies(wanted)))
}

fn no_such_version(name: &str, version: &str, candidates: &[Candidate]) -> ResolutionError {
    let near = candidates.iter().rev().filter(|candidate| !candidate.version.is_prerelease()).take(NEAR_MAX);
    ResolutionError::NoSuchVersion {
        image: name.to_owned(),
        version: version.to_owned(),
        near: near.map(|candidate| candidate.version.to_string()).collect(),
    }
}

/// The numbers of the reasons against candidates, each of which is there once.
#[derive(Debug, Default)]
struct Reasons(BTreeMap<(ReasonKind, String), ReasonId>);

impl Reasons {
    fn number(&mut self, reasons: &mut Vec<Reason>, reason: Reason) -> ReasonId {
        let key = (reason.kind, reason.text.clone());
        *self.0.entry(key).or_insert_with(|| {
            reasons.push(reason);
            ReasonId(u32::try_from(reasons.len() - 1).unwrap_or(u32::MAX))
        })
    }
}
