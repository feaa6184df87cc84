//! Content digests: the algorithm and the hash value (image-spec, "Digests").

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;
use sha2::digest::common::hazmat::SerializableState as _;

/// A digest algorithm that supercargo reads, keeps and serves. New content is named by [`Algorithm::Sha256`] unless asked otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, the one every tool understands.
    Sha256 = 0,
    /// SHA-512.
    Sha512 = 1,
    /// BLAKE3 with 256 bits of output (registered on image-spec main).
    Blake3 = 2,
}

impl Algorithm {
    /// Every algorithm, in the order of preference.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha512, Self::Blake3];

    /// Returns the registered name, the part of a digest before the colon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Blake3 => "blake3",
        }
    }

    /// Returns the length of the hash value in bytes.
    pub const fn value_bytes(self) -> usize {
        match self {
            Self::Sha256 | Self::Blake3 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Returns a hasher of this algorithm.
    pub fn hasher(self) -> Hasher {
        match self {
            Self::Sha256 => Hasher::Sha256(sha2::Sha256::new()),
            Self::Sha512 => Hasher::Sha512(sha2::Sha512::new()),
            Self::Blake3 => Hasher::Blake3(Box::default()),
        }
    }

    /// Returns the digest of `bytes`.
    pub fn digest(self, bytes: &[u8]) -> Digest {
        let mut hasher = self.hasher();
        hasher.update(bytes);
        hasher.finish()
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == text)
            .ok_or_else(|| DigestError::Algorithm(text.chars().take(40).collect()))
    }
}

/// A hash computation in progress.
#[derive(Clone)]
pub enum Hasher {
    /// SHA-256.
    Sha256(sha2::Sha256),
    /// SHA-512.
    Sha512(sha2::Sha512),
    /// BLAKE3; boxed because its state is 2 KB.
    Blake3(Box<blake3::Hasher>),
}

impl Hasher {
    /// Adds bytes to the computation.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(state) => state.update(bytes),
            Self::Sha512(state) => state.update(bytes),
            Self::Blake3(state) => {
                state.update(bytes);
            }
        }
    }

    /// Returns the algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
            Self::Blake3(_) => Algorithm::Blake3,
        }
    }

    /// Returns the state of the computation, from which [`Hasher::resume`] goes on, in another process too; `None` for an
    /// algorithm whose state cannot be written down.
    pub fn state(&self) -> Option<Vec<u8>> {
        match self {
            Self::Sha256(state) => Some(state.serialize().to_vec()),
            Self::Sha512(state) => Some(state.serialize().to_vec()),
            Self::Blake3(_) => None,
        }
    }

    /// Returns the computation of which [`Hasher::state`] gave the state; `None` when it is no state of this algorithm.
    pub fn resume(algorithm: Algorithm, state: &[u8]) -> Option<Self> {
        match algorithm {
            Algorithm::Sha256 => sha2::Sha256::deserialize(state.try_into().ok()?).ok().map(Self::Sha256),
            Algorithm::Sha512 => sha2::Sha512::deserialize(state.try_into().ok()?).ok().map(Self::Sha512),
            Algorithm::Blake3 => None,
        }
    }

    /// Returns the digest of everything added.
    pub fn finish(self) -> Digest {
        match self {
            Self::Sha256(state) => Digest::from_value(Algorithm::Sha256, &state.finalize()),
            Self::Sha512(state) => Digest::from_value(Algorithm::Sha512, &state.finalize()),
            Self::Blake3(state) => Digest::from_value(Algorithm::Blake3, state.finalize().as_bytes()),
        }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hasher({})", self.algorithm())
    }
}

/// The name of content: an algorithm and a hash value, shown as `sha256:<64 hex digits>`.
///
/// A digest is a plain value of fixed size. It can only be made from a hash or from text in canonical form (lower case
/// hexadecimal of the right length), so a path or URL built from it holds nothing else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    value: [u8; 64],
}

impl Digest {
    /// Returns the sha256 digest of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Self {
        Algorithm::Sha256.digest(bytes)
    }

    /// `value` is at least as long as the algorithm's hash value: callers are the hashers and the parser below.
    fn from_value(algorithm: Algorithm, value: &[u8]) -> Self {
        let mut padded = [0; 64];
        let length = algorithm.value_bytes();
        padded[..length].copy_from_slice(&value[..length]);
        Self { algorithm, value: padded }
    }

    /// Returns the algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the hash value.
    pub fn value(&self) -> &[u8] {
        &self.value[..self.algorithm.value_bytes()]
    }

    /// Returns the hash value in lower case hexadecimal, the part after the colon.
    pub fn encoded(&self) -> String {
        hex::encode(self.value())
    }

    /// Returns the digest as bytes, in the order of the digests: the number of the algorithm, and the hash value.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + self.value().len());
        bytes.push(self.algorithm as u8);
        bytes.extend_from_slice(self.value());
        bytes
    }

    /// Returns the digest of which [`Digest::to_bytes`] made bytes; `None` for other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (number, value) = bytes.split_first()?;
        let algorithm = *Algorithm::ALL.get(usize::from(*number))?;
        (value.len() == algorithm.value_bytes()).then(|| Self::from_value(algorithm, value))
    }

    /// Returns the algorithm and the first twelve digits, for people.
    pub fn short(&self) -> String {
        format!("{}:{}", self.algorithm, &self.encoded()[..12])
    }

    /// Checks that `bytes` are the content this digest names.
    ///
    /// # Errors
    /// [`DigestError::Mismatch`] with both digests.
    pub fn verify(&self, bytes: &[u8]) -> Result<(), DigestError> {
        self.expect(self.algorithm.digest(bytes))
    }

    /// Checks that `found`, computed over received bytes, is this digest.
    ///
    /// # Errors
    /// [`DigestError::Mismatch`] with both digests.
    pub fn expect(&self, found: Self) -> Result<(), DigestError> {
        if *self == found { Ok(()) } else { Err(DigestError::Mismatch { expected: *self, found }) }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.encoded())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || DigestError::Syntax(text.chars().take(160).collect());
        let (algorithm, encoded) = text.split_once(':').ok_or_else(invalid)?;
        let algorithm: Algorithm = algorithm.parse()?;
        let canonical = encoded.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if encoded.len() != algorithm.value_bytes() * 2 || !canonical {
            return Err(invalid());
        }
        let value = hex::decode(encoded).map_err(|_| invalid())?;
        Ok(Self::from_value(algorithm, &value))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a digest could not be read, or content is not what its digest says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// Text that is not a digest in canonical form.
    #[error("`{}` is not a digest: an algorithm, a colon and its hash value in lower case hexadecimal", crate::text::printable(.0))]
    Syntax(String),
    /// An algorithm that is not registered, or that supercargo does not read.
    #[error("digest algorithm `{}` is not supported: use sha256, sha512 or blake3", crate::text::printable(.0))]
    Algorithm(String),
    /// Content whose hash is not the digest that names it.
    #[error("content of {expected} has digest {found}")]
    Mismatch {
        /// The digest that was asked for.
        expected: Digest,
        /// The digest of the bytes that came.
        found: Digest,
    },
}
