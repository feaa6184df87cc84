//! The tags of a repository, read together.

mod floating;
mod habits;
mod outline;
mod token;
mod words;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use oci::Tag;

use crate::version::{Stage, Version};
pub use floating::may_name;
use habits::Habits;
use outline::{Outline, Part, outline};
use token::{Token, tokens};

/// Where the version stands in a template, and where a date.
const VERSION: &str = "{version}";
const DATE: &str = "{date}";

/// The tracks of an image that has no variants.
pub(crate) const PLAIN_TRACKS: [&str; 2] = [VERSION, DATE];

/// What a tag names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// One exact release, in as many numbers as this repository gives.
    Release,
    /// One exact version that is announced as not final.
    Prerelease,
    /// Something that moves: `1.57` where there is a `1.57.2`, `latest`.
    Floating,
    /// A commit or a build.
    Hash,
    /// Something that is attached to another image.
    Attachment,
    /// None of these: a branch, a trial, a cache.
    Other,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Release => "release",
            Self::Prerelease => "prerelease",
            Self::Floating => "floating",
            Self::Hash => "hash",
            Self::Attachment => "attachment",
            Self::Other => "other",
        })
    }
}

/// How a tag is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What it names.
    pub kind: Kind,
    /// The version, where there is one.
    pub version: Option<Version>,
    /// Everything about the image but its version, as a template: `{version}-alpine3.20`. Two tags of one track are the same
    /// image at two versions. Empty where there is no version.
    pub track: String,
    /// Whether it counts commits from a release, which therefore is one although there is more of its numbers.
    is_described: bool,
}

/// The tags of a repository and how they are read.
#[derive(Clone, Debug, Default)]
pub struct Repository {
    readings: BTreeMap<Tag, Reading>,
    /// The newest release of each track.
    newest: HashMap<String, (Tag, Version)>,
}

impl Repository {
    /// Reads the tags of a repository, all of which should be given.
    pub fn read(tags: impl IntoIterator<Item = Tag>) -> Self {
        let outlines: Vec<(Tag, Vec<Token>, Option<Outline>)> = tags
            .into_iter()
            .map(|tag| {
                let tokens = tokens(tag.as_str());
                let outline = if is_trial(&tokens) { None } else { outline(&tokens) };
                (tag, tokens, outline)
            })
            .collect();
        let habits = Habits::of(&outlines.iter().filter_map(|(_, _, outline)| outline.as_ref()));
        let mut readings: BTreeMap<Tag, Reading> = outlines
            .into_iter()
            .map(|(tag, tokens, outline)| {
                let reading = if tag.is_attachment() {
                    Reading::without_version(Kind::Attachment)
                } else {
                    match outline {
                        Some(outline) => habits.read(outline),
                        None => Reading::without_version(kind_without_version(&tokens)),
                    }
                };
                (tag, reading)
            })
            .collect();
        let full = Full::of(readings.values());
        for reading in readings.values_mut() {
            if full.have_more_than(reading) {
                reading.kind = Kind::Floating;
            }
        }
        let mut newest: HashMap<String, (Tag, Version)> = HashMap::new();
        for (tag, reading) in readings.iter().filter(|(_, reading)| reading.kind == Kind::Release) {
            let Some(version) = &reading.version else { continue };
            if newest.get(&reading.track).is_none_or(|(_, known)| known <= version) {
                newest.insert(reading.track.clone(), (tag.clone(), version.clone()));
            }
        }
        Self { readings, newest }
    }

    /// Returns how a tag is read; `None` for one that is not among them.
    pub fn reading(&self, tag: &Tag) -> Option<&Reading> {
        self.readings.get(tag)
    }

    /// Returns every tag and how it is read, in the order of their text.
    pub fn readings(&self) -> impl Iterator<Item = (&Tag, &Reading)> {
        self.readings.iter()
    }

    /// Returns the newest release that the image of `tag` could be updated to: of its track, and newer than it. A tag that
    /// names no version has none.
    pub fn update(&self, tag: &Tag) -> Option<(&Tag, &Version)> {
        let from = self.reading(tag).filter(|reading| matches!(reading.kind, Kind::Release | Kind::Prerelease))?;
        let (tag, newest) = self.newest.get(&from.track)?;
        (newest > from.version.as_ref()?).then_some((tag, newest))
    }

    /// Returns the newest tag that something built on the image of `tag` could be built on instead: for a release the newest release,
    /// as [`Repository::update`] does; for a tag that moves, such as `3.20`, one of its track that does not name what it names, and if
    /// there is one it is as short: `3.22`. A tag that names no version has none.
    pub fn successor(&self, tag: &Tag) -> Option<(&Tag, &Version)> {
        let from = self.reading(tag)?;
        if from.kind != Kind::Floating {
            return self.update(tag);
        }
        let own = from.version.as_ref()?;
        let length = own.numbers.len();
        let later = self.readings.iter().filter_map(|(tag, reading)| {
            let version = reading.version.as_ref().filter(|version| !version.is_prerelease())?;
            let is_of_track = matches!(reading.kind, Kind::Release | Kind::Floating) && reading.track == from.track;
            let is_later = version > own && !version.numbers.starts_with(&own.numbers);
            (is_of_track && is_later).then_some((tag, version))
        });
        later.max_by_key(|(_, version)| {
            let numbers = &version.numbers;
            (numbers.get(..length).unwrap_or(numbers), numbers.len() == length, *version)
        })
    }
}

impl Reading {
    /// Tells whether the version is all there is to it.
    pub fn is_plain(&self) -> bool {
        PLAIN_TRACKS.contains(&self.track.as_str())
    }

    /// Tells whether it is of a variant, as a user writes it: `alpine`, `alpine3.20`, `slim-bookworm`.
    pub fn is_variant(&self, variant: &str) -> bool {
        same_variant(&self.track, variant)
    }

    const fn without_version(kind: Kind) -> Self {
        Self { kind, version: None, track: String::new(), is_described: false }
    }
}

/// What the tags of a repository name in full, by which it shows that others name less.
#[derive(Default)]
struct Full {
    /// Every beginning of the numbers of a release: `1` and `1.57` of `1.57.2`.
    beginnings: HashSet<Vec<u64>>,
    /// The numbers of which there are several builds.
    builds: HashSet<Vec<u64>>,
    /// The numbers and stage of a prerelease that is counted: `23-ea` where there is a `23-ea-1`.
    announced: HashSet<(Vec<u64>, Stage)>,
    /// Every beginning of the numbers of a prerelease, but for all of them.
    announced_beginnings: HashSet<Vec<u64>>,
    /// How many numbers most releases have.
    usual: usize,
}

impl Full {
    fn of<'a>(readings: impl Iterator<Item = &'a Reading>) -> Self {
        let mut full = Self::default();
        let mut lengths: BTreeMap<usize, usize> = BTreeMap::new();
        for reading in readings {
            let Some(version) = &reading.version else { continue };
            let numbers = &version.numbers;
            let beginnings = (1..numbers.len()).map(|length| numbers[..length].to_vec());
            if version.is_prerelease() {
                full.announced_beginnings.extend(beginnings);
                if !version.stage_numbers.is_empty() {
                    full.announced.insert((numbers.clone(), version.stage));
                }
            } else {
                full.beginnings.extend(beginnings);
                *lengths.entry(numbers.len()).or_default() += 1;
                if !version.revision.is_empty() && !reading.is_described {
                    full.builds.insert(numbers.clone());
                }
            }
        }
        full.usual = lengths.into_iter().max_by_key(|(_, count)| *count).map_or(0, |(length, _)| length);
        full
    }

    /// Tells whether a tag names less than another one: fewer numbers, or no build of several.
    fn have_more_than(&self, reading: &Reading) -> bool {
        let Some(version) = &reading.version else { return false };
        let Version { numbers, stage, stage_numbers, revision } = version;
        if version.is_prerelease() {
            let is_counted = self.announced.contains(&(numbers.clone(), *stage));
            return stage_numbers.is_empty() && (is_counted || self.announced_beginnings.contains(numbers));
        }
        if reading.track.contains(DATE) {
            return false;
        }
        // `2024-11`: the month of a date looks like a build of the year.
        let whole = [&numbers[..], &revision[..]].concat();
        self.beginnings.contains(&whole)
            || (!revision.is_empty() && numbers.len() < self.usual && self.beginnings.contains(numbers))
            || (revision.is_empty() && self.builds.contains(numbers))
    }
}

/// Tells whether a track is that of a variant, as a user writes it: `alpine`, `alpine3.20`, `slim-bookworm`.
pub(crate) fn same_variant(track: &str, variant: &str) -> bool {
    // Dots and dashes between a word and its version are a matter of taste.
    let words = |text: &str| -> String {
        text.chars().filter(|letter| !matches!(letter, '-' | '_')).collect::<String>().to_ascii_lowercase()
    };
    let rest = PLAIN_TRACKS.iter().find_map(|plain| track.split_once(plain));
    rest.is_some_and(|(before, after)| words(&format!("{before}{after}")) == words(variant))
}

/// Reads text that is a version and nothing else; `None` when there is no version or something beside it.
pub(crate) fn read_version(text: &str) -> Option<Version> {
    // A build stands after a `+` where it cannot be taken for something else.
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let outline = outline(&tokens(text)).filter(|outline| outline.before.is_empty())?;
    let mut version = outline.version;
    for part in outline.after {
        match part {
            Part::Numbers(None, numbers) => version.revision.extend(numbers),
            Part::Word(_) | Part::Numbers(Some(_), _) => return None,
        }
    }
    if let Some(build) = build {
        version.revision.extend(token::numbers(build)?);
    }
    Some(version)
}

/// Tells whether the tag is somebody's trial, whatever numbers it has.
fn is_trial(tokens: &[Token]) -> bool {
    let is_trial = |token: Option<&Token>| matches!(token, Some(Token::Word(word)) if words::is_trial(word));
    is_trial(tokens.first()) || is_trial(tokens.last())
}

fn kind_without_version(tokens: &[Token]) -> Kind {
    if tokens.contains(&Token::Hash) {
        Kind::Hash
    } else if is_trial(tokens) {
        Kind::Other
    } else {
        // Words alone name something that moves.
        Kind::Floating
    }
}
