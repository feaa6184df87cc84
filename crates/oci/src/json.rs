//! JSON documents that are objects.

use serde::Deserialize;
use serde::de::Error as _;

/// Reads a document that must be an object. The parser alone would also take an array whose items are the fields in the
/// order in which this program happens to declare them, which no other tool understands.
pub(crate) fn object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> serde_json::Result<T> {
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(serde_json::Error::custom("an array where an object must be"));
    }
    serde_json::from_slice(bytes)
}
