//! The compact form of a signed text (RFC 7515), as far as issuers of identities write it and no farther.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::claims::Refusal;
use super::json::{self, Json, Object};

/// Longest assertion that is read, in bytes.
const ASSERTION_MAX_BYTES: usize = 16 * 1024;
/// Longest header, decoded, in bytes. One with a chain of certificates, which nobody asks for, is longer.
const HEADER_MAX_BYTES: usize = 8 * 1024;
/// Longest name of a key, in bytes.
pub(super) const KEY_ID_MAX_BYTES: usize = 256;
/// What an assertion may say that it is. Logout tokens and the like say something else.
const TYPES: [&str; 3] = ["jwt", "at+jwt", "jose"];

/// How an assertion is signed. There is no other way: not without a signature, and not by a secret that both sides know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JwsAlgorithm {
    /// RSA with PKCS #1 v1.5 padding and SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl JwsAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    /// Returns its name, as a header has it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Returns the algorithm of a name. Case counts.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.word() == text)
    }
}

impl fmt::Display for JwsAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// An assertion that was read, of which nothing is known to be true.
pub struct Unverified<'t> {
    /// What the signature is of: the header and the claims as they were sent.
    pub(super) signed: &'t str,
    pub(super) signature: Vec<u8>,
    pub(super) algorithm: JwsAlgorithm,
    pub(super) key_id: Option<String>,
    pub(super) claims: Object,
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified")
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl<'t> Unverified<'t> {
    /// Reads an assertion. Keys that its header brings, and addresses of keys (`jwk`, `x5c`, `jku`, `x5u`), are not looked at.
    ///
    /// # Errors
    /// [`Refusal`] when it is too long, is not of the form, has a name twice in an object, says that it has to be understood in a way that
    /// is not known here, or is signed by an algorithm that is never taken.
    pub fn parse(text: &'t str) -> Result<Self, Refusal> {
        if text.len() > ASSERTION_MAX_BYTES {
            return Err(Refusal::Oversize);
        }
        let [header, claims, signature] = parts(text).ok_or(Refusal::Malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed);
        if header.len() / 4 * 3 > HEADER_MAX_BYTES {
            return Err(Refusal::Oversize);
        }
        let header = json::object(&decode(header)?).ok_or(Refusal::Malformed)?;
        let algorithm = header.get("alg").and_then(Json::text).and_then(JwsAlgorithm::parse);
        let algorithm = algorithm.ok_or(Refusal::Algorithm)?;
        // What must be understood is not; a type of content says that there is another assertion inside.
        if header.contains_key("crit") || header.contains_key("cty") || header.contains_key("zip") {
            return Err(Refusal::Malformed);
        }
        if !header.get("typ").is_none_or(is_known_type) {
            return Err(Refusal::Malformed);
        }
        let key_id = match header.get("kid") {
            None => None,
            Some(Json::Text(id)) if !id.is_empty() && id.len() <= KEY_ID_MAX_BYTES => Some(id.clone()),
            Some(_) => return Err(Refusal::Malformed),
        };
        let claims = json::object(&decode(claims)?).ok_or(Refusal::Malformed)?;
        let signature = decode(signature)?;
        // The last part and its dot are behind what is signed.
        let signed = text.rsplit_once('.').map(|(signed, _)| signed).ok_or(Refusal::Malformed)?;
        Ok(Self { signed, signature, algorithm, key_id, claims })
    }

    /// Returns the issuer that the assertion says it is of.
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Json::text)
    }

    /// Returns how it says that it is signed.
    pub const fn algorithm(&self) -> JwsAlgorithm {
        self.algorithm
    }
}

fn is_known_type(value: &Json) -> bool {
    let Some(text) = value.text() else { return false };
    let text = text.to_ascii_lowercase();
    TYPES.contains(&text.strip_prefix("application/").unwrap_or(&text))
}

/// Returns the three parts of a text that has just as many, none of them empty.
fn parts(text: &str) -> Option<[&str; 3]> {
    let mut parts = text.splitn(4, '.');
    let three = [parts.next()?, parts.next()?, parts.next()?];
    (parts.next().is_none() && three.iter().all(|part| !part.is_empty())).then_some(three)
}

/// Tells whether a text can only be meant as an assertion: its first part is the beginning of a JSON object with a member, and there are
/// two more. It says nothing about what is in it.
pub(in crate::access) fn is_like_assertion(text: &str) -> bool {
    text.starts_with("ey") && text.bytes().filter(|byte| *byte == b'.').count() == 2
}
