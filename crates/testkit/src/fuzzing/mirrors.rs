//! Mirrors: what is wanted of repositories, and what their tags were seen to name.

use std::collections::BTreeMap;

use oci::{Tag, Timestamp};

use resolve::mirror::{MirrorFile, VersionRule};
use resolve::observation::{Answers, Header, Known, LOG_MAX_BYTES, LogText, Observations, Seen, Sighting, header};

use super::assert_printable;
use super::projects::assert_shown;

/// Most rules whose tags are selected: each looks at all tags.
const RULES_MAX: usize = 8;

/// Reads a list of mirrors; after a zero byte come tags, one a line, and after another one a range of another tool.
///
/// Only tags that are there and not excepted are wanted, and no more versions than are kept.
pub fn mirror(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut pieces = text.split('\0');
    let mut piece = || pieces.next().unwrap_or_default();
    let (text, tags, range) = (piece(), piece(), piece());
    let tags: Vec<Tag> = tags.lines().filter_map(|tag| tag.parse().ok()).collect();
    match VersionRule::semver("registry.example/a".parse().unwrap(), range) {
        Ok(rule) => assert!(rule.select(&tags, |_| true).iter().all(|tag| tags.contains(tag))),
        Err(error) => assert_printable(&error),
    }
    let file = match MirrorFile::parse(text) {
        Ok(file) => file,
        Err(error) => {
            assert_shown(&error, error.place.clone(), text, &error.excerpt("mirror.toml", text));
            assert_printable(&error.label);
            return assert_printable(&error.help.unwrap_or_default());
        }
    };
    assert_ne!(file.every, Some(0));
    for rule in file.rules.iter().take(RULES_MAX) {
        assert_eq!(rule.source.selector, oci::Selector::default());
        assert_eq!(rule.destination.selector(), oci::Selector::default());
        let selected = rule.wanted.select(&tags);
        for tag in &selected {
            assert!(tags.contains(tag) && !tag.is_attachment(), "{tag} is not there");
            assert!(!rule.wanted.except.iter().any(|glob| glob.matches(tag.as_str())), "{tag} is excepted");
        }
        if let Some(globs) = &rule.wanted.tags {
            let is_named = |tag: &&Tag| globs.iter().chain(&rule.wanted.except).any(|glob| glob.matches(tag.as_str()));
            let unnamed = tags.iter().filter(|tag| !is_named(tag)).filter(|tag| selected.contains(tag)).count();
            assert!(unnamed == 0 || rule.wanted.versions.is_some(), "{unnamed} tags that nothing asks for");
        }
    }
}

/// Reads two logs, with a zero byte between them, and brings them together.
///
/// What is written of a log is read as the same; in which order logs are brought together, and how often, is no matter; what
/// was answered is news once.
pub fn observation(data: &[u8]) {
    let mut pieces = data.split(|byte| *byte == 0);
    let mut piece = || pieces.next().unwrap_or_default();
    let (ours, theirs) = (read(piece()), read(piece()));
    let (mut merged, mut reversed) = (ours.clone(), theirs.clone());
    merged.merge(&theirs);
    reversed.merge(&ours);
    assert_eq!(merged, reversed);
    reversed.merge(&merged);
    assert_eq!(merged, reversed, "what is known was added");
    check_periods(&merged);
    check_news(&merged);
    check_shrinking(&merged, data.len() / 4);
}

fn read(text: &[u8]) -> Observations {
    match Header::parse(text) {
        Ok(read) => {
            let line = header(&read.repository);
            assert_eq!(Header::parse(line.as_bytes()), Ok(read));
        }
        Err(error) => assert_printable(&error),
    }
    let (log, skipped) = Observations::parse(text);
    for line in &skipped {
        assert_printable(line);
        let lines = text.split(|byte| *byte == b'\n').count();
        assert!((2..=lines).contains(&line.line) && line.column >= 1, "{line}: there are {lines} lines");
    }
    let again = Observations::parse(format!("\n{}", log.lines()).as_bytes());
    assert_eq!(again, (log.clone(), Vec::new()));
    check_mended(text);
    assert_eq!(log.len(), log.lines().lines().count());
    log
}

/// A log that is written anew says the same as before, to this program and to a newer one.
fn check_mended(text: &[u8]) {
    let read = LogText::parse(text);
    let Ok(repository) = "registry.example/app".parse() else { return };
    let mended = LogText::parse(read.clone().mended(&repository, LOG_MAX_BYTES).as_bytes());
    assert_eq!(mended.torn, None);
    assert_eq!(
        (&mended.log, &mended.not_understood, &mended.other_header),
        (&read.log, &read.not_understood, &read.other_header)
    );
}

/// Periods follow each other, and the last one says what is known in the end.
fn check_periods(log: &Observations) {
    for tag in log.tags() {
        let periods = log.periods(tag);
        assert!(!periods.is_empty());
        assert!(periods.iter().all(|period| period.first <= period.last && !period.sources.is_empty()));
        assert!(periods.windows(2).all(|two| two[0].last <= two[1].first && two[0].seen != two[1].seen));
        let Some(last) = periods.last() else { continue };
        if let Seen::Names(digest) = last.seen {
            assert_eq!(log.at(tag, last.last), Known::Named(digest));
            assert!(log.first_seen(tag, &digest).is_some_and(|first| first <= last.first));
        }
    }
}

/// What is answered as it is known is no news right after it was written down.
fn check_news(log: &Observations) {
    let last = log.sightings().map(|sighting| sighting.moment()).last();
    let now = last.map_or(0, Timestamp::seconds).checked_add(1).and_then(Timestamp::from_seconds);
    let Some(now) = now else { return };
    let known: BTreeMap<Tag, Known> = log.tags().map(|tag| (tag.clone(), log.at(tag, now))).collect();
    let named = |known: &Known| if let Known::Named(digest) = known { Some(*digest) } else { None };
    let answers = Answers {
        tags: known.iter().map(|(tag, known)| (tag.clone(), named(known))).collect(),
        listed: Some(known.iter().filter(|(_, known)| named(known).is_some()).map(|(tag, _)| tag.clone()).collect()),
    };
    let mut after = log.clone();
    let news = log.news(&answers, now);
    assert!(news.iter().all(|sighting| sighting.moment() == now));
    for sighting in news {
        after.insert(sighting);
    }
    assert_eq!(after.news(&answers, now), [], "what was just written down is news");
    for (tag, known) in &known {
        if let Known::Named(digest) = known {
            assert_eq!(after.at(tag, now), Known::Named(*digest));
        }
    }
}

/// A log becomes as small as it has to be, and learns nothing by it.
fn check_shrinking(log: &Observations, limit: usize) {
    let mut small = log.clone();
    small.shrink(limit);
    assert!(small.lines().len() <= limit || small.is_empty(), "{} bytes of {limit}", small.lines().len());
    let mut again = log.clone();
    again.merge(&small);
    assert_eq!(again, *log);
    let mut whole = log.clone();
    whole.shrink(log.lines().len());
    assert_eq!(whole, *log, "it was small enough");
    let is_listing = |sighting: &Sighting| matches!(sighting, Sighting::Listing { .. });
    assert!(small.sightings().filter(is_listing).count() <= log.sightings().filter(is_listing).count());
}
