//! What must not show.

use std::fmt;

use oci::Digest;

/// A text that never shows in debug output: a password, a key, a token.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Returns a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text, which the caller must not log.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Compares by digest, so that the time it takes says nothing about how much was right.
pub(super) fn same(given: &str, expected: &str) -> bool {
    Digest::sha256(given.as_bytes()) == Digest::sha256(expected.as_bytes())
}
