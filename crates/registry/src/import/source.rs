//! What is imported from: which of the known forms a directory has, and the repositories in it.

use std::io;
use std::path::Path;

use oci::{Digest, MediaType, RepositoryName, Tag};

use super::distribution::{self, LinkedRepository};
use super::layout::{self, LayoutRepository};
use super::tree::{Found, Tree};
use super::{Form, ImportError};

/// Where a distribution registry keeps everything, below its root directory.
const DISTRIBUTION: &str = "docker/registry/v2";

/// A directory to import from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) form: Form,
    tree: Tree,
}

/// A repository of the source.
#[derive(Clone, Debug)]
pub(super) enum SourceRepository {
    Linked(LinkedRepository),
    Layout(LayoutRepository),
}

/// What the walk through a source finds.
#[derive(Debug)]
pub(super) enum Step {
    Repository(String, SourceRepository),
    /// Something that cannot be read.
    Broken {
        path: String,
        reason: String,
    },
}

/// What a repository lists.
#[derive(Debug)]
pub(super) enum Listed {
    /// A manifest, and its type where that is said beside the bytes.
    Manifest(Digest, Option<MediaType>),
    /// Something that cannot be read.
    Broken { what: String, reason: String },
}

/// A tag of the source.
#[derive(Debug)]
pub(super) enum NamedTag {
    /// It names a manifest since a time, in milliseconds since 1970, and named others before, the earliest first.
    Named { tag: Tag, digest: Digest, at: i64, past: Vec<(Digest, i64)> },
    /// It cannot be read.
    Broken { tag: String, reason: String },
}

impl Source {
    /// Opens a directory, and finds out which form it has.
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let failed = |source: io::Error| ImportError::Source { path: path.to_owned(), source };
        let tree = Tree::open(path).map_err(failed)?;
        for root in [DISTRIBUTION, ""] {
            let parts = ["blobs", "repositories"].map(|part| format!("{root}/{part}"));
            let is_root = |part: &String| tree.has(part.trim_start_matches('/'));
            if is_root(&parts[1]).map_err(failed)? && (!root.is_empty() || is_root(&parts[0]).map_err(failed)?) {
                let tree = tree.below(root).map_err(failed)?.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
                return Ok(Self { form: Form::Distribution, tree });
            }
        }
        if tree.has(layout::MARKER).map_err(failed)? || tree.has(layout::INDEX).map_err(failed)? {
            return Ok(Self { form: Form::Layout, tree });
        }
        let mut has_layout = false;
        let walked = layouts(&tree, "", &mut |step| {
            has_layout = matches!(step, Step::Repository(..));
            !has_layout
        });
        walked.map_err(failed)?;
        if has_layout { Ok(Self { form: Form::Zot, tree }) } else { Err(ImportError::Form(path.to_owned())) }
    }

    /// Calls `each` with every repository, until that returns false.
    pub(super) fn repositories(&self, each: &mut dyn FnMut(Step) -> bool) -> io::Result<()> {
        match self.form {
            Form::Layout => {
                each(Step::Repository(
                    String::new(),
                    SourceRepository::Layout(LayoutRepository { root: self.tree.clone() }),
                ));
            }
            Form::Zot => {
                layouts(&self.tree, "", each)?;
            }
            Form::Distribution => {
                linked(&self.tree, "", each)?;
            }
        }
        Ok(())
    }

    /// Calls `each` with every file of content and the tree in which its path is, until that returns false.
    pub(super) fn contents(&self, each: &mut dyn FnMut(Digest, &Tree, &str) -> io::Result<bool>) -> io::Result<()> {
        match self.form {
            Form::Distribution => distribution::blobs(&self.tree, &mut |digest, path| each(digest, &self.tree, path)),
            Form::Layout | Form::Zot => {
                let mut outcome = Ok(());
                self.repositories(&mut |step| {
                    if let Step::Repository(_, SourceRepository::Layout(layout)) = step {
                        outcome = layout::contents(&layout.root, &mut |digest, path| each(digest, &layout.root, path));
                    }
                    outcome.is_ok()
                })?;
                outcome
            }
        }
    }
}

impl SourceRepository {
    /// Returns the file of a manifest; `None` when the repository has no such manifest.
    pub(super) fn manifest(&self, digest: &Digest) -> io::Result<Option<Found>> {
        match self {
            Self::Linked(repository) => repository.manifest(digest),
            Self::Layout(repository) => repository.content(digest),
        }
    }

    /// Returns the file of a blob; `None` when the repository has no such blob.
    pub(super) fn blob(&self, digest: &Digest) -> io::Result<Option<Found>> {
        match self {
            Self::Linked(repository) => repository.blob(digest),
            Self::Layout(repository) => repository.content(digest),
        }
    }

    /// Calls `each` with every manifest that is listed, until that returns false.
    pub(super) fn manifests(&self, each: &mut dyn FnMut(Listed) -> bool) -> io::Result<()> {
        match self {
            Self::Linked(repository) => repository.manifests(each),
            Self::Layout(repository) => repository.manifests(each),
        }
    }

    /// Calls `each` with every tag, until that returns false.
    pub(super) fn tags(&self, each: &mut dyn FnMut(NamedTag) -> bool) -> io::Result<()> {
        match self {
            Self::Linked(repository) => repository.tags(each),
            Self::Layout(repository) => repository.tags(each),
        }
    }
}

/// Walks the repositories of a distribution directory. Returns whether to go on.
fn linked(root: &Tree, name: &str, each: &mut dyn FnMut(Step) -> bool) -> io::Result<bool> {
    let path = join("repositories", name);
    walk(root, &path, name, each, &mut |name, each| {
        let path = join("repositories", name);
        // Names of repositories have no underscore at their beginning, so whatever has one belongs to the repository above.
        if root.has(&format!("{path}/_manifests"))? {
            let repository = LinkedRepository { root: root.clone(), path };
            if !each(Step::Repository(name.to_owned(), SourceRepository::Linked(repository))) {
                return Ok(false);
            }
        }
        linked(root, name, each)
    })
}

/// Walks the layouts below a directory. Returns whether to go on.
fn layouts(root: &Tree, name: &str, each: &mut dyn FnMut(Step) -> bool) -> io::Result<bool> {
    walk(root, name, name, each, &mut |name, each| {
        let Some(tree) = root.below(name)? else { return Ok(true) };
        let is_layout = tree.has(layout::MARKER)? && tree.has(layout::INDEX)?;
        if is_layout {
            let repository = SourceRepository::Layout(LayoutRepository { root: tree });
            if !each(Step::Repository(name.to_owned(), repository)) {
                return Ok(false);
            }
        } else if name.rsplit('/').next() == Some("blobs")
            && root.has(&join(name.trim_end_matches("blobs"), layout::MARKER))?
        {
            // The content of the layout above.
            return Ok(true);
        }
        layouts(root, name, each)
    })
}

/// Is called with the name of a directory and what hears of the repositories in it; says whether to go on.
type Visit<'v> = dyn FnMut(&str, &mut dyn FnMut(Step) -> bool) -> io::Result<bool> + 'v;

/// Calls `visit` with the name of every directory in `path` that can be a part of a repository's name. What cannot be read is told, and
/// the walk goes on behind it.
fn walk(
    root: &Tree,
    path: &str,
    name: &str,
    each: &mut dyn FnMut(Step) -> bool,
    visit: &mut Visit<'_>,
) -> io::Result<bool> {
    let mut goes_on = true;
    root.each(path, |entry| {
        let below = join(name, &entry.name);
        // What begins like this is not a part of a name, but what a registry keeps beside its repositories.
        if !entry.is_directory || entry.name.starts_with(['_', '.']) {
            return Ok(true);
        }
        let visited = match below.parse::<RepositoryName>() {
            Ok(_) => visit(&below, each).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        goes_on = visited.unwrap_or_else(|reason| each(Step::Broken { path: below, reason }));
        Ok(goes_on)
    })?;
    Ok(goes_on)
}

fn join(directory: &str, name: &str) -> String {
    match (directory.trim_end_matches('/'), name) {
        ("", name) => name.to_owned(),
        (directory, "") => directory.to_owned(),
        (directory, name) => format!("{directory}/{name}"),
    }
}
