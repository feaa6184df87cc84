//! Where the files of a workspace are: its root above a member, its members below the root.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use resolve::document::DocumentError;
use resolve::project::{self, Directories, FILE_NAME, MEMBERS_MAX, Sources, WORKSPACE_MAX_BYTES, Workspace};

use super::{Existence, as_seen, directory, read_text, told};
use crate::error::OpsError;

/// Most entries of directories that are looked at for members.
const ENTRIES_MAX: usize = 100_000;

/// The root of the workspace that a project belongs to.
pub(super) struct Root {
    /// Its file.
    pub(super) file: PathBuf,
    /// The text of the file.
    pub(super) text: String,
    /// The directory of the member, from the root's.
    pub(super) member: String,
}

/// Finds the root of the workspace that a project belongs to: the nearest file above it with a `[workspace]`, if that admits the
/// project's directory. `None` for a project of its own.
///
/// # Errors
/// [`OpsError::Project`] for a file above it that is no TOML, [`OpsError::File`] for one that cannot be read.
pub(super) fn root_of(file: &Path, text: &str, existence: Existence) -> Result<Option<Root>, OpsError> {
    // What is wrong with the file itself is said when it is read as a project.
    let is_root = Workspace::find(text).map_or(true, |workspace| workspace.is_some());
    let can_be_member = existence == Existence::Planned || is_plain_file(file);
    if is_root || file.file_name() != Some(FILE_NAME.as_ref()) || !can_be_member {
        return Ok(None);
    }
    // A directory that is not there yet is nobody's.
    let Ok(here) = directory(file).canonicalize() else { return Ok(None) };
    for above in here.ancestors().skip(1) {
        let candidate = above.join(FILE_NAME);
        if !candidate.is_file() {
            continue;
        }
        let Some(text) = read_text(&candidate, project::FILE_MAX_BYTES)? else { continue };
        let candidate = as_seen(candidate);
        let sources = Sources::new(text);
        let workspace = Workspace::find(sources.root()).map_err(|error| told(&candidate, &sources, &error))?;
        let Some(workspace) = workspace else { continue };
        let member = here.strip_prefix(above).ok().and_then(slashed).filter(|member| workspace.admits(member));
        return Ok(member.map(|member| Root { file: candidate, text: sources.root().to_owned(), member }));
    }
    Ok(None)
}

/// Reads the files of a root's members and adds them in the order of their directories. Of one member the text is known, whether its
/// file is there or not.
///
/// Symbolic links are not followed: what is below the root stays there.
///
/// # Errors
/// [`OpsError::Project`] for a pattern without a member and for too many members, what the file system brings.
pub(super) fn add_members(
    file: &Path,
    sources: &mut Sources,
    known: Option<&(String, String)>,
) -> Result<(), OpsError> {
    let wrong = |sources: &Sources, error: DocumentError| told(file, sources, &error);
    let Some(workspace) = Workspace::find(sources.root()).map_err(|error| wrong(sources, error))? else {
        return Ok(());
    };
    let root = directory(file);
    let mut members = BTreeSet::new();
    let mut search = Search { root, entries: 0 };
    for pattern in &workspace.members {
        let at = |message: String| DocumentError::new(message, pattern.place.clone());
        let Some(mut found) = search.matching(pattern)? else {
            let message = format!("`members` leads through directories with more than {ENTRIES_MAX} entries");
            return Err(wrong(sources, at(message)));
        };
        found.extend(known.map(|(member, _)| member.clone()).filter(|member| pattern.is_one(member)));
        if found.is_empty() {
            let error = at(format!("`{}` matches no directory with a {FILE_NAME}", pattern.as_str()));
            return Err(wrong(sources, error.help("members = [\"apps/*\"]   # links are not followed")));
        }
        members.extend(found.into_iter().filter(|directory| !workspace.excludes(directory)));
        if members.len() > MEMBERS_MAX {
            return Err(wrong(sources, at(format!("the workspace has more than {MEMBERS_MAX} members"))));
        }
    }
    let mut total = 0;
    for member in members {
        let text = if let Some((_, text)) = known.filter(|(known, _)| *known == member) {
            text.clone()
        } else {
            let path = as_seen(root.join(&member).join(FILE_NAME));
            read_text(&path, project::FILE_MAX_BYTES)?.unwrap_or_default()
        };
        total += text.len();
        sources.push(member, text);
        // So many are refused when they are joined.
        if total > WORKSPACE_MAX_BYTES {
            break;
        }
    }
    Ok(())
}

/// The search for members below a root.
struct Search<'a> {
    root: &'a Path,
    /// How many entries of directories were looked at.
    entries: usize,
}

impl Search<'_> {
    /// Returns the directories that a pattern names and that hold a project; `None` when there are too many entries to look at.
    fn matching(&mut self, pattern: &Directories) -> Result<Option<Vec<String>>, OpsError> {
        let mut reached = vec![String::new()];
        for depth in 0..pattern.depth() {
            let mut next = Vec::new();
            for above in reached {
                let below = |name: &str| if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
                if let Some(name) = pattern.name(depth) {
                    next.push(below(&name));
                    continue;
                }
                let directory = self.root.join(&above);
                let failed = |source| OpsError::File { action: "cannot read", path: directory.clone(), source };
                for entry in fs::read_dir(&directory).map_err(failed)? {
                    self.entries += 1;
                    if self.entries > ENTRIES_MAX {
                        return Ok(None);
                    }
                    // Names that are no text are not meant by any pattern.
                    let name = entry.map_err(failed)?.file_name().into_string();
                    next.extend(name.ok().filter(|name| pattern.takes(depth, name)).map(|name| below(&name)));
                }
            }
            next.retain(|directory| self.root.join(directory).symlink_metadata().is_ok_and(|found| found.is_dir()));
            reached = next;
        }
        reached.retain(|directory| is_plain_file(&self.root.join(directory).join(FILE_NAME)));
        Ok(Some(reached))
    }
}

fn is_plain_file(file: &Path) -> bool {
    file.symlink_metadata().is_ok_and(|found| found.is_file())
}

fn slashed(path: &Path) -> Option<String> {
    let names: Option<Vec<&str>> = path.iter().map(|name| name.to_str()).collect();
    Some(names?.join("/"))
}
