//! Tags that are made once and neither moved nor removed.

use std::fmt;
use std::sync::Arc;

use oci::RepositoryName;
use resolve::document::quoted;
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

/// As TOML writes it in one line.
impl fmt::Display for ImmutableTags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = |patterns: &[Pattern]| {
            let texts: Vec<String> = patterns.iter().map(|pattern| quoted(pattern.as_str())).collect();
            format!("[{}]", texts.join(", "))
        };
        let Self { repositories, tags, except } = self;
        write!(f, "{{ repositories = {}, tags = {}", texts(repositories), texts(tags))?;
        if !except.is_empty() {
            write!(f, ", except = {}", texts(except))?;
        }
        f.write_str(" }")
    }
}

/// As TOML writes them in one line.
impl fmt::Display for Immutability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules: Vec<String> = self.0.iter().map(ImmutableTags::to_string).collect();
        write!(f, "[{}]", rules.join(", "))
    }
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
