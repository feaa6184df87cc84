//! The bytes that are replaced to write a reference, and how text has to look there.

use std::ops::Range;

use crate::edit::Edit;

/// A run of bytes whose text may be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) span: Range<usize>,
    pub(crate) style: Style,
    /// What stands there now.
    pub(crate) text: String,
}

/// What surrounds a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Anything that can be in a reference can stand here: the inside of quotes, a word of a Dockerfile.
    Verbatim,
    /// A YAML scalar without quotes, all of it.
    Plain,
    /// The end of a YAML scalar without quotes.
    PlainEnd,
    /// Right after the colon of a YAML key that has no value.
    Absent,
}

/// The slots of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Slots {
    /// The reference is left alone.
    None,
    /// All of the reference.
    Whole(Whole),
    /// Its parts.
    Split(Box<Split>),
}

/// A reference in one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) slot: Slot,
    /// Whether a tag and a digest can be given together; else the digest goes before.
    pub(crate) both: bool,
}

/// A reference in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Split {
    /// What is put before the name, with a slash.
    pub(crate) registry: Option<Slot>,
    pub(crate) name: Option<Slot>,
    pub(crate) tag: Option<Slot>,
    pub(crate) digest: Option<Slot>,
    /// Whether the digest is written without its algorithm, which is sha256.
    pub(crate) digest_is_bare: bool,
}

impl Slots {
    /// Returns the spans, front to back.
    pub(crate) fn spans(&self) -> Vec<Range<usize>> {
        let mut spans: Vec<Range<usize>> = match self {
            Self::None => Vec::new(),
            Self::Whole(whole) => vec![whole.slot.span.clone()],
            Self::Split(split) => [&split.registry, &split.name, &split.tag, &split.digest]
                .into_iter()
                .flatten()
                .map(|slot| slot.span.clone())
                .collect(),
        };
        spans.sort_by_key(|span| (span.start, span.end));
        spans
    }

    /// Moves all spans back, for what was parsed without its beginning.
    pub(crate) fn shift(&mut self, by: usize) {
        let shift = |slot: &mut Slot| slot.span = slot.span.start + by..slot.span.end + by;
        match self {
            Self::None => {}
            Self::Whole(whole) => shift(&mut whole.slot),
            Self::Split(split) => {
                let Split { registry, name, tag, digest, .. } = &mut **split;
                [registry, name, tag, digest].into_iter().flatten().for_each(shift);
            }
        }
    }
}

impl Slot {
    /// Returns the edit that makes the slot say `text`; `None` where it does so already.
    ///
    /// # Errors
    ///
    /// Returns why the text cannot stand there.
    pub(crate) fn edit(&self, text: &str) -> Result<Option<Edit>, &'static str> {
        let replacement = match self.style {
            Style::Plain if is_plain_string(text) => text.to_owned(),
            Style::Plain => format!("\"{text}\""),
            Style::PlainEnd if text.contains('[') => return Err("an address in brackets needs quotes there"),
            Style::PlainEnd | Style::Verbatim => text.to_owned(),
            Style::Absent if text.is_empty() => return Ok(None),
            Style::Absent if is_plain_string(text) => format!(" {text}"),
            Style::Absent => format!(" \"{text}\""),
        };
        let is_written = self.style != Style::Absent && replacement == self.text;
        Ok((!is_written).then(|| Edit { span: self.span.clone(), replacement }))
    }
}

/// Tells whether every reader of YAML takes the text for a string when it has no quotes. Readers of YAML 1.1 are among
/// them: `1.20` would lose its zero, `1e3` would be a thousand, `on` would be true.
pub(crate) fn is_plain_string(text: &str) -> bool {
    const WORDS: [&str; 11] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];
    let is_number = {
        let number = text.trim_start_matches(['+', '-']);
        let radix = number.strip_prefix('0').and_then(|rest| rest.strip_prefix(['x', 'o', 'b', 'X', 'O', 'B']));
        let is_hexadecimal =
            radix.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'_'));
        is_hexadecimal || is_decimal(number) || is_date(number)
    };
    let is_word = WORDS.iter().any(|word| word.eq_ignore_ascii_case(text.trim_start_matches('.')));
    let first_is_fine = text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_');
    first_is_fine && !is_number && !is_word
}

/// `12`, `1_000`, `1.20`, `1e3`, `1:30:00`: digits with at most one point, exponent or sixties.
fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent = exponent.trim_start_matches(['+', '-']);
    let (sixties, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(exponent) && digits(fraction) && sixties.split(':').all(digits)
}

/// `2024-11-07`, with or without a time.
fn is_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let mut digits = |lengths: std::ops::RangeInclusive<usize>| {
        parts.next().is_some_and(|part| {
            let count = part.bytes().take_while(u8::is_ascii_digit).count();
            lengths.contains(&count)
        })
    };
    digits(4..=4) && digits(1..=2) && digits(1..=2)
}
