//! Tags that are made once and neither moved nor removed.

use std::sync::Arc;

use oci::RepositoryName;
use resolve::retention::Pattern;

/// Which tags of which repositories are immutable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImmutableTags {
    /// What the repositories' names are like; one of these must match. `*` stands for any characters, `/` among them.
    pub repositories: Vec<Pattern>,
    /// What the tags are like; one of these must match.
    pub tags: Vec<Pattern>,
    /// Which of those are not immutable all the same.
    pub except: Vec<Pattern>,
}

impl ImmutableTags {
    fn covers(&self, repository: &RepositoryName, tag: &str) -> bool {
        let any = |patterns: &[Pattern], text: &str| patterns.iter().any(|pattern| pattern.matches(text));
        any(&self.repositories, repository.as_str()) && any(&self.tags, tag) && !any(&self.except, tag)
    }
}

/// All rules of a registry. A tag is immutable when one of them says so. The default has none. Cloning gives another handle to the
/// same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Immutability(Arc<Vec<ImmutableTags>>);

impl Immutability {
    /// Returns these rules.
    pub fn new(rules: Vec<ImmutableTags>) -> Self {
        Self(Arc::new(rules))
    }

    /// Returns the rules one by one.
    pub fn rules(&self) -> &[ImmutableTags] {
        &self.0
    }

    /// Tells whether no tag is immutable.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether a tag is immutable.
    pub fn covers(&self, repository: &RepositoryName, tag: &str) -> bool {
        self.0.iter().any(|rule| rule.covers(repository, tag))
    }
}
