//! Versions of Python's packages, as PEP 440 defines them.

use super::{number, numbers};
use crate::value::{Key, Value};
use crate::version::Stage;

/// Reads `N(.N)*[{a|b|rc}N][.postN][.devN][+local]` and the other spellings that PEP 440 normalises; `_` in place of the `+`. A tag
/// cannot hold the `!` of an epoch.
pub(super) fn read(text: &str) -> Option<Value> {
    let lower = text.to_ascii_lowercase();
    let rest = lower.strip_prefix('v').unwrap_or(&lower);
    let end = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let release = rest[..end].trim_end_matches('.');
    let numbers = numbers(release)?;
    let mut rest = &rest[release.len()..];

    let pre = part(&mut rest, &["alpha", "beta", "preview", "pre", "rc", "a", "b", "c"]);
    let post = part(&mut rest, &["post", "rev", "r"]).or_else(|| implicit_post(&mut rest));
    let dev = part(&mut rest, &["dev"]);
    // A local version (`+` or, in a tag, `_`) comes after the same version without one.
    let local = match rest.strip_prefix(['+', '_']) {
        Some(local) if !local.is_empty() => Some(local),
        None if rest.is_empty() => None,
        _ => return None,
    };

    let mut key = Key::default();
    key.numbers(&numbers);
    let stage = match pre {
        Some(("alpha" | "a", _)) => Stage::Alpha,
        Some(("beta" | "b", _)) => Stage::Beta,
        Some(_) => Stage::Candidate,
        None if dev.is_some() && post.is_none() => Stage::Development,
        None => Stage::Release,
    };
    key.rank(stage as u64);
    key.rank(pre.map_or(0, |(_, number)| number));
    key.rank(post.map_or(0, |(_, number)| number.saturating_add(1)));
    key.rank(dev.map_or(u64::MAX, |(_, number)| number));
    key.text(local.unwrap_or_default());
    let is_plain = pre.is_none() && post.is_none() && dev.is_none() && local.is_none();
    Some(Value::new(text.to_owned(), numbers, key).prerelease(pre.is_some() || dev.is_some()).plain(is_plain))
}

/// Takes one of the words and its number off the beginning, with the separators that are allowed around the word.
fn part<'a>(rest: &mut &'a str, words: &[&'static str]) -> Option<(&'static str, u64)> {
    let after_separator = rest.strip_prefix(['.', '-', '_']).unwrap_or(rest);
    let (word, after): (&'static str, &'a str) =
        words.iter().find_map(|word| Some((*word, after_separator.strip_prefix(word)?)))?;
    let digits = after.strip_prefix(['.', '-', '_']).unwrap_or(after);
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    if length == 0 {
        // `1.0rc`: the number is zero. `1.0_abc`: another word.
        if after.starts_with(|next: char| next.is_ascii_alphanumeric()) {
            return None;
        }
        *rest = after;
        return Some((word, 0));
    }
    let count = number(&digits[..length])?;
    *rest = &digits[length..];
    Some((word, count))
}

/// Takes `-N`, the short form of `.postN`, off the beginning.
fn implicit_post(rest: &mut &str) -> Option<(&'static str, u64)> {
    let digits = rest.strip_prefix('-')?;
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    let count = number(digits.get(..length).filter(|digits| !digits.is_empty())?)?;
    *rest = &digits[length..];
    Some(("post", count))
}
