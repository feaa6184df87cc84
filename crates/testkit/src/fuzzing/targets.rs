//! References in other people's files, and lists of images of other tools.

use std::ops::Range;

use oci::{RegistryReference, Selector, Tag};
use targets::import::{Entry, ListEntry, compose, docker_lock, imgpkg, regsync, skopeo};
use targets::{Change, Content, Kind, Options, Place, TargetError, Write, find, rewrite, undo};

use super::assert_printable;

/// Paths and build arguments that hold references, as a project names them.
const PATHS: [&str; 4] = ["spec.image", "*.image", "spec.steps[*].image", "*[0].*"];
const ARGUMENTS: [&str; 2] = ["IMAGE", "BASE"];

/// What every place is made to name.
const ELSEWHERE: &str =
    "registry.example:5000/team/other:1.20@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Finds the references in a file, whose kind is the first byte, a digit, and writes others there.
///
/// What is found lies in the file and is told with its line and column. What is written is found again, nothing around it
/// changes, and all of it can be taken back.
pub fn target(data: &[u8]) {
    let Some((digit, file)) = data.split_first() else { return };
    let number = char::from(*digit).to_digit(10).unwrap_or_default() as usize;
    let Some(kind) = Kind::ALL.get(number).copied() else { return };
    let options = Options {
        paths: PATHS.iter().map(|path| path.parse().unwrap()).collect(),
        arguments: ARGUMENTS.iter().map(|name| (*name).to_owned()).collect(),
    };
    let places = match find(kind, &options, file) {
        Ok(places) => places,
        Err(error) => return assert_printable(&error),
    };
    // It was read, so it is text.
    let text = std::str::from_utf8(file).unwrap();
    check_places(&places, text);
    let elsewhere: RegistryReference = ELSEWHERE.parse().unwrap();
    for write in [Write::Tag, Write::Digest, Write::TagAndDigest] {
        check_rewrite(kind, &options, text, &plan(&places, write, |_| elsewhere.clone()));
        let selector = elsewhere.selector.clone();
        let newer = |written: &RegistryReference| RegistryReference { selector: selector.clone(), ..written.clone() };
        check_rewrite(kind, &options, text, &plan(&places, write, newer));
    }
    let unchanged = plan(&places, Write::Tag, RegistryReference::clone);
    assert!(unchanged.iter().all(|change| change.after.reference.selector.digest.is_none()));
}

fn check_places(places: &[Place], text: &str) {
    for (index, place) in places.iter().enumerate() {
        assert_eq!(place.index, index);
        assert_printable(&place.path);
        assert_printable(&place.content);
        if let Content::Skipped { reason, .. } = &place.content {
            assert_printable(reason);
        }
        assert!(text.get(place.span.clone()).is_some(), "{place:?} is no part of the text");
        assert!(place.spans().iter().all(|span| text.get(span.clone()).is_some()), "{place:?} is no part of the text");
        let before = &text[..place.span.start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        assert_eq!(place.line, before.matches('\n').count() + 1, "{place:?}");
        let column = before[line_start..].trim_start_matches('\u{feff}').chars().count() + 1;
        assert_eq!(place.column, column, "{place:?}");
    }
}

/// Returns what can be planned for the places.
fn plan(places: &[Place], write: Write, wanted: impl Fn(&RegistryReference) -> RegistryReference) -> Vec<Change> {
    let planned = places.iter().filter_map(|place| Some((place, wanted(&place.image()?.reference))));
    planned.filter_map(|(place, wanted)| place.plan(&wanted, write).inspect_err(assert_printable).ok()).collect()
}

fn check_rewrite(kind: Kind, options: &Options, text: &str, changes: &[Change]) {
    let rewritten = match rewrite(kind, options, text.as_bytes(), changes) {
        Ok(rewritten) => rewritten,
        Err(error) => return assert_printable(&error),
    };
    let after = String::from_utf8(rewritten.bytes).unwrap();
    let undone = undo(text.as_bytes(), &rewritten.edits).unwrap();
    assert_eq!(targets::apply(after.as_bytes(), &undone).unwrap(), text.as_bytes());
    let before_places = find(kind, options, text.as_bytes()).unwrap();
    let after_places = find(kind, options, after.as_bytes()).unwrap();
    assert_eq!(around(&before_places, text), around(&after_places, &after), "{text:?} became {after:?}");
    for change in changes {
        let place = &after_places[change.place];
        assert_eq!(place.content, Content::Image(Box::new(change.after.clone())));
        // What stands there already is not written again.
        let mut selector = change.after.reference.selector.clone();
        let write = match &selector {
            Selector { tag: Some(_), digest: Some(_) } => Write::TagAndDigest,
            Selector { digest: Some(_), .. } => Write::Digest,
            _ => Write::Tag,
        };
        selector.tag = selector.tag.or_else(|| "1".parse::<Tag>().ok());
        let same = RegistryReference { selector, ..change.after.reference.clone() };
        if let Ok(again) = place.plan(&same, write).inspect_err(assert_printable)
            && again.after == change.after
        {
            assert_eq!(again.edits, [], "{} is written again: {after:?}", place.path);
        }
    }
}

/// Returns what stands around the references, but for the quotes and blanks that a reference may need.
fn around<'t>(places: &[Place], text: &'t str) -> Vec<&'t str> {
    let mut spans: Vec<Range<usize>> = places.iter().flat_map(Place::spans).collect();
    spans.sort_by_key(|span| (span.start, span.end));
    spans.dedup();
    let mut at = 0;
    let mut pieces = Vec::new();
    for span in spans {
        pieces.push(text.get(at..span.start).expect("two places share bytes"));
        at = span.end;
    }
    pieces.push(&text[at..]);
    pieces.into_iter().map(|piece| piece.trim_matches(['"', ' '])).collect()
}

/// Reads a list of another tool, as each of those that are known. What is written of it is read as the same.
pub fn import(data: &[u8]) {
    check_list(imgpkg::read, imgpkg::write, data);
    check_list(docker_lock::read, docker_lock::write, data);
    check_list(compose::read, compose::write, data);
    for read in [regsync::read, skopeo::read] {
        match read(data) {
            Ok(entries) => entries.iter().for_each(|entry| check_entry(entry, data)),
            Err(error) => assert_shown(&error, data),
        }
    }
}

/// An entry stands in the file.
fn check_entry(entry: &ListEntry, data: &[u8]) {
    let lines = data.split(|byte| matches!(byte, b'\n' | b'\r')).count();
    assert!((1..=lines).contains(&entry.line) && (1..=data.len() + 1).contains(&entry.column), "{entry:?}");
}

fn check_list(read: fn(&[u8]) -> Result<Vec<Entry>, TargetError>, write: fn(&[Entry]) -> String, data: &[u8]) {
    let entries = match read(data) {
        Ok(entries) => entries,
        Err(error) => return assert_shown(&error, data),
    };
    assert!(entries.iter().all(|entry| entry.reference.selector.digest.is_some()));
    let text = write(&entries);
    let written = read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
    let is_known = |entry: &Entry| entries.iter().any(|known| known.reference == entry.reference);
    assert!(written.iter().all(is_known), "{text}");
    assert_eq!(write(&written), text, "the second time it is written otherwise");
}

/// An error can be shown and points into the text.
fn assert_shown(error: &TargetError, data: &[u8]) {
    assert_printable(error);
    if let TargetError::Syntax { line, column, .. } | TargetError::NotText { line, column } = error {
        // JSON, and with it YAML, ends lines as it likes.
        let lines = data.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
        assert!((1..=lines).contains(line) && *column >= 1, "{error}: the text has {lines} lines");
    }
}
