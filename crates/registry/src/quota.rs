//! How much repositories may have.

use std::fmt;
use std::sync::Arc;

use oci::RepositoryName;
use resolve::retention::Pattern;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Bytes of blobs, each once in a repository, and of manifests.
    Bytes,
    /// Blobs.
    Blobs,
    /// Manifests.
    Manifests,
    /// Tags.
    Tags,
}

impl Counted {
    /// Returns the word for it, as configurations have it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Blobs => "blobs",
            Self::Manifests => "manifests",
            Self::Tags => "tags",
        }
    }
}

/// Whose use is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuotaScope {
    /// Each repository whose name is like one of these, by itself.
    Each(Vec<Pattern>),
    /// All repositories of a name and below it, together.
    Namespace(RepositoryName),
}

impl QuotaScope {
    fn covers(&self, repository: &RepositoryName) -> bool {
        match self {
            Self::Each(patterns) => patterns.iter().any(|pattern| pattern.matches(repository.as_str())),
            Self::Namespace(name) => {
                let rest = repository.as_str().strip_prefix(name.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
        }
    }
}

/// A limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Whose use is counted.
    pub scope: QuotaScope,
    /// How much there may be of what. Nothing is said twice.
    pub limits: Vec<(Counted, u64)>,
}

/// All limits of a registry; every one has to be kept. The default has none. Cloning gives another handle to the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotas(Arc<Vec<Quota>>);

impl Quotas {
    /// Returns these limits.
    pub fn new(quotas: Vec<Quota>) -> Self {
        Self(Arc::new(quotas))
    }

    /// Returns the limits one by one.
    pub fn all(&self) -> &[Quota] {
        &self.0
    }

    /// Returns those that a repository has to keep.
    pub(crate) fn of(&self, repository: &RepositoryName) -> impl Iterator<Item = &Quota> {
        self.0.iter().filter(|quota| quota.scope.covers(repository))
    }
}

/// A limit that would not be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    pub(crate) counted: Counted,
    pub(crate) limit: u64,
    /// The repositories that are counted together, if they are.
    pub(crate) namespace: Option<RepositoryName>,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { counted, limit, namespace } = self;
        match namespace {
            Some(namespace) => {
                write!(f, "all repositories of {namespace} together may have {limit} {}", counted.word())
            }
            None => write!(f, "the repository may have {limit} {}", counted.word()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_its_name_and_all_below() {
        let scope = QuotaScope::Namespace("team/a".parse().unwrap());
        for (name, is_covered) in [("team/a", true), ("team/a/app", true), ("team/ab", false), ("team", false)] {
            assert_eq!(scope.covers(&name.parse().unwrap()), is_covered, "{name}");
        }
        let scope = QuotaScope::Each(vec![Pattern::parse("team/*").unwrap()]);
        for (name, is_covered) in [("team/a/app", true), ("teams/a", false)] {
            assert_eq!(scope.covers(&name.parse().unwrap()), is_covered, "{name}");
        }
    }
}
