//! What only the user knows: paths and build arguments that hold references.

use std::str::FromStr;

use crate::limits::PATTERN_STEPS_MAX;

/// The build argument that names the image of BuildKit's frontend, whatever the file.
const SYNTAX_ARGUMENT: &str = "BUILDKIT_SYNTAX";

/// Where to look besides the places that every file of a kind has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Further places in Kubernetes manifests and Helm values: a reference in one scalar, or a mapping of its parts.
    pub paths: Vec<Pattern>,
    /// Build arguments of Dockerfiles, Compose and bake files whose value is a reference.
    pub arguments: Vec<String>,
}

impl Options {
    pub(crate) fn is_reference(&self, argument: &str) -> bool {
        argument == SYNTAX_ARGUMENT || self.arguments.iter().any(|known| known == argument)
    }
}

/// A path into a document: `spec.jaeger.image`, `spec.steps[*].image`, `*.image`, `"app.example/a".image`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    pub(crate) steps: Vec<Step>,
}

/// A step of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    AnyKey,
    Index(usize),
    AnyIndex,
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |why| PatternError { text: text.chars().take(300).collect(), why };
        let mut steps = Vec::new();
        let mut rest = text;
        loop {
            if steps.len() == PATTERN_STEPS_MAX {
                return Err(invalid("it has too many steps"));
            }
            if let Some(inside) = rest.strip_prefix('[') {
                let (index, after) = inside.split_once(']').ok_or_else(|| invalid("a `[` is not closed"))?;
                steps.push(match index {
                    "*" => Step::AnyIndex,
                    _ => Step::Index(index.parse().map_err(|_| invalid("write `[*]` or a number in brackets"))?),
                });
                rest = after;
            } else {
                let (key, after) = match rest.strip_prefix('"') {
                    Some(inside) => inside.split_once('"').ok_or_else(|| invalid("a quote is not closed"))?,
                    None => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
                };
                let is_quoted = rest.starts_with('"');
                if key.is_empty() {
                    return Err(invalid("a step is empty"));
                }
                steps.push(if key == "*" && !is_quoted { Step::AnyKey } else { Step::Key(key.to_owned()) });
                rest = after;
            }
            if rest.is_empty() {
                return Ok(Self { steps });
            }
            if let Some(after) = rest.strip_prefix('.') {
                rest = after;
            } else if !rest.starts_with('[') {
                return Err(invalid("steps are separated by dots"));
            }
        }
    }
}

/// A pattern that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a path into a document: {why}", oci::text::printable(.text))]
pub struct PatternError {
    text: String,
    why: &'static str,
}
