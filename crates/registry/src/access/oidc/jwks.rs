//! Public keys of an issuer (RFC 7517), and verifying with them.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::KEYS_MAX_BYTES;
use super::claims::{Claims, Refusal};
use super::json::{self, Json, Object};
use super::jws::{JwsAlgorithm, KEY_ID_MAX_BYTES, Unverified};

/// Most keys of a set that are looked at.
const KEYS_MAX: usize = 64;
/// Shortest and longest modulus of an RSA key, in bytes: 2048 and 4096 bits.
const MODULUS_BYTES: (usize, usize) = (256, 512);
/// Longest exponent of an RSA key, in bytes.
const EXPONENT_MAX_BYTES: usize = 4;
/// Length of a coordinate on P-256, and of an Ed25519 key, in bytes.
const COORDINATE_BYTES: usize = 32;
/// What a point that is written with both coordinates begins with.
const UNCOMPRESSED: u8 = 4;
/// Members that only a key that is no public one has.
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];

/// The public keys of an issuer.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
}

/// Why a document is no set of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// It is too long, or has too many keys.
    #[error("it has more than {KEYS_MAX_BYTES} bytes or more than {KEYS_MAX} keys")]
    Oversize,
    /// It is none.
    #[error("it is no set of keys in JSON (RFC 7517), or has a name twice in an object")]
    Malformed,
    /// None of its keys can verify anything here.
    #[error("none of its keys is a public one for RS256 (2048 to 4096 bits), ES256 or EdDSA (Ed25519)")]
    Useless,
}

#[derive(Clone, Debug)]
struct PublicKey {
    id: Option<String>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl KeySet {
    /// Reads a set of keys. Keys that are for something else, or of a kind that is not known, are left out.
    ///
    /// # Errors
    /// [`KeySetError`]
    pub fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        if bytes.len() > KEYS_MAX_BYTES {
            return Err(KeySetError::Oversize);
        }
        let document = json::object(bytes).ok_or(KeySetError::Malformed)?;
        let Some(Json::List(listed)) = document.get("keys") else { return Err(KeySetError::Malformed) };
        if listed.len() > KEYS_MAX {
            return Err(KeySetError::Oversize);
        }
        let key = |value: &Json| if let Json::Object(object) = value { PublicKey::read(object) } else { None };
        let keys: Vec<_> = listed.iter().filter_map(key).collect();
        if keys.is_empty() { Err(KeySetError::Useless) } else { Ok(Self { keys }) }
    }

    /// Returns how many keys there are.
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Tells whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Tells whether there is a key for an assertion.
    pub(super) fn has(&self, assertion: &Unverified<'_>) -> bool {
        self.candidates(assertion).next().is_some()
    }

    /// Returns the claims of an assertion whose signature is right.
    ///
    /// # Errors
    /// [`Refusal::Algorithm`] when it is not signed by one of `allowed`, [`Refusal::Key`] when there is no key for it,
    /// [`Refusal::Signature`] when the signature is not of that key.
    pub fn verify(&self, assertion: Unverified<'_>, allowed: &[JwsAlgorithm]) -> Result<Claims, Refusal> {
        if !allowed.contains(&assertion.algorithm) {
            return Err(Refusal::Algorithm);
        }
        let mut candidates = self.candidates(&assertion).peekable();
        candidates.peek().ok_or(Refusal::Key)?;
        let is_right = |key: &PublicKey| key.verifies(assertion.signed.as_bytes(), &assertion.signature);
        if !candidates.any(is_right) {
            return Err(Refusal::Signature);
        }
        drop(candidates);
        Ok(Claims::new(assertion.claims))
    }

    /// Returns the keys that an assertion can be signed with: those of the name that it says; where it says none, the only one of its kind.
    fn candidates<'k>(&'k self, assertion: &Unverified<'_>) -> impl Iterator<Item = &'k PublicKey> {
        let algorithm = assertion.algorithm;
        let fitting = move |key: &&PublicKey| key.algorithm() == algorithm;
        let is_clear = assertion.key_id.is_some() || self.keys.iter().filter(fitting).count() == 1;
        let id = assertion.key_id.clone();
        let is_named = move |key: &&PublicKey| is_clear && (id.is_none() || key.id == id);
        self.keys.iter().filter(fitting).filter(is_named)
    }
}

impl PublicKey {
    /// Returns the key that this is, if it is one that signs by an algorithm that is known.
    fn read(key: &Object) -> Option<Self> {
        let text = |name: &str| key.get(name).and_then(Json::text);
        let is_for_signatures = match (key.get("use"), key.get("key_ops")) {
            (Some(purpose), _) if purpose.text() != Some("sig") => false,
            (_, Some(Json::List(operations))) => operations.iter().any(|operation| operation.text() == Some("verify")),
            (_, None) => true,
            _ => false,
        };
        if !is_for_signatures || PRIVATE.iter().any(|member| key.contains_key(*member)) {
            return None;
        }
        let id = match key.get("kid") {
            None => None,
            Some(Json::Text(id)) if id.len() <= KEY_ID_MAX_BYTES => Some(id.clone()),
            Some(_) => return None,
        };
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        let coordinate = |name: &str| bytes(name).filter(|bytes| bytes.len() == COORDINATE_BYTES);
        let material = match (text("kty")?, text("crv")) {
            ("RSA", _) => {
                let (least, most) = MODULUS_BYTES;
                let modulus = bytes("n").filter(|bytes| (least..=most).contains(&bytes.len()))?;
                let exponent = bytes("e").filter(|bytes| (1..=EXPONENT_MAX_BYTES).contains(&bytes.len()))?;
                Material::Rsa { modulus, exponent }
            }
            ("EC", Some("P-256")) => Material::P256([vec![UNCOMPRESSED], coordinate("x")?, coordinate("y")?].concat()),
            ("OKP", Some("Ed25519")) => Material::Ed25519(coordinate("x")?),
            _ => return None,
        };
        let read = Self { id, material };
        // What the key is for is said by whoever has it, and nothing that comes with an assertion changes it.
        let is_meant = key.get("alg").is_none_or(|algorithm| algorithm.text() == Some(read.algorithm().word()));
        is_meant.then_some(read)
    }

    const fn algorithm(&self) -> JwsAlgorithm {
        match self.material {
            Material::Rsa { .. } => JwsAlgorithm::Rs256,
            Material::P256(_) => JwsAlgorithm::Es256,
            Material::Ed25519(_) => JwsAlgorithm::EdDsa,
        }
    }

    fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        let outcome = match &self.material {
            Material::Rsa { modulus, exponent } => RsaPublicKeyComponents { n: modulus, e: exponent }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                signed,
                signature,
            ),
            Material::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature),
            Material::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(signed, signature),
        };
        outcome.is_ok()
    }
}
