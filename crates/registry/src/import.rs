//! Taking over what another registry, or another tool, keeps in a directory.
//!
//! ```text
//!   Tree (never leaves the directory) ─▶ Source: repositories ─▶ manifests, children first ─▶ Take ─▶ Storage
//!                                                            └─▶ tags, at last
//! ```
//!
//! Everything is held against its digest on the way, and read once. What a repository has already is not read again, so an import
//! that broke off goes on where it was: the database alone remembers how far it came. A manifest is put when all is there that it is
//! made of, and a tag is set when its manifest is there; so at no time is anything shown that is not whole.
//!
//! Blobs that no manifest of their repository names are not taken: nothing would hold them.

mod distribution;
mod layout;
mod rehearsal;
mod report;
mod retire;
mod source;
mod tags;
mod take;
mod tree;
mod walk;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use oci::RepositoryName;

pub use report::{Form, Imported, LeftOut};

use self::report::Report;
use self::source::{Source, Step};
use self::take::Take;
use self::walk::walked;
use crate::immutability::Immutability;
use crate::storage::{Storage, StorageError};

/// Repositories that are read at once.
const REPOSITORIES_TOGETHER: usize = 4;

/// What is imported, and how.
#[derive(Clone, Debug)]
pub struct Import {
    /// An image layout, the directory of a distribution registry or that of a zot registry.
    pub source: PathBuf,
    /// Which repositories are made of it.
    pub target: ImportTarget,
    /// How bytes come.
    pub way: ImportWay,
    /// Whether manifests are taken of which parts are missing or bad.
    pub sparse: bool,
    /// Which tags are not moved.
    pub immutable: Immutability,
}

/// Which repositories are made of what is imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportTarget {
    /// Those of the source, by the same names; an image layout has none.
    Same,
    /// Those of the source, below this one.
    Below(RepositoryName),
    /// This one; for an image layout alone.
    One(RepositoryName),
}

/// How bytes come into the registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImportWay {
    /// They are copied.
    #[default]
    Copy,
    /// Files get one more name where both are on one file system, and are copied elsewhere.
    Link,
    /// As by [`ImportWay::Link`]; at the end the files of what was taken are removed from the source, if nothing was left out.
    Move,
}

/// Why nothing, or not all, was imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The source cannot be read.
    #[error("cannot read {}", path.display())]
    Source {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The source has none of the forms that are known.
    #[error("{} is no image layout, and no directory of a distribution or zot registry", .0.display())]
    Form(PathBuf),
    /// The source has no names of repositories.
    #[error("{} is an image layout, which does not say what the repository is called", .0.display())]
    Nameless(PathBuf),
    /// The source has repositories of its own.
    #[error("{} has repositories with names, which do not become one", .0.display())]
    Named(PathBuf),
    /// The registry could not read or write. What was taken before stays.
    #[error("cannot keep what is imported")]
    Storage(#[from] StorageError),
}

impl Storage {
    /// Takes over what is in a directory. Repositories that are there get what they lack. Whatever cannot be taken is left out, with
    /// everything that needs it, and is named in the report. The source is read only, unless [`ImportWay::Move`] is asked for.
    ///
    /// Dropping the future, or a crash, leaves what was taken; another import takes the rest.
    ///
    /// # Errors
    /// When the source cannot be read at all, or not in this way, and what the database or the place of the blobs brings.
    pub async fn import(&self, import: &Import) -> Result<Imported, ImportError> {
        let (path, target) = (import.source.clone(), import.target.clone());
        let source = tokio::task::spawn_blocking(move || Source::open(&path)).await;
        let source = source.map_err(|_| StorageError::Ended)??;
        match (&target, source.form) {
            (ImportTarget::One(_), Form::Layout)
            | (ImportTarget::Same | ImportTarget::Below(_), Form::Distribution | Form::Zot) => {}
            (_, Form::Layout) => return Err(ImportError::Nameless(import.source.clone())),
            _ => return Err(ImportError::Named(import.source.clone())),
        }
        self.end_dead_sessions().await?;
        let report = Arc::new(Report::new(source.form));
        let take = Arc::new(Take::new(self.clone(), import.clone(), Arc::clone(&report)));
        let steps = walked({
            let source = source.clone();
            move |each| source.repositories(each)
        });
        let failed = |source| ImportError::Source { path: import.source.clone(), source };
        let visited = steps.map_err(failed).try_for_each_concurrent(REPOSITORIES_TOGETHER, |step| {
            let (take, report, target) = (&take, &report, &target);
            async move {
                match step {
                    Step::Broken { path, reason } => report.leave_out(LeftOut::Repository { name: path, reason }),
                    Step::Repository(name, repository) => match name_of(&name, target) {
                        Ok(name) => {
                            report.add(|imported| imported.repositories += 1);
                            take.repository(name, repository).await?;
                        }
                        Err(reason) => report.leave_out(LeftOut::Repository { name, reason }),
                    },
                }
                Ok(())
            }
        });
        visited.await?;
        if import.way == ImportWay::Move && report.is_whole() {
            retire::retire(self, source, &report).await.map_err(|error| match error {
                retire::RetireError::Source(source) => failed(source),
                retire::RetireError::Storage(error) => error.into(),
            })?;
        }
        Ok(report.imported())
    }
}

/// Returns what a repository of the source is called here.
fn name_of(name: &str, target: &ImportTarget) -> Result<RepositoryName, String> {
    match target {
        ImportTarget::One(name) => Ok(name.clone()),
        ImportTarget::Same => name.parse().map_err(|error: oci::NameError| error.to_string()),
        ImportTarget::Below(prefix) => {
            format!("{prefix}/{name}").parse().map_err(|error: oci::NameError| error.to_string())
        }
    }
}
