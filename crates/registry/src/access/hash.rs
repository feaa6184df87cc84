//! Hashes of passwords: bcrypt and Argon2.

use std::fmt;

use argon2::{Argon2, Params, PasswordVerifier as _};
use oci::Digest;

use super::secret::same;

/// Highest cost of bcrypt: its rounds are two to this.
const BCRYPT_COST_MAX: u32 = 16;
/// Most memory of Argon2, in KiB.
const ARGON2_MEMORY_MAX: u32 = 256 * 1024;
/// Most passes of Argon2.
const ARGON2_PASSES_MAX: u32 = 16;
/// Most lanes of Argon2. They are computed one after the other.
const ARGON2_LANES_MAX: u32 = 16;
/// Longest text of a hash, in bytes.
const TEXT_MAX_BYTES: usize = 512;
/// Length of every bcrypt hash, in bytes.
const BCRYPT_BYTES: usize = 60;
/// Longest password that is looked at, in bytes.
pub(super) const PASSWORD_MAX_BYTES: usize = 4096;

/// What a password hashes to. It never shows in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Bcrypt(String),
    Argon2(String),
    /// Known to the program itself.
    Given(String),
}

/// Why a hash is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// It is of a kind that is too weak, or unknown.
    #[error("the hash is neither bcrypt ($2y$) nor Argon2 ($argon2id$)")]
    Kind,
    /// It is not of its kind's form.
    #[error("the hash is damaged")]
    Form,
    /// It would cost more than a login may.
    #[error(
        "the hash costs too much: at most 2^{BCRYPT_COST_MAX} rounds of bcrypt, or {ARGON2_MEMORY_MAX} KiB, \
         {ARGON2_PASSES_MAX} passes and {ARGON2_LANES_MAX} lanes of Argon2"
    )]
    Cost,
}

impl PasswordHash {
    /// Reads a hash.
    ///
    /// # Errors
    /// [`HashError`] when its kind is unknown, its form is wrong, or what it costs is beyond the limits.
    pub fn parse(text: &str) -> Result<Self, HashError> {
        if text.len() > TEXT_MAX_BYTES {
            return Err(HashError::Form);
        }
        if ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix)) {
            let cost = bcrypt_cost(text).ok_or(HashError::Form)?;
            return if cost <= BCRYPT_COST_MAX {
                Ok(Self(Kind::Bcrypt(text.to_owned())))
            } else {
                Err(HashError::Cost)
            };
        }
        if !text.starts_with("$argon2") {
            return Err(HashError::Kind);
        }
        let hash = argon2::PasswordHash::new(text).map_err(|_| HashError::Form)?;
        let params = Params::try_from(&hash).map_err(|_| HashError::Form)?;
        if hash.hash.is_none() || hash.salt.is_none() {
            return Err(HashError::Form);
        }
        let costs_too_much = params.m_cost() > ARGON2_MEMORY_MAX
            || params.t_cost() > ARGON2_PASSES_MAX
            || params.p_cost() > ARGON2_LANES_MAX;
        if costs_too_much { Err(HashError::Cost) } else { Ok(Self(Kind::Argon2(text.to_owned()))) }
    }

    /// Returns what stands for a password that the program itself was given.
    pub(super) fn given(password: &str) -> Self {
        Self(Kind::Given(password.to_owned()))
    }

    /// Tells whether a password is the one. Takes long, on purpose.
    pub(super) fn verify(&self, password: &str) -> bool {
        if password.len() > PASSWORD_MAX_BYTES {
            return false;
        }
        match &self.0 {
            Kind::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Kind::Argon2(hash) => Argon2::default().verify_password(password.as_bytes(), hash.as_str()).is_ok(),
            Kind::Given(expected) => same(password, expected),
        }
    }

    /// Tells whether verifying takes so long that a thread of its own should do it.
    pub(super) const fn is_slow(&self) -> bool {
        !matches!(self.0, Kind::Given(_))
    }

    /// Returns what is another for another hash, and says nothing about it.
    pub(super) fn fingerprint(&self) -> Digest {
        let (kind, text) = match &self.0 {
            Kind::Bcrypt(text) => ("bcrypt", text),
            Kind::Argon2(text) => ("argon2", text),
            Kind::Given(text) => ("given", text),
        };
        Digest::sha256(format!("{kind}\n{text}").as_bytes())
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

/// Returns the cost of a bcrypt hash, `$2y$`, two digits, `$`, and 53 characters of its own alphabet.
fn bcrypt_cost(text: &str) -> Option<u32> {
    let (cost, rest) = text.get(4..)?.split_once('$')?;
    let is_digits = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
    let is_alphabet = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'/');
    let cost = (text.len() == BCRYPT_BYTES && is_digits && is_alphabet).then(|| cost.parse().ok())??;
    // Below four it is not defined.
    (cost >= 4).then_some(cost)
}
