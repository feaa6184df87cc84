//! A tag taken apart.

use super::{DATE, VERSION, words};
use crate::version::{Stage, Version};

/// A part of a tag between two separators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Numbers, perhaps with a stage: `1.57.2`, `v3`, `3.13.0b4`, `2024-11-07`.
    Version { version: Version, form: Form },
    /// A stage of its own: `rc.1`, `beta`.
    Stage { stage: Stage, numbers: Vec<u64>, word: String },
    /// A count of builds or packagings: `r4`, `ls45`, `b06`.
    Revision { word: String, number: u64 },
    /// A word, perhaps with a version of its own: `slim`, `alpine3.20`, `ltsc2022`.
    Word(String),
    /// A name for the final release: `Final`, `GA`.
    Final,
    /// The hash of a commit or build, in hexadecimal.
    Hash,
    /// What stands after `_`, in place of the `+` that a tag cannot hold, and does not count.
    Metadata,
}

/// What numbers look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Form {
    /// `1.57.2`, `2024.11`.
    Dotted,
    /// `42`.
    Integer,
    /// `20241107`, `2024-11-07`, with or without a time.
    Date,
}

impl Form {
    /// Returns what stands for such numbers in a template.
    pub(super) const fn place(self) -> &'static str {
        match self {
            Self::Dotted | Self::Integer => VERSION,
            Self::Date => DATE,
        }
    }
}

/// Fewest and most digits of a hash.
const HASH_DIGITS: std::ops::RangeInclusive<usize> = 7..=64;

/// Takes a tag apart.
pub(super) fn tokens(tag: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = tag;
    // `RELEASE.2024-11-07T00-52-20Z`: a word, and the date after it.
    if let Some((word, after)) = rest.split_once('.')
        && word.bytes().all(|byte| byte.is_ascii_alphabetic())
        && date(after).is_some()
    {
        tokens.push(Token::Word(word.to_ascii_lowercase()));
        rest = after;
    }
    let mut after_underscore = false;
    while !rest.is_empty() {
        if let Some((version, length)) = date(rest) {
            tokens.push(Token::Version { version, form: Form::Date });
            rest = &rest[length..];
        } else {
            let length = segment_length(rest);
            let segment = &rest[..length];
            rest = &rest[length..];
            add(segment, after_underscore, &mut tokens);
        }
        after_underscore = rest.starts_with('_');
        rest = rest.strip_prefix(['-', '_', '.']).unwrap_or(rest);
    }
    tokens
}

/// Returns the length of what comes before the next separator; `x86_64` has none inside.
fn segment_length(text: &str) -> usize {
    const X86_64: &str = "x86_64";
    if text.starts_with(X86_64) && !text[X86_64.len()..].starts_with(|next: char| next.is_ascii_alphanumeric()) {
        return X86_64.len();
    }
    text.find(['-', '_']).unwrap_or(text.len())
}

/// Adds the tokens of a segment: one, or, where it means nothing as a whole, those of its parts between dots.
fn add(segment: &str, after_underscore: bool, tokens: &mut Vec<Token>) {
    if segment.is_empty() {
        return;
    }
    let whole = token(segment, after_underscore, tokens);
    let is_versioned_word = || {
        let letters = segment.bytes().take_while(u8::is_ascii_alphabetic).count();
        segment[letters..].starts_with(|digit: char| digit.is_ascii_digit()) && numbers(&segment[letters..]).is_some()
    };
    if !matches!(whole, Token::Word(_)) || !segment.contains('.') || is_versioned_word() {
        tokens.push(whole);
        return;
    }
    // First at the dots before letters, so that numbers stay together: `23.12.81803.minimal`.
    let before_letter =
        segment.bytes().zip(segment.bytes().skip(1)).position(|(dot, next)| dot == b'.' && next.is_ascii_alphabetic());
    if let Some(dot) = before_letter {
        add(&segment[..dot], after_underscore, tokens);
        add(&segment[dot + 1..], false, tokens);
        return;
    }
    for (place, part) in segment.split('.').filter(|part| !part.is_empty()).enumerate() {
        tokens.push(match token(part, false, tokens) {
            // `ce.0`: not the version of anything.
            Token::Version { version, form: Form::Integer } if place > 0 => {
                Token::Revision { word: ".".to_owned(), number: version.numbers[0] }
            }
            other => other,
        });
    }
}

fn token(segment: &str, after_underscore: bool, before: &[Token]) -> Token {
    let after_version = matches!(before.last(), Some(Token::Version { .. }));
    if (after_version || segment != "386") && words::is_architecture(segment) {
        return Token::Word(segment.to_ascii_lowercase());
    }
    if after_underscore && (after_version || matches!(before.last(), Some(Token::Stage { .. }))) {
        return segment.parse().map_or(Token::Metadata, |number| Token::Revision { word: "_".to_owned(), number });
    }
    if is_hash(segment) {
        return Token::Hash;
    }
    if let Some((version, form)) = version(segment) {
        return Token::Version { version, form };
    }
    let letters = segment.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, digits) = segment.split_at(letters);
    if words::is_codename(segment) {
        return Token::Word(segment.to_ascii_lowercase());
    }
    if digits.is_empty() && words::is_final(word) && after_version {
        return Token::Final;
    }
    let numbers = numbers(digits.strip_prefix('.').unwrap_or(digits));
    if let (Some(stage), Some(numbers)) =
        (Stage::parse(word), if digits.is_empty() { Some(Vec::new()) } else { numbers.clone() })
        && is_stage(word, &numbers, before)
    {
        return Token::Stage { stage, numbers, word: word.to_ascii_lowercase() };
    }
    // The word may hold digits itself: `k3s1`.
    let (word, count) = segment.split_at(segment.trim_end_matches(|digit: char| digit.is_ascii_digit()).len());
    match count.parse() {
        Ok(number) if words::is_revision(word.trim_end_matches('.')) && !before.is_empty() => {
            Token::Revision { word: word.to_ascii_lowercase(), number }
        }
        _ => Token::Word(segment.to_ascii_lowercase()),
    }
}

/// Tells whether a word of one letter means a stage: `m1` does, `a` and `b06` do not.
fn is_stage(word: &str, numbers: &[u64], before: &[Token]) -> bool {
    let counts_builds = word.eq_ignore_ascii_case("b")
        && matches!(before.last(), Some(Token::Version { version, .. }) if version.numbers.len() < 3);
    word.len() > 1 || (!numbers.is_empty() && !counts_builds && !word.eq_ignore_ascii_case("c"))
}

/// Tells whether a segment is a hash: hexadecimal, with letters and digits, or `g` and that, as `git describe` writes it.
fn is_hash(segment: &str) -> bool {
    let digits = segment.strip_prefix('g').unwrap_or(segment);
    let is_hexadecimal = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let (letters, decimals) = digits.bytes().fold((0, 0), |(letters, decimals), byte| {
        if byte.is_ascii_digit() { (letters, decimals + 1) } else { (letters + 1, decimals) }
    });
    let is_described = digits.len() < segment.len();
    HASH_DIGITS.contains(&digits.len()) && is_hexadecimal && ((letters > 0 && decimals > 0) || is_described)
}

/// Reads numbers with dots between them, perhaps after a `v`, and what is glued to them.
fn version(segment: &str) -> Option<(Version, Form)> {
    let text = segment.strip_prefix(['v', 'V']).unwrap_or(segment);
    let end = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (digits, glued) = text.split_at(end);
    let (digits, dotted) = digits.strip_suffix('.').map_or((digits, false), |digits| (digits, true));
    if dotted && glued.is_empty() {
        return None;
    }
    let mut version = Version::release(numbers(digits)?);
    // However it is written, what is shown as a date is one: `020241107`, and `20241107p2`.
    let shown = version.numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".");
    if let Some((dated, length)) = date(&shown)
        && length == shown.len()
    {
        version.numbers = dated.numbers;
    }
    let form = if version.numbers.len() > 1 { Form::Dotted } else { Form::Integer };
    if glued.is_empty() {
        return Some((version, form));
    }
    let letters = glued.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, after) = glued.split_at(letters);
    let after = after.strip_prefix('.').unwrap_or(after);
    let counted = if after.is_empty() { Vec::new() } else { numbers(after)? };
    match (Stage::parse(word), &counted[..]) {
        // `8u432`: the update is a number like any other.
        _ if word == "u" && counted.len() == 1 => version.numbers.extend(&counted),
        (Some(stage), _) if !counted.is_empty() || word.len() > 1 => {
            (version.stage, version.stage_numbers) = (stage, counted);
        }
        (_, []) if words::is_final(word) => {}
        (_, []) if word.len() == 1 && form == Form::Dotted => {
            // `1.0.2u`: letters count where numbers have run out.
            version.revision.push(u64::from(word.as_bytes()[0].to_ascii_lowercase() - b'a') + 1);
        }
        (_, [number]) if words::is_revision(word) => version.revision.push(*number),
        _ => return None,
    }
    Some((version, Form::Dotted))
}

/// Reads numbers with dots between them; `None` when there is anything else, or a number without end.
pub(super) fn numbers(text: &str) -> Option<Vec<u64>> {
    text.split('.')
        .map(|number| number.parse().ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_digit())))
        .collect()
}

/// Reads a date at the beginning: `2024-11-07`, `20241107`, and the time after a `T` or, without one, after a `.`.
fn date(text: &str) -> Option<(Version, usize)> {
    let digits = |range: std::ops::Range<usize>| -> Option<u64> {
        let part = text.get(range)?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let separated = text.as_bytes().get(4).copied().filter(|byte| matches!(byte, b'-' | b'.'));
    let (year, month, day, length) = match separated {
        Some(b'-') if text.as_bytes().get(7) == Some(&b'-') => (digits(0..4)?, digits(5..7)?, digits(8..10)?, 10),
        None => (digits(0..4)?, digits(4..6)?, digits(6..8)?, 8),
        _ => return None,
    };
    if !(1990..2100).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let mut version = Version::release(vec![year, month, day]);
    let mut length = length;
    // `20190903101522`
    let clock = text[length..].bytes().take_while(u8::is_ascii_digit).count();
    if length == 8 && matches!(clock, 4 | 6) {
        version.numbers.push(text[length..length + clock].parse().ok()?);
        length += clock;
    }
    let rest = &text[length..];
    let time = rest.strip_prefix(['T', 't', '.']).filter(|time| time.starts_with(|first: char| first.is_ascii_digit()));
    if let Some(time) = time {
        // Hours, minutes and seconds, whatever stands between them.
        let end = time.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'-').count();
        let clock: String = time[..end].chars().filter(char::is_ascii_digit).collect();
        version.numbers.push(clock.parse().ok()?);
        length += 1 + end;
        length += usize::from(text[length..].starts_with(['Z', 'z']));
    }
    match text[length..].chars().next() {
        None | Some('-' | '_' | '.') => Some((version, length)),
        _ => None,
    }
}
