//! The parsers of this module, for fuzz targets.

use axum::http::HeaderMap;

use super::authorization::Authorization;
use super::token::{self, Claims, SigningKey, Use};

/// What a request says about who sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nothing.
    Nobody,
    /// A name and a password.
    User(String, String),
    /// A token or a key.
    Bearer(String),
    /// Nothing that can be read.
    Malformed,
}

/// Reads who sends a request.
pub fn caller(headers: &HeaderMap) -> Caller {
    match Authorization::of(headers) {
        Authorization::None => Caller::Nobody,
        Authorization::Basic { user, password } => Caller::User(user, password.reveal().to_owned()),
        Authorization::Bearer(token) => Caller::Bearer(token.reveal().to_owned()),
        Authorization::Malformed => Caller::Malformed,
    }
}

/// Seals claims that are written as JSON. Returns nothing where they are no claims.
pub fn seal(claims: &[u8], key: &SigningKey) -> Option<String> {
    token::seal(&serde_json::from_slice::<Claims>(claims).ok()?, key).ok()
}

/// Opens a token, and returns its claims as JSON.
pub fn open(text: &str, keys: &[SigningKey], is_refresh: bool, audience: &str, now: i64) -> Option<Vec<u8>> {
    let for_use = if is_refresh { Use::Refresh } else { Use::Access };
    let (claims, _) = token::open(text, keys, for_use, audience, now)?;
    serde_json::to_vec(&claims).ok()
}
