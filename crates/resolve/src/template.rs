//! How the tags of an image are made of the values of axes: `{version}-{os}`.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use crate::scheme::Scheme;
use crate::value::Value;

/// The axis that an image moves along.
pub const VERSION_AXIS: &str = "version";
/// Most axes of a template.
const AXES_MAX: usize = 8;
/// Most bytes of a template. A tag has 128 at most.
const TEXT_MAX_BYTES: usize = 256;

/// How the tags of an image are made of the values of axes. `{v?}` stands for a `v` that may be there or not. A template without
/// axes is a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Optional(String),
    Axis(String),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError`], which points at the part that cannot be read.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let error =
            |start: usize, length: usize, reason: &str| TemplateError { start, length, reason: reason.to_owned() };
        if text.len() > TEXT_MAX_BYTES {
            return Err(error(0, text.len(), "is longer than any tag"));
        }
        let mut parts: Vec<Part> = Vec::new();
        let mut start = 0;
        while start < text.len() {
            let rest = &text[start..];
            let length = if let Some(after) = rest.strip_prefix('{') {
                let Some(end) = after.find('}') else {
                    return Err(error(start, rest.len(), "has a `{` without its `}`"));
                };
                let length = end + 2;
                match &after[..end] {
                    "v?" => parts.push(Part::Optional("v".to_owned())),
                    name if is_axis_name(name) => {
                        if parts.contains(&Part::Axis(name.to_owned())) {
                            return Err(error(start, length, "names an axis a second time"));
                        }
                        if matches!(parts.last(), Some(Part::Axis(_))) {
                            return Err(error(start, length, "follows another axis with nothing between them"));
                        }
                        parts.push(Part::Axis(name.to_owned()));
                    }
                    _ => {
                        return Err(error(
                            start,
                            length,
                            "is no name of an axis: lower-case letters, digits and `-`, or `v?`",
                        ));
                    }
                }
                length
            } else {
                let length = rest.find('{').unwrap_or(rest.len());
                let literal = &rest[..length];
                let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
                if let Some(place) = literal.bytes().position(|byte| !is_allowed(byte)) {
                    let length = literal[place..].chars().next().map_or(1, char::len_utf8);
                    return Err(error(start + place, length, "cannot stand in a tag"));
                }
                parts.push(Part::Literal(literal.to_owned()));
                length
            };
            start += length;
        }
        let axes = parts.iter().filter(|part| matches!(part, Part::Axis(_))).count();
        if parts.is_empty() {
            return Err(error(0, 0, "is empty"));
        }
        // Without any axis it is one tag, which moves or does not.
        if axes > 0 && !parts.contains(&Part::Axis(VERSION_AXIS.to_owned())) {
            return Err(error(0, text.len(), "has no `{version}`"));
        }
        if axes > AXES_MAX {
            return Err(error(0, text.len(), "has more than 8 axes"));
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// Returns the names of the axes, in their order.
    pub fn axes(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Axis(name) => Some(name.as_str()),
            Part::Literal(_) | Part::Optional(_) => None,
        })
    }

    /// Reads a tag: the value of each axis. `None` when the tag is not made like that. Where several readings are possible, the
    /// first axes take as much as they can.
    pub fn read(&self, tag: &str, scheme_of: impl Fn(&str) -> Scheme) -> Option<BTreeMap<String, Value>> {
        let schemes: Vec<Scheme> = self.axes().map(scheme_of).collect();
        let mut values = BTreeMap::new();
        let mut reader = Reader { parts: &self.parts, tag, schemes: &schemes, dead_ends: HashSet::new() };
        reader.read(0, 0, &mut values).then_some(values)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_axis_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Reads one tag. From a place in it the rest of a template can be read or cannot, so no place is tried twice.
struct Reader<'a> {
    parts: &'a [Part],
    tag: &'a str,
    /// Of each axis, in their order.
    schemes: &'a [Scheme],
    dead_ends: HashSet<(usize, usize)>,
}

impl Reader<'_> {
    /// Reads from a part on. The depth is bounded by the number of parts.
    fn read(&mut self, part: usize, place: usize, values: &mut BTreeMap<String, Value>) -> bool {
        if self.dead_ends.contains(&(part, place)) {
            return false;
        }
        let (parts, tag) = (self.parts, self.tag);
        let rest = &tag[place..];
        let is_read = match parts.get(part) {
            None => rest.is_empty(),
            Some(Part::Literal(literal)) => {
                rest.starts_with(literal.as_str()) && self.read(part + 1, place + literal.len(), values)
            }
            Some(Part::Optional(literal)) => {
                (rest.starts_with(literal.as_str()) && self.read(part + 1, place + literal.len(), values))
                    || self.read(part + 1, place, values)
            }
            Some(Part::Axis(name)) => {
                let scheme = &self.schemes[parts[..part].iter().filter(|part| matches!(part, Part::Axis(_))).count()];
                let ends: Vec<usize> = rest.char_indices().map(|(at, character)| at + character.len_utf8()).collect();
                ends.into_iter().rev().any(|end| {
                    let Some(value) = scheme.read(&rest[..end]) else { return false };
                    if !self.read(part + 1, place + end, values) {
                        return false;
                    }
                    values.insert(name.clone(), value);
                    true
                })
            }
        };
        if !is_read {
            self.dead_ends.insert((part, place));
        }
        is_read
    }
}

/// Why a template cannot be read, and which part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct TemplateError {
    /// Where the part begins, in bytes of the template.
    pub start: usize,
    /// How many bytes it has.
    pub length: usize,
    /// What is wrong with it.
    pub reason: String,
}
