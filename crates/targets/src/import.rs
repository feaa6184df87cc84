//! Lists of images in the files of other tools: locks with digests, and rules of what to mirror.
//!
//! | module | file | read | written |
//! |---|---|---|---|
//! | [`imgpkg`] | `.imgpkg/images.yml` of Carvel | yes | yes |
//! | [`docker_lock`] | `docker-lock.json` | yes | yes |
//! | [`compose`] | an override file that pins the services of a Compose file | yes | yes |
//! | [`regsync`] | `regsync.yml` of regclient | yes | |
//! | [`skopeo`] | the source of `skopeo sync --src yaml` | yes | |
//!
//! What is written gives the same list when it is read. An error points at the line and column of what is wrong; in a list of what to mirror an
//! entry that cannot be read is one of the entries ([`ListEntry`]).

pub mod compose;
pub mod docker_lock;
pub mod imgpkg;
mod listed;
pub mod regsync;
pub mod skopeo;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use oci::{Digest, Host, RegistryReference, RepositoryName, Tag};

use crate::error::TargetError;
use crate::limits::EXPANDED_MAX;
use crate::place::Content;
use crate::text;
use crate::tree::{Id, Tree};

pub use listed::ListEntry;
use listed::Wrong;

/// An image in a lock file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How the file calls it: a service, or the name that was looked up.
    pub name: String,
    /// What it is, always with a digest when it was read. A name without a registry is one of Docker Hub.
    pub reference: RegistryReference,
    /// What else the file says about it. It came from a file: show it with [`oci::text::printable`].
    pub annotations: BTreeMap<String, String>,
}

/// What is to be mirrored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// From where.
    pub source: Source,
    /// To where, as it is written; `None` where the command line of the tool says so.
    pub target: Option<String>,
    /// Which tags. One that no rule is about is taken unless there is a rule that takes.
    pub rules: Vec<TagRule>,
}

/// Where images are mirrored from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// All repositories of a registry.
    Registry(Host),
    /// The tags of a repository.
    Repository(Host, RepositoryName),
    /// One image.
    Image(RegistryReference),
}

/// A rule about tags, in the words of the tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagRule {
    /// Takes this tag.
    Tag(Tag),
    /// Takes what has this digest.
    Digest(Digest),
    /// Takes the tags that match a regular expression. `is_anchored` tells whether it has to match all of a tag.
    Matches {
        /// The regular expression.
        expression: String,
        /// Whether it has to match all of a tag.
        is_anchored: bool,
    },
    /// Leaves out the tags of which all matches a regular expression.
    MatchesNot(String),
    /// Takes the versions in a range.
    InRange(String),
}

/// Reads a reference at a node.
fn reference(tree: &Tree<'_>, id: Id) -> Result<RegistryReference, Wrong> {
    let Some(written) = tree.text(id) else { return Err(Wrong::new(id, "a reference is missing")) };
    match text::whole(written) {
        Content::Image(image) => Ok(image.reference),
        Content::Skipped { text, reason } => Err(Wrong::new(id, format!("`{text}` cannot be read: {reason}"))),
    }
}

/// Reads a reference with a digest at a node.
fn locked(tree: &Tree<'_>, id: Id) -> Result<RegistryReference, TargetError> {
    let reference = reference(tree, id).map_err(|wrong| wrong.error(tree))?;
    match reference.selector.digest {
        Some(_) => Ok(reference),
        None => Err(tree.error(id, format!("`{reference}` has no digest"))),
    }
}

/// Returns the text of the value of a key, empty where there is none.
fn text_at<'t>(tree: &'t Tree<'_>, id: Id, key: &str) -> &'t str {
    tree.get(id, key).and_then(|value| tree.text(value)).unwrap_or_default()
}

/// Returns the items of the sequence at a key, or of none.
fn items_at<'t>(tree: &'t Tree<'_>, id: Id, key: &str) -> &'t [Id] {
    tree.get(id, key).and_then(|value| tree.resolve(value)).map_or(&[], |value| tree.items(value))
}

/// Returns the root of the first document, which must be a mapping, and no larger than is read once its aliases are followed.
fn root(tree: &Tree<'_>) -> Result<Id, TargetError> {
    match tree.roots().first() {
        Some(root) if tree.expanded_size() > EXPANDED_MAX => Err(tree.error(*root, "aliases make the file too large")),
        Some(root) if tree.is_mapping(*root) => Ok(*root),
        Some(root) => Err(tree.error(*root, "not a mapping")),
        None => Err(TargetError::Syntax { line: 1, column: 1, message: "the file is empty".to_owned() }),
    }
}

/// Writes a string as JSON does, which is YAML as well.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            // What YAML does not take as it is.
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                // Writing to a string does not fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
