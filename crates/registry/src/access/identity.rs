//! Who somebody is, once it has been made sure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::policy::Allowance;

/// Somebody who asks for something: nobody known, or somebody with a name, groups and claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    user: Option<String>,
    groups: BTreeSet<String>,
    claims: BTreeMap<String, String>,
    key: Option<Key>,
}

/// The key by which somebody came in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    id: String,
    scope: Vec<Allowance>,
}

impl Identity {
    /// Returns the identity of those of whom nothing is known.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// Returns the identity of a user who is in no groups.
    pub fn user(name: impl Into<String>) -> Self {
        Self { user: Some(name.into()), ..Self::default() }
    }

    /// Returns the identity as a member of these groups, too.
    #[must_use]
    pub fn in_groups(mut self, groups: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.groups.extend(groups.into_iter().map(Into::into));
        self
    }

    /// Returns the identity with a claim, which whoever vouches for the identity makes about it.
    #[must_use]
    pub fn with_claim(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// Returns the identity as it comes in by a key, which allows no more than its scope.
    #[must_use]
    pub fn by_key(mut self, id: impl Into<String>, scope: Vec<Allowance>) -> Self {
        self.key = Some(Key { id: id.into(), scope });
        self
    }

    /// Returns the name of the user; `None` for those of whom nothing is known.
    pub fn name(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Tells whether nothing is known of who this is.
    pub const fn is_anonymous(&self) -> bool {
        self.user.is_none()
    }

    pub(super) fn is_in(&self, group: &str) -> bool {
        self.groups.contains(group)
    }

    /// Returns the name of the key by which the identity came in.
    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_ref().map(|key| key.id.as_str())
    }

    pub(super) fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name).map(String::as_str)
    }

    /// Returns what the key allows by which the identity came in; `None` where it came in by none.
    pub(super) fn scope(&self) -> Option<&[Allowance]> {
        self.key.as_ref().map(|key| key.scope.as_slice())
    }
}

/// The form of a log line: `anonymous`, `user ada`, `user ada by key deploy`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.user, &self.key) {
            (None, _) => f.write_str("anonymous"),
            (Some(user), None) => write!(f, "user {}", user.escape_debug()),
            (Some(user), Some(key)) => write!(f, "user {} by key {}", user.escape_debug(), key.id.escape_debug()),
        }
    }
}
