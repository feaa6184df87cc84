//! Keys for programs: secrets that the server makes, each with a scope and an end.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oci::Digest;

use super::policy::Allowance;
use super::secret::Secret;

/// What every key begins with, so that one which leaked can be found by those who look for such.
pub const KEY_PREFIX: &str = "supercargo_key_";

/// A key as the server keeps it: what it hashes to, not what it is.
///
/// One round of SHA-256 is enough, for the secret is 32 random bytes: nobody guesses those, however fast the hash; what passwords need a
/// slow hash for is that people choose them. And a key comes with every request of a program, so it should cost nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// What it is called in logs, and where it is revoked.
    pub id: String,
    /// The user for whom it stands. It may do what that user may, as far as its scope goes.
    pub user: String,
    /// What [`ApiKey::hash_of`] makes of the secret.
    pub hash: Digest,
    /// What may be done by it.
    pub scope: Vec<Allowance>,
    /// When it ends, as time since 1970; `None` where it does not.
    pub expires_at: Option<Duration>,
}

impl ApiKey {
    /// Makes a key. Returns what the server keeps, and the secret, which is nowhere else.
    pub fn generate(
        id: impl Into<String>,
        user: impl Into<String>,
        scope: Vec<Allowance>,
        expires_at: Option<Duration>,
    ) -> (Self, Secret) {
        let secret = format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
        let key = Self { id: id.into(), user: user.into(), hash: Self::hash_of(&secret), scope, expires_at };
        (key, Secret::new(secret))
    }

    /// Returns what a secret hashes to.
    pub fn hash_of(secret: &str) -> Digest {
        Digest::sha256(secret.as_bytes())
    }

    pub(super) fn is_expired(&self, now: i64) -> bool {
        let expires_at = self.expires_at.map(|at| i64::try_from(at.as_millis()).unwrap_or(i64::MAX));
        expires_at.is_some_and(|at| at <= now)
    }
}

/// Keys, to be found by what they hash to. That takes as long for a wrong one as for a right one, as far as it matters: what the time of
/// a look-up tells is about a hash that nobody can aim.
#[derive(Clone, Debug, Default)]
pub(super) struct ApiKeys {
    by_hash: HashMap<Digest, ApiKey>,
}

impl ApiKeys {
    pub(super) fn new(keys: Vec<ApiKey>) -> Self {
        Self { by_hash: keys.into_iter().map(|key| (key.hash, key)).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    /// Returns the key of a secret, unless it has expired.
    pub(super) fn of(&self, secret: &str, now: i64) -> Option<&ApiKey> {
        self.by_hash.get(&ApiKey::hash_of(secret)).filter(|key| !key.is_expired(now))
    }

    /// Returns the key called `id` for which `is_it` holds, unless it has expired.
    pub(super) fn called(&self, id: &str, now: i64, is_it: impl Fn(&ApiKey) -> bool) -> Option<&ApiKey> {
        self.by_hash.values().find(|key| key.id == id && !key.is_expired(now) && is_it(key))
    }
}
