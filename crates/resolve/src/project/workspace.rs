//! `[workspace]`: several projects with one lock.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{FILE_MAX_BYTES, read};
use crate::document::{DocumentError, Table, Text};
use crate::glob::Glob;

/// Most members of a workspace.
pub const MEMBERS_MAX: usize = 256;
/// Most patterns of members, and of directories that are none.
const PATTERNS_MAX: usize = 256;
/// Most names in a pattern.
const DEPTH_MAX: usize = 16;

/// Which directories below a project's are members of its workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Those that are, where they hold a project.
    pub members: Vec<Directories>,
    /// Those that are not, with all below them.
    pub exclude: Vec<Directories>,
}

/// A pattern of directories: `apps/*`. `*` stands for any letters of a name and `?` for one; neither takes a name that begins with
/// a dot. Names are of letters, digits, `.`, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directories {
    text: String,
    names: Vec<Glob>,
    /// Where it stands in the file of the root.
    pub place: Range<usize>,
}

/// A project that belongs to a workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its directory, from the root's, with `/` between the names.
    pub directory: String,
    /// What it is called.
    pub name: Option<String>,
    /// The images that its file declares.
    pub declares: BTreeSet<String>,
    /// The images of the root that are its own too.
    pub takes: BTreeSet<String>,
}

impl Member {
    /// Returns the names of its images.
    pub fn images(&self) -> impl Iterator<Item = &str> {
        self.declares.iter().chain(&self.takes).map(String::as_str)
    }
}

impl Workspace {
    /// Reads what a file says of a workspace, and nothing else of it; `None` where it says nothing.
    ///
    /// # Errors
    /// [`DocumentError`] with the place in the text, also for a text that is not TOML.
    pub fn find(text: &str) -> Result<Option<Self>, DocumentError> {
        if text.len() > FILE_MAX_BYTES {
            return Err(DocumentError::new(format!("the file has more than {FILE_MAX_BYTES} bytes"), 0..0));
        }
        read::workspace_alone(text)
    }

    /// Tells whether a directory, given from the root's, is a member if it holds a project.
    pub fn admits(&self, directory: &str) -> bool {
        let is_named = self.members.iter().any(|pattern| pattern.is_one(directory));
        is_named && !self.excludes(directory)
    }

    /// Tells whether a directory is none of the members, whatever pattern names it.
    pub fn excludes(&self, directory: &str) -> bool {
        self.exclude.iter().any(|pattern| pattern.reach(directory).is_some())
    }
}

/// How much of a path a pattern stands for.
#[derive(PartialEq, Eq)]
enum Reach {
    Whole,
    Beginning,
}

impl Directories {
    /// Returns the pattern as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns how many names deep the directories are.
    pub fn depth(&self) -> usize {
        self.names.len()
    }

    /// Tells whether a directory of this name may stand at a depth, from 0.
    pub fn takes(&self, depth: usize, name: &str) -> bool {
        let Some(glob) = self.names.get(depth) else { return false };
        is_plain(name) && glob.matches(name) && (!name.starts_with('.') || glob.begins_with('.'))
    }

    /// Tells whether a directory, given from the root's, is one of them.
    pub fn is_one(&self, directory: &str) -> bool {
        self.reach(directory) == Some(Reach::Whole)
    }

    /// Returns the name that a directory at a depth has, from 0, where it can be no other.
    pub fn name(&self, depth: usize) -> Option<String> {
        self.names.get(depth).and_then(Glob::literal)
    }

    fn reach(&self, directory: &str) -> Option<Reach> {
        let mut names = directory.split('/').enumerate();
        let is_begun = names.by_ref().take(self.names.len()).filter(|(depth, name)| self.takes(*depth, name)).count()
            == self.names.len();
        is_begun.then(|| if names.next().is_none() { Reach::Whole } else { Reach::Beginning })
    }

    fn parse(text: &Text<'_>) -> Result<Self, DocumentError> {
        let bare = text.text.strip_suffix('/').unwrap_or(text.text);
        let wrong = |why: &str| {
            DocumentError::new(format!("`{}` {why}", text.text.escape_debug()), text.place.clone())
                .help("members = [\"apps/*\"]   # directories below this one")
        };
        if bare.starts_with('/') {
            return Err(wrong("is not relative to the root of the workspace"));
        }
        let mut names = Vec::new();
        for name in bare.split('/') {
            let glob = match name {
                ".." => return Err(wrong("leaves the root of the workspace")),
                "." => return Err(wrong("names the root of the workspace, which is none of its members")),
                name if name.contains("**") => {
                    return Err(wrong("has a `**`; a pattern says how deep its directories are"));
                }
                name if !is_plain(&name.replace(['*', '?'], "x")) => return Err(wrong("is no pattern of directories")),
                name => Glob::parse(name).map_err(wrong)?,
            };
            names.push(glob);
        }
        if names.len() > DEPTH_MAX {
            return Err(wrong(&format!("is deeper than {DEPTH_MAX} directories")));
        }
        Ok(Self { text: bare.to_owned(), names, place: text.place.clone() })
    }
}

/// Tells whether a directory may have this name: letters, digits, `.`, `-` and `_`.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

pub(super) fn workspace(table: &Table<'_>) -> Result<Workspace, DocumentError> {
    let patterns = |key: &str| {
        let texts = table.texts(key).unwrap_or_default();
        if texts.len() > PATTERNS_MAX {
            return Err(DocumentError::new(
                format!("`{key}` has more than {PATTERNS_MAX} patterns"),
                table.place.clone(),
            ));
        }
        texts.iter().map(Directories::parse).collect::<Result<Vec<_>, _>>()
    };
    Ok(Workspace { members: patterns("members")?, exclude: patterns("exclude")? })
}
