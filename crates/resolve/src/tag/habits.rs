//! What a repository's tags have in common, which shows what each of them means.

use std::collections::{BTreeMap, BTreeSet};

use super::outline::{Outline, Part};
use super::token::Form;
use super::{Kind, Reading};
use crate::version::{Stage, dotted};

/// Fewest versions that say something about a habit.
const VERSIONS_MIN: usize = 3;

/// What is usual in a repository.
#[derive(Clone, Debug, Default)]
pub(super) struct Habits {
    /// Places of numbers that belong to something else than the version.
    axes: BTreeSet<String>,
    /// The numbers in such places that stand for themselves.
    axis_numbers: BTreeSet<Vec<u64>>,
    /// Words of stages that are the name of a variant here.
    variants: BTreeSet<String>,
    /// Words with a version of their own that stand beside versions: `ubuntu-20.04`.
    beside: BTreeSet<String>,
    /// Whether releases are dates, beside words for what they are releases of.
    dates: bool,
}

impl Habits {
    /// Finds out what is usual among the tags with a version.
    pub(super) fn of<'a>(outlines: &(impl Iterator<Item = &'a Outline> + Clone)) -> Self {
        let of_dates = outlines.clone().filter(|outline| outline.form == Form::Date && !outline.before.is_empty());
        let dates = of_dates.count() * 3 >= outlines.clone().count();
        let axes: Seen =
            seen(outlines.clone()).into_iter().filter(|(place, numbers)| is_axis(place, numbers)).collect();
        let axis_numbers =
            axes.iter().filter(|(place, _)| place.ends_with(": ")).flat_map(|(_, seen)| seen.keys().cloned());
        Self {
            axis_numbers: axis_numbers.collect(),
            axes: axes.into_keys().collect(),
            variants: variants(outlines.clone()),
            beside: outlines.clone().flat_map(versioned_words).collect(),
            dates,
        }
    }

    /// Reads a tag by what is usual.
    pub(super) fn read(&self, outline: Outline) -> Reading {
        if self.is_known_to_move(&outline) {
            return Reading::without_version(Kind::Floating);
        }
        let skeleton = outline.skeleton();
        let Outline { mut version, before, after, bare_stage, form, is_described } = outline;
        let mut track: Vec<String> = before;
        track.push(form.place().to_owned());
        if let Some(word) = bare_stage.filter(|word| self.variants.contains(word)) {
            version.stage = Stage::Release;
            track.push(word);
        }
        for part in after {
            match part {
                Part::Word(word) => track.push(word),
                Part::Numbers(word, numbers) if self.axes.contains(&axis(&skeleton, word.as_deref())) => {
                    track.push(word.map_or_else(String::new, |word| word + "-") + &dotted(&numbers));
                }
                Part::Numbers(word, numbers) => {
                    track.extend(word);
                    version.revision.extend(numbers);
                }
            }
        }
        let kind = if version.is_prerelease() { Kind::Prerelease } else { Kind::Release };
        Reading { kind, version: Some(version), track: track.join("-"), is_described }
    }

    /// Tells whether a tag names something that moves although there are numbers in it: `latest-18`; `ubuntu-20.04` where that
    /// stands beside versions; a number where releases are dates.
    fn is_known_to_move(&self, outline: &Outline) -> bool {
        let after = outline.after.iter().filter_map(|part| match part {
            Part::Word(word) => Some(word),
            Part::Numbers(..) => None,
        });
        if outline.before.iter().chain(after).any(|word| word == "latest") {
            return true;
        }
        if outline.form == Form::Date {
            return false;
        }
        let numbers = &outline.version.numbers;
        let is_beside = |word: &String| self.beside.contains(&format!("{word}-{}", dotted(numbers)));
        let is_short = outline.form == Form::Integer && outline.version.revision.is_empty();
        outline.before.last().is_some_and(is_beside)
            || (is_short && (self.dates || self.axis_numbers.contains(numbers)))
    }
}

/// Returns the words that stand beside versions together with a version of their own: `ubuntu-20.04`.
fn versioned_words(outline: &Outline) -> impl Iterator<Item = String> {
    outline.after.iter().filter_map(|part| match part {
        Part::Numbers(Some(word), numbers) => Some(format!("{word}-{}", dotted(numbers))),
        _ => None,
    })
}

/// Returns the name of the place of some numbers in tags of a skeleton.
fn axis(skeleton: &str, word: Option<&str>) -> String {
    format!("{skeleton}: {}", word.unwrap_or_default())
}

/// By the place of numbers: what they are, and of each with which versions it was seen.
type Seen = BTreeMap<String, BTreeMap<Vec<u64>, BTreeSet<Vec<u64>>>>;

fn seen<'a>(outlines: impl Iterator<Item = &'a Outline>) -> Seen {
    let mut seen = Seen::new();
    for outline in outlines {
        let skeleton = outline.skeleton();
        for part in &outline.after {
            if let Part::Numbers(word, numbers) = part {
                let places = seen.entry(axis(&skeleton, word.as_deref())).or_default();
                places.entry(numbers.clone()).or_default().insert(outline.version.numbers.clone());
            }
        }
    }
    seen
}

/// Tells whether numbers after versions are the version of something else: they do not count from the beginning, and they stand
/// after a word, or the same ones return with one version after the other.
fn is_axis(place: &str, by_numbers: &BTreeMap<Vec<u64>, BTreeSet<Vec<u64>>>) -> bool {
    let counts = by_numbers.keys().any(|numbers| matches!(numbers.first(), Some(0 | 1)));
    let pairs: usize = by_numbers.values().map(BTreeSet::len).sum();
    !counts && (!place.ends_with(": ") || pairs * 2 >= by_numbers.len() * 3)
}

/// Returns the words of stages that most versions have beside their release, without a number: those are variants.
fn variants<'a>(outlines: impl Iterator<Item = &'a Outline>) -> BTreeSet<String> {
    let mut released: BTreeSet<Vec<u64>> = BTreeSet::new();
    let mut announced: BTreeMap<String, BTreeSet<Vec<u64>>> = BTreeMap::new();
    for outline in outlines {
        let numbers = outline.version.numbers.clone();
        match &outline.bare_stage {
            Some(word) => {
                announced.entry(word.clone()).or_default().insert(numbers);
            }
            None if !outline.version.is_prerelease() => {
                released.insert(numbers);
            }
            None => {}
        }
    }
    let is_variant = |versions: &BTreeSet<Vec<u64>>| {
        let both = versions.intersection(&released).count();
        both >= VERSIONS_MIN && both * 2 >= released.len()
    };
    announced.into_iter().filter(|(_, versions)| is_variant(versions)).map(|(word, _)| word).collect()
}
