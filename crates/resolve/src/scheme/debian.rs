//! Versions of Debian's packages.

use super::{number, numbers};
use crate::value::{Key, Value};

/// Reads `upstream[-revision]` (Debian Policy 5.6.12). A tag cannot hold the `:` of an epoch.
pub(super) fn read(text: &str) -> Option<Value> {
    let (upstream, revision) = text.rsplit_once('-').unwrap_or((text, "0"));
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-' | b'~' | b'_');
    if !upstream.starts_with(|first: char| first.is_ascii_digit()) || !text.bytes().all(is_allowed) {
        return None;
    }
    let end = upstream.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let plain = upstream[..end].trim_end_matches('.');
    let mut key = Key::default();
    part(upstream, &mut key)?;
    part(revision, &mut key)?;
    let value = Value::new(text.to_owned(), numbers(plain)?, key);
    Some(value.prerelease(text.contains('~')).plain(plain == text))
}

/// Adds a part of a version: by turns what is no number and a number, where a missing number is a zero.
fn part(text: &str, key: &mut Key) -> Option<()> {
    let mut rest = text;
    while !rest.is_empty() {
        let words = rest.bytes().take_while(|byte| !byte.is_ascii_digit()).count();
        for character in rest[..words].bytes() {
            key.rank(match character {
                b'~' => BEFORE_THE_END,
                letter if letter.is_ascii_alphabetic() => LETTERS + u64::from(letter),
                other => OTHERS + u64::from(other),
            });
        }
        key.rank(END);
        rest = &rest[words..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        key.rank(if digits == 0 { 0 } else { number(&rest[..digits])? });
        rest = &rest[digits..];
    }
    key.rank(END);
    // A number that is not there is a zero.
    key.rank(0);
    Some(())
}

/// A tilde sorts before everything, even the end; letters before everything else.
const BEFORE_THE_END: u64 = 0;
const END: u64 = 1;
const LETTERS: u64 = 2;
const OTHERS: u64 = 0x100;
