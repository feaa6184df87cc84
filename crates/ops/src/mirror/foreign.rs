//! What other tools' rules about tags mean.

use std::collections::BTreeSet;

use oci::text::printable;
use oci::{Digest, RegistryReference, Tag};
use regex_lite::{Regex, RegexBuilder};
use resolve::mirror::VersionRule;
use targets::import::TagRule;

use crate::error::OpsError;

/// Most bytes that a compiled expression may take.
const EXPRESSION_MAX_BYTES: usize = 1 << 20;
/// Most bytes of an expression.
const EXPRESSION_TEXT_MAX_BYTES: usize = 4096;

/// The rules of another tool for one repository.
#[derive(Clone, Debug, Default)]
pub struct ForeignRules {
    tags: BTreeSet<Tag>,
    digests: Vec<Digest>,
    matches: Vec<Regex>,
    denied: Vec<Regex>,
    versions: Vec<VersionRule>,
}

impl ForeignRules {
    /// Reads rules.
    ///
    /// # Errors
    /// [`OpsError::Usage`] for an expression or a range that cannot be read.
    pub(super) fn new(source: &RegistryReference, rules: &[TagRule], file: &str) -> Result<Self, OpsError> {
        let mut read = Self::default();
        for rule in rules {
            match rule {
                TagRule::Tag(tag) => drop(read.tags.insert(tag.clone())),
                TagRule::Digest(digest) => read.digests.push(*digest),
                TagRule::Matches { expression, is_anchored } => {
                    read.matches.push(regex(expression, *is_anchored, file)?);
                }
                TagRule::MatchesNot(expression) => read.denied.push(regex(expression, true, file)?),
                TagRule::InRange(range) => {
                    let rule = VersionRule::semver(source.clone(), range).map_err(|error| {
                        OpsError::usage(format!("{file}: `{}` is no range: {error}", printable(range)), None)
                    })?;
                    read.versions.push(rule);
                }
            }
        }
        Ok(read)
    }

    /// Returns what is wanted by digest.
    pub(super) fn digests(&self) -> impl Iterator<Item = Digest> {
        self.digests.iter().copied()
    }

    /// Returns those of a repository's tags that are wanted: what a rule takes, or all where none takes, without what is denied.
    pub(super) fn select(&self, tags: &[Tag]) -> BTreeSet<Tag> {
        let takes_all =
            self.tags.is_empty() && self.digests.is_empty() && self.matches.is_empty() && self.versions.is_empty();
        let is_allowed =
            |tag: &Tag| !tag.is_attachment() && !self.denied.iter().any(|denied| denied.is_match(tag.as_str()));
        let is_taken = |tag: &Tag| {
            takes_all || self.tags.contains(tag) || self.matches.iter().any(|taken| taken.is_match(tag.as_str()))
        };
        let named = tags.iter().filter(|tag| is_taken(tag)).cloned();
        let versions = self.versions.iter().flat_map(|rule| rule.select(tags, is_allowed));
        // What is named by its tag alone is wanted whether it is there or not: a copy says that it is not.
        named.chain(self.tags.iter().cloned()).filter(is_allowed).chain(versions).collect()
    }
}

/// Reads an expression. Both tools are written in Go, whose expressions these are but for names of Unicode classes.
fn regex(expression: &str, is_anchored: bool, file: &str) -> Result<Regex, OpsError> {
    let wrong = |reason: String| {
        OpsError::usage(format!("{file}: `{}` is no regular expression: {reason}", printable(expression)), None)
    };
    if expression.len() > EXPRESSION_TEXT_MAX_BYTES {
        return Err(wrong(format!("it has more than {EXPRESSION_TEXT_MAX_BYTES} bytes")));
    }
    let full = if is_anchored { format!("^(?:{expression})$") } else { expression.to_owned() };
    RegexBuilder::new(&full).size_limit(EXPRESSION_MAX_BYTES).build().map_err(|error| wrong(error.to_string()))
}
