//! Which tags of a repository are versions of an image that a project wants.

use std::collections::BTreeMap;
use std::fmt;

use oci::Tag;

use crate::project::Image;
use crate::scheme::Scheme;
use crate::tag::{Kind, PLAIN_TRACKS, Reading, Repository, same_variant};
use crate::template::{Template, VERSION_AXIS};
use crate::value::Value;

/// Most exact versions that a tag that moves is taken to name.
const PRECISE_MAX: usize = 8;

/// A version of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The tag that names it.
    pub tag: Tag,
    /// Other tags that are read as the same version.
    pub also: Vec<Tag>,
    /// The version.
    pub version: Value,
    /// The values of the other axes.
    pub axes: BTreeMap<String, Value>,
    /// How the tag was read: everything but the version, as a template.
    pub track: String,
    /// Whether the tag is one that moves.
    pub is_floating: bool,
}

/// The versions of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    /// The versions of the wanted variant, the lowest first, whether the requirement wants them or not.
    pub versions: Vec<Candidate>,
    /// Tags that move and may name one of them.
    pub floating: Vec<Tag>,
    /// Where a tag that moves is what is wanted: exact versions that it may name, the likeliest first, each with the version's text.
    pub precise: Vec<(Tag, String)>,
    /// The tracks of the repository, those with most versions first, for whoever has asked for one that is not there.
    pub tracks: Vec<Track>,
}

/// The versions of one image among those that a repository holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Everything but the version, as a template.
    pub template: String,
    /// How many versions there are.
    pub versions: usize,
    /// The newest of them.
    pub newest: Tag,
}

impl Candidate {
    /// Returns the track as a lock holds it: nothing where the version is all there is, or where the project says how tags are made.
    pub fn locked_track(&self, image: &Image) -> String {
        let is_told = image.template.is_some() || image.scheme != Scheme::default();
        if is_told || self.is_floating || PLAIN_TRACKS.contains(&self.track.as_str()) {
            String::new()
        } else {
            self.track.clone()
        }
    }
}

impl Candidates {
    /// Finds the versions of an image among the tags of its repository, all of which should be given.
    pub fn of(image: &Image, tags: &[Tag]) -> Self {
        let tags = || tags.iter().filter(|tag| !tag.is_attachment());
        let repository = Repository::read(tags().cloned());
        let floating = repository.readings().filter(|(_, reading)| reading.kind == Kind::Floating);
        let mut candidates = Self {
            versions: Vec::new(),
            floating: floating.map(|(tag, _)| tag.clone()).collect(),
            precise: Vec::new(),
            tracks: tracks(&repository),
        };
        let template = template_of(image);
        candidates.versions = match &template {
            Some(template) => tags().filter_map(|tag| by_template(image, template, tag, &repository)).collect(),
            None => by_track(image.variant.as_deref(), &repository),
        };
        candidates.sort(template.as_ref());
        if candidates.versions.is_empty()
            && template.is_none()
            && image.variant.is_none()
            && let Some(latest) = candidates.floating.iter().find(|tag| **tag == Tag::latest())
        {
            // Nothing here has a version; this is what there is.
            candidates.versions =
                Scheme::Opaque.read(latest.as_str()).map(|version| fixed(latest, version)).into_iter().collect();
        }
        if let Some(floating) = candidates.versions.iter().find(|candidate| candidate.is_floating) {
            let precise = repository.precise(&floating.tag, PRECISE_MAX);
            let version = |reading: &Reading| reading.version.as_ref().map(ToString::to_string).unwrap_or_default();
            candidates.precise = precise.into_iter().map(|(tag, reading)| (tag.clone(), version(reading))).collect();
        }
        candidates
    }

    /// Puts the lowest first, and of tags for the same version the one that says most in the fewest letters.
    fn sort(&mut self, template: Option<&Template>) {
        let axes: Vec<&str> = template.into_iter().flat_map(Template::axes).collect();
        let by_axes = |one: &Candidate, other: &Candidate| {
            let orders = axes.iter().map(|axis| one.axes.get(*axis).cmp(&other.axes.get(*axis)));
            orders.into_iter().find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        };
        self.versions.sort_by(|one, other| {
            one.version
                .cmp(&other.version)
                .then_with(|| by_axes(one, other))
                .then_with(|| other.version.numbers().len().cmp(&one.version.numbers().len()))
                .then_with(|| one.tag.as_str().len().cmp(&other.tag.as_str().len()))
                .then_with(|| one.tag.cmp(&other.tag))
        });
        self.versions.dedup_by(|next, kept| {
            let is_same = kept.version == next.version && by_axes(kept, next).is_eq();
            if is_same {
                kept.also.push(next.tag.clone());
            }
            is_same
        });
    }
}

/// Returns how the tags of an image are made, where the project says it; else the repository shows it.
pub(crate) fn template_of(image: &Image) -> Option<Template> {
    image.template.clone().or_else(|| implied_template(image))
}

/// A scheme without a template says how the version alone is written.
fn implied_template(image: &Image) -> Option<Template> {
    if image.scheme == Scheme::default() {
        return None;
    }
    let variant = image.variant.as_ref().map(|variant| format!("-{variant}")).unwrap_or_default();
    Template::parse(&format!("{{v?}}{{{VERSION_AXIS}}}{variant}")).ok()
}

fn by_template(image: &Image, template: &Template, tag: &Tag, repository: &Repository) -> Option<Candidate> {
    let mut axes = template.read(tag.as_str(), |axis| image.scheme_of(axis))?;
    let is_floating = repository.reading(tag).is_some_and(|reading| reading.kind == Kind::Floating);
    let Some(version) = axes.remove(VERSION_AXIS) else {
        return Scheme::Opaque.read(tag.as_str()).map(|version| Candidate { is_floating, ..fixed(tag, version) });
    };
    let is_wanted =
        axes.iter().all(|(name, value)| image.axes.get(name).is_none_or(|axis| axis.requirement.matches(value)));
    // `4.1-bookworm` moves where there is a `4.1.9-bookworm`.
    (is_wanted && !is_floating).then(|| Candidate {
        tag: tag.clone(),
        also: Vec::new(),
        version,
        axes,
        track: template.to_string(),
        is_floating,
    })
}

fn by_track(variant: Option<&str>, repository: &Repository) -> Vec<Candidate> {
    let of_track = |is_wanted: &dyn Fn(&str) -> bool| -> Vec<Candidate> {
        let readings =
            repository.readings().filter(|(_, reading)| matches!(reading.kind, Kind::Release | Kind::Prerelease));
        readings
            .filter(|(_, reading)| is_wanted(&reading.track))
            .filter_map(|(tag, reading)| {
                let version = Value::from(reading.version.as_ref()?);
                Some(Candidate { track: reading.track.clone(), is_floating: false, ..fixed(tag, version) })
            })
            .collect()
    };
    match variant {
        Some(variant) => of_track(&|track| same_variant(track, variant)),
        None => PLAIN_TRACKS
            .iter()
            .map(|plain| of_track(&|track| track == *plain))
            .find(|candidates| !candidates.is_empty())
            .unwrap_or_default(),
    }
}

/// Returns a tag that is a version for itself.
fn fixed(tag: &Tag, version: Value) -> Candidate {
    Candidate {
        tag: tag.clone(),
        also: Vec::new(),
        version,
        axes: BTreeMap::new(),
        track: tag.to_string(),
        is_floating: true,
    }
}

fn tracks(repository: &Repository) -> Vec<Track> {
    let mut tracks: BTreeMap<&str, Track> = BTreeMap::new();
    let mut newest: BTreeMap<&str, &crate::version::Version> = BTreeMap::new();
    for (tag, reading) in repository.readings() {
        let (Kind::Release | Kind::Prerelease, Some(version)) = (reading.kind, &reading.version) else { continue };
        let template = reading.track.as_str();
        let track = tracks.entry(template).or_insert_with(|| Track {
            template: template.to_owned(),
            versions: 0,
            newest: tag.clone(),
        });
        track.versions += 1;
        if newest.get(template).is_none_or(|known| *known <= version) {
            newest.insert(template, version);
            track.newest = tag.clone();
        }
    }
    let mut tracks: Vec<Track> = tracks.into_values().collect();
    tracks.sort_by(|one, other| other.versions.cmp(&one.versions).then_with(|| one.template.cmp(&other.template)));
    tracks
}

impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} versions, newest {})", self.template, self.versions, self.newest)
    }
}
