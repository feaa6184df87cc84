//! Who somebody is, once it has been made sure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::policy::Allowance;

/// What the names of those begin with who come in by a certificate; no issuer is called so.
pub(crate) const CERTIFICATE: &str = "certificate";

/// Somebody who asks for something: nobody known, a user with groups, a workload with claims, or the holder of a certificate.
///
/// They are never taken for each other, whatever they are called: no user's name has a colon in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// What it is called: of a workload with the name of its issuer and a colon before it, of a certificate with `certificate:`.
    name: Option<String>,
    groups: BTreeSet<String>,
    key: Option<Key>,
    vouched: Option<Vouched>,
}

/// What makes somebody known who is no user.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Vouched {
    Workload { issuer: String, claims: BTreeMap<String, Vec<String>> },
    Certificate { name: String },
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
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// Returns the identity as a member of these groups, too.
    #[must_use]
    pub fn in_groups(mut self, groups: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.groups.extend(groups.into_iter().map(Into::into));
        self
    }

    /// Returns the identity of a workload, for which the issuer of this name vouches, and claims this of it.
    pub fn workload(issuer: impl Into<String>, subject: &str, claims: BTreeMap<String, Vec<String>>) -> Self {
        let issuer = issuer.into();
        let name = format!("{issuer}:{subject}");
        Self { name: Some(name), vouched: Some(Vouched::Workload { issuer, claims }), ..Self::default() }
    }

    /// Returns the identity of who holds a certificate for this name.
    pub fn certificate(name: impl Into<String>) -> Self {
        let name = name.into();
        let called = format!("{CERTIFICATE}:{name}");
        Self { name: Some(called), vouched: Some(Vouched::Certificate { name }), ..Self::default() }
    }

    /// Returns the identity as it comes in by a key, which allows no more than its scope.
    #[must_use]
    pub fn by_key(mut self, id: impl Into<String>, scope: Vec<Allowance>) -> Self {
        self.key = Some(Key { id: id.into(), scope });
        self
    }

    /// Returns the name; `None` for those of whom nothing is known. That of a workload begins with its issuer's and a colon, that of a
    /// certificate with `certificate:`.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the name of the user; `None` for those who are none.
    pub(super) fn as_user(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| self.vouched.is_none())
    }

    /// Returns the issuer that vouches for a workload, and what it claims of it.
    pub(super) const fn as_workload(&self) -> Option<(&String, &BTreeMap<String, Vec<String>>)> {
        match &self.vouched {
            Some(Vouched::Workload { issuer, claims }) => Some((issuer, claims)),
            _ => None,
        }
    }

    /// Returns what the certificate is for, by which somebody came in.
    pub(super) fn as_certificate(&self) -> Option<&str> {
        match &self.vouched {
            Some(Vouched::Certificate { name }) => Some(name),
            _ => None,
        }
    }

    /// Tells whether nothing is known of who this is.
    pub const fn is_anonymous(&self) -> bool {
        self.name.is_none()
    }

    pub(super) fn is_in(&self, group: &str) -> bool {
        self.groups.contains(group)
    }

    /// Returns the name of the key by which the identity came in.
    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_ref().map(|key| key.id.as_str())
    }

    /// Returns what the key allows by which the identity came in; `None` where it came in by none.
    pub(super) fn scope(&self) -> Option<&[Allowance]> {
        self.key.as_ref().map(|key| key.scope.as_slice())
    }
}

/// The form of a log line: `anonymous`, `user ada`, `user ada by key deploy`, `workload ci:repo/app`, `certificate:spiffe://example/ci`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(name) = &self.name else { return f.write_str("anonymous") };
        let name = name.escape_debug();
        match (&self.vouched, &self.key) {
            (Some(Vouched::Workload { .. }), _) => write!(f, "workload {name}"),
            (Some(Vouched::Certificate { .. }), _) => name.fmt(f),
            (None, None) => write!(f, "user {name}"),
            (None, Some(key)) => write!(f, "user {name} by key {}", key.id.escape_debug()),
        }
    }
}
