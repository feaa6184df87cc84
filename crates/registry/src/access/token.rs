//! Tokens: what the issuer says, under a seal that every node with the same key can check.
//!
//! ```text
//!   sct1.BASE64URL(claims as JSON).BASE64URL(HMAC-SHA256 of all before)
//! ```
//!
//! Nothing in a token says how it is to be checked: no algorithm, no key, no address of one.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oci::Digest;
use serde::{Deserialize, Serialize};

use super::scope::SCOPES_MAX;

/// What a token begins with: the version of its form.
pub(super) const PREFIX: &str = "sct1.";
/// Longest token that is looked at, in bytes. A hundred scopes of the longest names fit.
const TOKEN_MAX_BYTES: usize = 48 * 1024;
/// Least length of a key, in bytes.
const KEY_MIN_BYTES: usize = 32;
/// How far the clocks of two nodes may be apart, in milliseconds.
const SKEW: i64 = 60_000;

/// A key that seals tokens. It never shows in debug output.
#[derive(Clone)]
pub struct SigningKey(hmac::Key);

/// Why bytes are no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key that seals tokens has at least {KEY_MIN_BYTES} bytes")]
pub struct KeyTooShort;

impl SigningKey {
    /// Returns the key that these bytes are, of which there are at least 32 and which are random.
    ///
    /// # Errors
    /// [`KeyTooShort`]
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyTooShort> {
        if bytes.len() < KEY_MIN_BYTES {
            return Err(KeyTooShort);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// Returns a key that nobody else has: what it seals is good until the process ends.
    pub fn random() -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &rand::random::<[u8; 32]>()))
    }

    fn sign(&self, purpose: &str, bytes: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(purpose.as_bytes());
        context.update(&[0]);
        context.update(bytes);
        context.sign()
    }

    fn verify(&self, purpose: &str, bytes: &[u8], tag: &[u8]) -> bool {
        let signed = [purpose.as_bytes(), &[0], bytes].concat();
        hmac::verify(&self.0, &signed, tag).is_ok()
    }

    /// Returns what stands for a credential in a token: who has the token cannot find out from it what the credential is.
    pub(super) fn mark(&self, credential: &Digest) -> String {
        URL_SAFE_NO_PAD.encode(self.sign("credential", credential.value()).as_ref())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Use {
    /// For requests.
    Access,
    /// For further tokens.
    Refresh,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claims {
    /// What it is for.
    #[serde(rename = "use")]
    pub(super) for_use: Use,
    /// The service that takes it.
    pub(super) audience: String,
    /// When it was issued, in milliseconds since 1970.
    pub(super) issued_at: i64,
    /// When it ends, in milliseconds since 1970.
    pub(super) expires_at: i64,
    /// To whom; nobody where it was issued to somebody unknown.
    pub(super) bearer: Option<Bearer>,
    /// What may be done with it.
    pub(super) scopes: Vec<String>,
}

/// To whom a token was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bearer {
    pub(super) user: String,
    /// The key by which he came in; by a password where there is none.
    pub(super) key: Option<String>,
    /// Stands for the password, the key, the issuer or the certificate, so that the token ends with it.
    pub(super) credential: String,
    /// Who vouches for the user, where he is no user of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) vouched: Option<Vouched>,
}

/// Who vouches for the bearer of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub(super) enum Vouched {
    /// An issuer, and what it claims, as far as somebody asks for it.
    Workload { issuer: String, claims: BTreeMap<String, Vec<String>> },
    /// Whoever signed the certificate, which has to be shown with the token.
    Certificate,
}

/// Returns a token that says this.
pub(super) fn seal(claims: &Claims, key: &SigningKey) -> Result<String, serde_json::Error> {
    let mut token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims)?));
    let tag = key.sign("token", token.as_bytes());
    token.push('.');
    token.push_str(&URL_SAFE_NO_PAD.encode(tag.as_ref()));
    Ok(token)
}

/// Returns what a token says, and the key that sealed it: one of `keys`. `None` unless it is whole, for this use and this audience, and has
/// not expired.
pub(super) fn open<'k>(
    token: &str,
    keys: &'k [SigningKey],
    for_use: Use,
    audience: &str,
    now: i64,
) -> Option<(Claims, &'k SigningKey)> {
    if token.len() > TOKEN_MAX_BYTES {
        return None;
    }
    let (sealed, tag) = token.strip_prefix(PREFIX).and_then(|_| token.rsplit_once('.'))?;
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    let key = keys.iter().find(|key| key.verify("token", sealed.as_bytes(), &tag))?;
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(sealed.strip_prefix(PREFIX)?).ok()?).ok()?;
    let in_time = claims.issued_at <= now.saturating_add(SKEW) && now < claims.expires_at;
    let is_meant = claims.for_use == for_use && claims.audience == audience;
    (in_time && is_meant && claims.scopes.len() <= SCOPES_MAX).then_some((claims, key))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::{Bearer, Claims, SKEW, SigningKey, TOKEN_MAX_BYTES, Use, open, seal};

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_bytes(&[byte; 32]).unwrap()
    }

    fn claims() -> Claims {
        let bearer = Bearer { user: "ada".to_owned(), key: None, credential: "x".to_owned(), vouched: None };
        Claims {
            for_use: Use::Access,
            audience: "registry.example".to_owned(),
            issued_at: 1_000_000,
            expires_at: 2_000_000,
            bearer: Some(bearer),
            scopes: vec!["repository:app:pull".to_owned()],
        }
    }

    fn read(token: &str, now: i64) -> Option<Claims> {
        open(token, &[key(1)], Use::Access, "registry.example", now).map(|(claims, _)| claims)
    }

    #[test]
    fn every_node_with_the_key_reads_a_token_until_it_ends() {
        let token = seal(&claims(), &key(1)).unwrap();
        for now in [1_000_000, 1_999_999, 1_000_000 - SKEW] {
            assert_eq!(read(&token, now), Some(claims()), "{now}");
        }
        for now in [2_000_000, i64::MAX, 1_000_000 - SKEW - 1, i64::MIN] {
            assert_eq!(read(&token, now), None, "{now}");
        }
        let rotated = [key(2), key(1)];
        assert!(open(&token, &rotated, Use::Access, "registry.example", 1_500_000).is_some());
        assert!(open(&token, &[key(2)], Use::Access, "registry.example", 1_500_000).is_none());
        assert!(open(&token, &[], Use::Access, "registry.example", 1_500_000).is_none());
    }

    #[test]
    fn a_token_is_for_one_use_and_one_service() {
        let token = seal(&claims(), &key(1)).unwrap();
        assert!(open(&token, &[key(1)], Use::Refresh, "registry.example", 1_500_000).is_none());
        assert!(open(&token, &[key(1)], Use::Access, "other.example", 1_500_000).is_none());
        let mut many = claims();
        many.scopes = vec!["repository:a:pull".to_owned(); 101];
        assert_eq!(read(&seal(&many, &key(1)).unwrap(), 1_500_000), None);
    }

    #[test]
    fn no_byte_of_a_token_can_be_another() {
        let token = seal(&claims(), &key(1)).unwrap();
        for position in 0..token.len() {
            for replacement in [b'A', b'B', b'.', b'=', b'_'] {
                let mut bytes = token.clone().into_bytes();
                if std::mem::replace(&mut bytes[position], replacement) != replacement {
                    assert_eq!(read(&String::from_utf8(bytes).unwrap(), 1_500_000), None, "{position}");
                }
            }
            assert_eq!(read(&token[..position], 1_500_000), None);
        }
        assert_eq!(read(&format!("{token}="), 1_500_000), None);
        assert_eq!(read(&"sct1.".repeat(TOKEN_MAX_BYTES), 1_500_000), None);
    }

    #[test]
    fn claims_that_are_not_known_are_not_taken() {
        let document = serde_json::to_string(&claims()).unwrap().replacen('{', "{\"admin\":true,", 1);
        let sealed = format!("sct1.{}", URL_SAFE_NO_PAD.encode(document));
        let tag = URL_SAFE_NO_PAD.encode(key(1).sign("token", sealed.as_bytes()).as_ref());
        assert_eq!(read(&format!("{sealed}.{tag}"), 1_500_000), None);
    }

    #[test]
    fn a_key_is_long_and_does_not_show() {
        assert!(SigningKey::from_bytes(&[0; 31]).is_err());
        assert_eq!(format!("{:?}", key(7)), "SigningKey");
        assert_ne!(
            SigningKey::random().mark(&oci::Digest::sha256(b"")),
            SigningKey::random().mark(&oci::Digest::sha256(b""))
        );
    }

    proptest::proptest! {
        #[test]
        fn what_was_not_sealed_is_not_read(text in "(sct1[.])?[A-Za-z0-9_=.-]{0,80}[.][A-Za-z0-9_-]{43}") {
            proptest::prop_assert_eq!(read(&text, 1_500_000), None);
        }
    }
}
