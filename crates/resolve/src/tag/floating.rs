//! Which exact versions a tag that moves may name: what it names, only the repository can tell.

use std::cmp::Reverse;

use oci::Tag;

use super::{Kind, Reading, Repository};

impl Repository {
    /// Returns the tags that move and may name one of the exact versions: first words such as `latest`, then the newest.
    pub fn floating(&self) -> Vec<&Tag> {
        let mut floating: Vec<(&Tag, &Reading)> =
            self.readings().filter(|(_, reading)| reading.kind == Kind::Floating).collect();
        floating.sort_by_key(|(tag, reading)| (reading.version.is_some(), Reverse(&reading.version), *tag));
        floating.into_iter().map(|(tag, _)| tag).collect()
    }

    /// Returns the exact versions that a tag that moves may name, at most so many, the likeliest first: the newest release. Releases
    /// come before prereleases, and of one version the tag that says less of its variant.
    pub fn precise(&self, floating: &Tag, most: usize) -> Vec<(&Tag, &Reading)> {
        let is_exact = |reading: &Reading| matches!(reading.kind, Kind::Release | Kind::Prerelease);
        let mut precise: Vec<(&Tag, &Reading)> =
            self.readings().filter(|(tag, reading)| is_exact(reading) && may_name(floating, tag)).collect();
        precise.sort_by_key(|(tag, reading)| {
            (reading.kind != Kind::Release, Reverse(&reading.version), tag.as_str().len(), *tag)
        });
        precise.truncate(most);
        precise
    }
}

/// Tells whether a tag that moves may name a version: `1` and `1.76` for `1.76.0`, `1.76-alpine` for `1.76.0-alpine3.20`, `latest`.
pub fn may_name(floating: &Tag, tag: &Tag) -> bool {
    fn split(text: &str) -> (&str, &str) {
        let text = text.strip_prefix('v').unwrap_or(text);
        text.split_once('-').unwrap_or((text, ""))
    }
    let (short, long) = (split(floating.as_str()), split(tag.as_str()));
    let begins = long.0.strip_prefix(short.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let is_variant = floating.as_str() == long.1;
    let is_word = matches!(floating.as_str(), "latest" | "stable" | "lts") && long.1.is_empty();
    is_word || is_variant || (begins && long.1.starts_with(short.1) && (short.1.is_empty() == long.1.is_empty()))
}
