//! One span.

use std::borrow::Cow;
use std::sync::Arc;

/// Most bytes of a value that came from a client.
const VALUE_MAX_BYTES: usize = 1024;

/// Whom a span has at its other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nobody.
    Internal,
    /// Who called.
    Server,
    /// Who is called.
    Client,
}

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(Cow<'static, str>),
    Number(i64),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl Value {
    /// Returns a text that came from a client, as far as it is kept.
    pub(crate) fn of(text: &str) -> Self {
        let kept = text.floor_char_boundary(VALUE_MAX_BYTES);
        Self::Text(text.get(..kept).unwrap_or_default().to_owned().into())
    }
}

pub(crate) type Attributes = Vec<(&'static str, Value)>;

/// What a span is called, and what is told of it.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(crate) name: Cow<'static, str>,
    pub(crate) kind: Kind,
    pub(crate) attributes: Attributes,
}

impl Described {
    /// Returns the description of something that this process does by itself.
    pub(crate) fn internal(name: &'static str) -> Self {
        Self { name: name.into(), kind: Kind::Internal, attributes: Vec::new() }
    }
}

/// A span that has ended.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) trace: u128,
    pub(super) id: u64,
    pub(super) parent: Option<u64>,
    /// What the caller handed on in `tracestate`.
    pub(super) state: Option<Arc<str>>,
    pub(super) described: Described,
    /// In nanoseconds since 1970.
    pub(super) began_at: u64,
    pub(super) ended_at: u64,
    pub(super) has_failed: bool,
}

#[cfg(test)]
mod tests {
    use super::{VALUE_MAX_BYTES, Value};

    #[test]
    fn what_a_client_says_is_cut_between_characters() {
        let text = "é".repeat(VALUE_MAX_BYTES);
        let Value::Text(kept) = Value::of(&text[..]) else { panic!() };
        assert_eq!(kept.len(), VALUE_MAX_BYTES);
        let Value::Text(kept) = Value::of(&format!("x{text}")) else { panic!() };
        assert_eq!(kept.len(), VALUE_MAX_BYTES - 1);
    }
}
