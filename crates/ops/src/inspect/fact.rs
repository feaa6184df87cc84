//! What is said of an image, by whom, and whether they agree.

use oci::date::SECONDS_A_DAY;
use oci::{Digest, Platform, Tag, Timestamp};
use resolve::{Repository, Version};

/// Moments this close together are one: a build takes its time, and each of its tools asks the clock for itself.
const ONE_BUILD_SECONDS: u64 = SECONDS_A_DAY.unsigned_abs();

/// Fewest digits by which a revision may be shortened.
const REVISION_DIGITS_MIN: usize = 7;

/// Days that tools write in the place of the day of the build, so that the same content gets the same digest every time.
const CONSTANT_DAYS: [&str; 3] = ["0001-01-01", "1970-01-01", "1980-01-01"];

/// Said of a date that is one of those.
pub const NO_DATE: &str = "a constant of reproducible builds, no date";

/// Said of a date that has not come yet.
pub const FUTURE_DATE: &str = "in the future";

/// Said of a date that cannot be read.
pub const UNREADABLE_DATE: &str = "not a time of RFC 3339";

/// Something that is known of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is: `title`, `version` and so on.
    pub name: &'static str,
    /// What is said of it, what counts most first. There is at least one.
    pub statements: Vec<Statement>,
    /// What has to be known to read the first of them.
    pub note: Option<&'static str>,
}

/// A value and everybody who says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The value, as it was written.
    pub value: String,
    /// Where it was written, what counts most first. There is at least one.
    pub sources: Vec<Source>,
    /// Whether it says the same as the first statement, in other words perhaps.
    pub agrees: bool,
}

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// In what.
    pub evidence: Evidence,
    /// Under which key, where there are keys.
    pub key: Option<String>,
    /// Of which of several images.
    pub platform: Option<Platform>,
    /// In which artifact.
    pub artifact: Option<Digest>,
}

/// In what something was written. What counts more comes first: what is said of the whole before what is said of a part, what
/// is written for an image before what it inherits from its base, as it does labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// In an annotation of the index.
    Index,
    /// In an annotation of the image's manifest.
    Manifest,
    /// In an annotation of what points to the manifest: the entry of an index, or of a layout's `index.json`.
    Descriptor,
    /// In a label of the configuration.
    Label,
    /// In a field of the configuration.
    Configuration,
    /// In the tag by which the image was found.
    Tag,
    /// In the place where it was found.
    Registry,
    /// In an artifact about it.
    Artifact,
}

impl Fact {
    /// Returns the value that counts most.
    pub fn value(&self) -> &str {
        self.statements.first().map_or("", |statement| &statement.value)
    }

    /// Tells whether somebody says something else.
    pub fn is_disputed(&self) -> bool {
        self.statements.iter().any(|statement| !statement.agrees)
    }

    /// Puts together what is said, in the order in which it counts. Returns `None` when nothing is.
    pub(super) fn of(
        name: &'static str,
        said: impl IntoIterator<Item = (String, Source)>,
        now: Option<Timestamp>,
    ) -> Option<Self> {
        let mut statements: Vec<Statement> = Vec::new();
        for (value, source) in said.into_iter().filter(|(value, _)| !value.trim().is_empty()) {
            match statements.iter_mut().find(|statement| statement.value == value) {
                Some(statement) => statement.sources.push(source),
                None => statements.push(Statement { value, sources: vec![source], agrees: true }),
            }
        }
        if name == "created" {
            // A constant is not a day, so whoever knows the day comes before it.
            statements.sort_by_key(|statement| is_constant(&statement.value));
        }
        let (first, others) = statements.split_first_mut()?;
        for other in others {
            other.agrees = agree(name, &first.value, &other.value);
        }
        let note = if name == "created" { note_on_date(&first.value, now) } else { None };
        Some(Self { name, statements, note })
    }
}

/// Tells whether two values say the same thing.
fn agree(name: &str, first: &str, other: &str) -> bool {
    let (first, other) = (first.trim(), other.trim());
    first == other
        || match name {
            // An image has as many names as there are places where it is, and there may be several reasons.
            "name" | "yanked" | "deprecated" => true,
            "version" => versions_agree(first, other),
            "revision" => is_shortened(first, other) || is_shortened(other, first),
            "licenses" => first.eq_ignore_ascii_case(other),
            "source" | "url" | "documentation" => address(first) == address(other),
            "created" => is_constant(other) || dates_agree(first, other),
            _ => false,
        }
}

/// Versions agree as far as both go: a tag may be shorter than a label, and may name a variant.
fn versions_agree(first: &str, other: &str) -> bool {
    match (version(first), version(other)) {
        (Some(first), Some(other)) => {
            let common = first.numbers.len().min(other.numbers.len());
            first.numbers[..common] == other.numbers[..common] && first.stage == other.stage
        }
        _ => first.trim_start_matches('v') == other.trim_start_matches('v'),
    }
}

/// Returns the version that text names, read as the only tag of a repository.
fn version(text: &str) -> Option<Version> {
    version_of_tag(&text.replace('+', "-").parse().ok()?)
}

/// Returns the version that a tag names by itself, without the others of its repository.
pub(super) fn version_of_tag(tag: &Tag) -> Option<Version> {
    let repository = Repository::read([tag.clone()]);
    let reading = repository.readings().next()?.1;
    reading.version.clone().filter(|_| !tag.is_attachment())
}

fn is_shortened(short: &str, long: &str) -> bool {
    short.len() >= REVISION_DIGITS_MIN && long.starts_with(short)
}

fn address(text: &str) -> &str {
    let text = text.trim_end_matches('/');
    text.strip_suffix(".git").unwrap_or(text)
}

fn dates_agree(first: &str, other: &str) -> bool {
    match (moment(first), moment(other)) {
        (Some(first), Some(other)) => first.seconds().abs_diff(other.seconds()) <= ONE_BUILD_SECONDS,
        _ => false,
    }
}

/// Returns the moment that text names; of a day its beginning.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse::<Timestamp>().ok().or_else(|| text.parse::<oci::Date>().ok().map(Timestamp::from))
}

fn is_constant(text: &str) -> bool {
    moment(text).is_some_and(|moment| CONSTANT_DAYS.contains(&&*moment.date().to_string()))
}

fn note_on_date(text: &str, now: Option<Timestamp>) -> Option<&'static str> {
    if is_constant(text) {
        return Some(NO_DATE);
    }
    match (moment(text), now) {
        (None, _) => Some(UNREADABLE_DATE),
        // Clocks differ, but not by a day.
        (Some(date), Some(now)) if date.seconds() - now.seconds() > ONE_BUILD_SECONDS.cast_signed() => {
            Some(FUTURE_DATE)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &'static str, values: &[&str]) -> Fact {
        let source = |evidence| Source { evidence, key: None, platform: None, artifact: None };
        let evidence = [Evidence::Index, Evidence::Manifest, Evidence::Label, Evidence::Tag];
        let values = values.iter().zip(evidence).map(|(value, evidence)| ((*value).to_owned(), source(evidence)));
        Fact::of(name, values, "2026-06-01T00:00:00Z".parse().ok()).unwrap()
    }

    fn disputed(name: &'static str, first: &str, other: &str) -> bool {
        said(name, &[first, other]).is_disputed()
    }

    #[test]
    fn what_several_say_is_said_once() {
        let fact = said("title", &["shop", "shop", "store", "shop"]);
        assert_eq!(fact.statements.iter().map(|statement| statement.sources.len()).collect::<Vec<_>>(), [3, 1]);
        assert_eq!((fact.value(), fact.is_disputed()), ("shop", true));
        assert_eq!(Fact::of("title", [], None), None);
        assert_eq!(said("title", &["", "shop"]).statements.len(), 1);
    }

    #[test]
    fn other_words_for_the_same_are_no_conflict() {
        for (name, first, other) in [
            ("version", "1.10.3", "v1.10.3"),
            ("version", "1.10.3", "1.10"),
            ("version", "1.10.3", "1.10.3-alpine3.20"),
            ("version", "1.10.3+build.5", "1.10.3"),
            ("revision", "0123456789abcdef", "0123456"),
            ("licenses", "apache-2.0", "Apache-2.0"),
            ("source", "https://git.example/shop", "https://git.example/shop.git/"),
            ("created", "2026-01-02T03:04:05Z", "2026-01-02T05:04:00+01:00"),
            ("created", "2026-01-02T03:04:05Z", "2026-01-02"),
            ("created", "2026-01-02T03:04:05Z", "1970-01-01T00:00:00Z"),
            ("name", "a", "b"),
        ] {
            assert!(!disputed(name, first, other), "{name}: {first}, {other}");
            assert!(!disputed(name, other, first), "{name}: {other}, {first}");
        }
    }

    #[test]
    fn other_things_are_a_conflict() {
        for (name, first, other) in [
            ("version", "1.10.3", "1.11"),
            ("version", "1.10.3", "24.04"),
            ("version", "1.10.3", "1.10.3-rc1"),
            ("version", "noble", "jammy"),
            ("revision", "0123456789", "012"),
            ("licenses", "MIT", "Apache-2.0"),
            ("source", "https://git.example/shop", "https://git.example/store"),
            ("created", "2026-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
            ("created", "2026-01-02T03:04:05Z", "yesterday"),
            ("title", "a", "A"),
        ] {
            assert!(disputed(name, first, other), "{name}: {first}, {other}");
        }
    }

    #[test]
    fn a_constant_is_no_date_and_gives_way_to_one() {
        for constant in ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1980-01-01T00:00:01Z"] {
            assert_eq!(said("created", &[constant]).note, Some(NO_DATE));
            let fact = said("created", &[constant, "2026-01-02T03:04:05Z"]);
            assert_eq!((fact.value(), fact.note, fact.is_disputed()), ("2026-01-02T03:04:05Z", None, false));
        }
        assert_eq!(said("created", &["2026-06-03T00:00:00Z"]).note, Some(FUTURE_DATE));
        assert_eq!(said("created", &["2026-06-01T12:00:00Z"]).note, None);
        assert_eq!(said("created", &["lately"]).note, Some(UNREADABLE_DATE));
    }
}
