//! The query of a request's URL.
//!
//! `+` stands for itself (RFC 3986), not for a space: media types are full of it, no parameter of the protocol has a
//! space in it, and clients write `+` both ways.

use std::fmt::Write as _;

/// Most parameters in one query.
const PARAMETERS_MAX: usize = 256;

/// The parameters of a query, decoded, in the order in which they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

/// A query that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryError {
    /// Percent encoding that is cut short, not hexadecimal, or not UTF-8.
    Encoding,
    /// More parameters than are looked at.
    TooMany,
}

impl Query {
    /// Reads what stands after the `?`.
    ///
    /// # Errors
    /// [`QueryError`] says why it cannot be read.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let mut parameters = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if parameters.len() == PARAMETERS_MAX {
                return Err(QueryError::TooMany);
            }
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = decode(key).zip(decode(value)).ok_or(QueryError::Encoding)?;
            parameters.push(decoded);
        }
        Ok(Self(parameters))
    }

    /// Returns the first value of a parameter.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.all(key).next()
    }

    /// Returns every value of a parameter.
    pub fn all<'q>(&'q self, key: &str) -> impl Iterator<Item = &'q str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// Returns `text` without its percent encoding, or `None` where that is malformed or yields other than UTF-8.
pub fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Returns `text` with everything encoded that does not stand for itself in the value of a parameter.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::{PARAMETERS_MAX, Query, QueryError, decode, encode};

    #[test]
    fn reads_parameters_in_order() {
        let query = Query::parse("tag=a&tag=b&&mount=sha256%3Aab&flag").unwrap();
        assert_eq!(query.all("tag").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(query.get("mount"), Some("sha256:ab"));
        assert_eq!(query.get("flag"), Some(""));
        assert_eq!(query.get("other"), None);
    }

    #[test]
    fn a_plus_is_a_plus_however_it_is_written() {
        let query = Query::parse("a=application/vnd.x+json&b=application/vnd.x%2Bjson").unwrap();
        assert_eq!(query.get("a"), Some("application/vnd.x+json"));
        assert_eq!(query.get("a"), query.get("b"));
    }

    #[test]
    fn refuses_what_cannot_be_decoded() {
        for text in ["a=%", "a=%2", "a=%zz", "a=%ff", "%+1=b"] {
            assert_eq!(Query::parse(text), Err(QueryError::Encoding), "{text}");
        }
        assert_eq!(Query::parse(&"a&".repeat(PARAMETERS_MAX + 1)), Err(QueryError::TooMany));
        assert!(Query::parse(&"a&".repeat(PARAMETERS_MAX)).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn encoding_is_undone_by_decoding(text: String) {
            proptest::prop_assert_eq!(decode(&encode(&text)), Some(text));
        }

        #[test]
        fn any_query_is_read_or_refused(text in "[a%=&+0-9]{0,40}") {
            let _ = Query::parse(&text);
        }
    }
}
