//! From the source into the registry: blobs, and the manifests that are made of them.

mod bytes;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use ::bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, TryStreamExt as _, stream};
use graph::Space;
use graph::node::content_edges;
use oci::limits::MANIFEST_MAX_BYTES;
use oci::{Digest, Manifest, MediaType, RepositoryName};
use tokio::sync::Semaphore;

use super::report::{LeftOut, Report};
use super::source::{Listed, SourceRepository};
use super::walk::walked;
use super::{Import, ImportError, ImportWay};
use crate::quota::Quotas;
use crate::route::ManifestName;
use crate::storage::{Condition, PutManifest, Refused, Storage, StorageError};

/// Manifests of a repository that are taken at once.
const MANIFESTS_TOGETHER: usize = 8;
/// Blobs of a manifest that are taken at once.
const BLOBS_TOGETHER: usize = 4;
/// Files that are read at once, whatever they are for.
const FILES_TOGETHER: usize = 8;
/// Locks that keep the same blob from being read twice at once.
const STRIPES: usize = 64;
/// How deep indexes may lie in one another.
const DEPTH_MAX: usize = 16;
/// Most manifests of a repository that are known not to be taken. Behind that the repository is left.
const REFUSED_MAX: usize = 100_000;
/// Parts of a manifest that are named when it is left out because of them.
const NAMED_MAX: usize = 3;

/// What takes.
pub(super) struct Take {
    pub(super) storage: Storage,
    pub(super) import: Import,
    pub(super) report: Arc<Report>,
    files: Semaphore,
    stripes: Vec<tokio::sync::Mutex<()>>,
}

/// A repository that is taken.
pub(super) struct Taken<'t> {
    pub(super) take: &'t Take,
    pub(super) name: RepositoryName,
    pub(super) source: Arc<SourceRepository>,
    /// Manifests that are not taken, and why.
    refused: Mutex<HashMap<Digest, Arc<str>>>,
}

/// Whether a manifest is there, and if not, why.
pub(super) type Outcome = Result<(), Arc<str>>;

/// What is not as it should be with a part.
type Flawed = Result<(), String>;

impl Take {
    pub(super) fn new(storage: Storage, import: Import, report: Arc<Report>) -> Self {
        let stripes = (0..STRIPES).map(|_| tokio::sync::Mutex::default()).collect();
        Self { storage, import, report, files: Semaphore::new(FILES_TOGETHER), stripes }
    }

    /// Takes a repository: what it lists, and then its tags.
    pub(super) async fn repository(&self, name: RepositoryName, source: SourceRepository) -> Result<(), ImportError> {
        let taken = Taken { take: self, name, source: Arc::new(source), refused: Mutex::default() };
        let listed = walked({
            let source = Arc::clone(&taken.source);
            move |each| source.manifests(each)
        });
        let manifests = listed.map_err(Stopped::Source).try_for_each_concurrent(MANIFESTS_TOGETHER, |listed| {
            let taken = &taken;
            async move {
                match listed {
                    Listed::Manifest(digest, media_type) => taken.manifest(digest, media_type, 0).await.map(|_| ())?,
                    Listed::Broken { what, reason } => {
                        self.report.leave_out(LeftOut::Entry { repository: taken.name.clone(), what, reason });
                    }
                }
                if taken.refused().len() >= REFUSED_MAX { Err(Stopped::Hopeless) } else { Ok(()) }
            }
        });
        let outcome = match manifests.await {
            Ok(()) => taken.tags().await,
            stopped => stopped,
        };
        let reason = match outcome {
            Ok(()) => return Ok(()),
            Err(Stopped::Storage(error)) => return Err(error.into()),
            Err(Stopped::Source(error)) => error.to_string(),
            Err(Stopped::Hopeless) => format!("more than {REFUSED_MAX} of its manifests cannot be taken"),
        };
        self.report.leave_out(LeftOut::Repository { name: taken.name.to_string(), reason });
        Ok(())
    }
}

/// Why a repository was not read to its end.
pub(super) enum Stopped {
    Source(io::Error),
    Storage(StorageError),
    Hopeless,
}

impl From<StorageError> for Stopped {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl Taken<'_> {
    /// Takes a manifest with all that it is made of, unless it is there.
    pub(super) fn manifest(
        &self,
        digest: Digest,
        media_type: Option<MediaType>,
        depth: usize,
    ) -> BoxFuture<'_, Result<Outcome, StorageError>> {
        async move {
            let refused = self.refused().get(&digest).cloned();
            if let Some(reason) = refused {
                return Ok(Err(reason));
            }
            if self.take.storage.manifest(&self.name, &ManifestName::Digest(digest)).await?.is_some() {
                return Ok(Ok(()));
            }
            let taken = match self.read(digest, media_type).await? {
                Ok(manifest) => self.put(manifest, depth).await?,
                Err(reason) => Err(reason),
            };
            Ok(taken.map_err(|reason| self.refuse(digest, reason)))
        }
        .boxed()
    }

    /// Returns a manifest of the source, which has its digest.
    async fn read(
        &self,
        digest: Digest,
        media_type: Option<MediaType>,
    ) -> Result<Result<Manifest, String>, StorageError> {
        let source = Arc::clone(&self.source);
        let read = self.read_file(move || {
            let Some(found) = source.manifest(&digest)? else { return Ok(None) };
            found.content(MANIFEST_MAX_BYTES as u64).map(Some)
        });
        let bytes = match read.await? {
            Ok(Some(bytes)) => Bytes::from(bytes),
            Ok(None) => return Ok(Err("it is missing".to_owned())),
            Err(error) => return Ok(Err(error.to_string())),
        };
        // As with a push: it must make sense without what is said beside it, for that is not kept with the bytes everywhere.
        let parsed = Manifest::parse(bytes.clone(), None, Some(&digest)).and_then(|manifest| match &media_type {
            Some(media_type) if manifest.media_type() != media_type => {
                Manifest::parse(bytes, Some(media_type), Some(&digest))
            }
            _ => Ok(manifest),
        });
        Ok(parsed.map_err(|error| error.to_string()))
    }

    /// Puts a manifest, after what it is made of.
    async fn put(&self, manifest: Manifest, depth: usize) -> Result<Flawed, StorageError> {
        let digest = *manifest.digest();
        let flawed = self.parts(&manifest, depth).await?;
        if !flawed.is_empty() {
            if !self.take.import.sparse {
                let named =
                    flawed.iter().take(NAMED_MAX).map(|(digest, reason)| format!("it needs {digest}: {reason}"));
                let more = flawed.len().saturating_sub(NAMED_MAX);
                let more = (more > 0).then(|| format!("and {more} more parts that cannot be taken"));
                return Ok(Err(named.chain(more).collect::<Vec<_>>().join("; ")));
            }
            for (part, reason) in flawed {
                let repository = self.name.clone();
                self.take.report.leave_out(LeftOut::Part { repository, manifest: digest, digest: part, reason });
            }
        }
        let put = PutManifest {
            repository: self.name.clone(),
            manifest,
            tags: Vec::new(),
            // Somebody else may have put it meanwhile.
            condition: Condition::Nothing,
            permission: Condition::None,
            sparse: self.take.import.sparse,
            immutable: self.take.import.immutable.clone(),
            quotas: Quotas::default(),
            actor: None,
        };
        Ok(match self.take.storage.put_manifest(put).await? {
            Ok(_) => {
                self.take.report.add(|imported| imported.manifests += 1);
                Ok(())
            }
            Err(Refused::Condition) => Ok(()),
            Err(Refused::Size { digest, stated, found }) => {
                Err(format!("it says that {digest} has {stated} bytes, and that has {found}"))
            }
            Err(Refused::Quota(exceeded)) => Err(exceeded.to_string()),
            Err(Refused::Missing(_)) => Err("a part of it was taken away meanwhile".to_owned()),
            Err(Refused::Immutable { .. } | Refused::Held { .. } | Refused::Permission) => {
                Err("it is here with another media type, which may not change".to_owned())
            }
        })
    }

    /// Takes what a manifest is made of. Returns what cannot be taken, and why.
    async fn parts(&self, manifest: &Manifest, depth: usize) -> Result<BTreeMap<Digest, String>, StorageError> {
        let (mut blobs, mut children) = (BTreeMap::new(), BTreeMap::new());
        for (edge, descriptor) in content_edges(manifest) {
            let is_elsewhere = descriptor.media_type.is_non_distributable();
            match edge.to.space {
                Space::Blob => drop(blobs.insert(edge.to.digest, (descriptor.size, is_elsewhere))),
                Space::Manifest => drop(children.insert(edge.to.digest, descriptor.media_type.clone())),
            }
        }
        let blobs = stream::iter(blobs.into_iter().map(Ok::<_, StorageError>));
        let taken = blobs.map_ok(|(digest, (size, is_elsewhere))| async move {
            let taken = match self.blob(digest, size).await? {
                Err(bytes::Missing::Absent) if is_elsewhere => Ok(()),
                taken => taken.map_err(|missing| missing.to_string()),
            };
            Ok((digest, taken))
        });
        let taken: Vec<(Digest, Flawed)> = taken.try_buffer_unordered(BLOBS_TOGETHER).try_collect().await?;
        let mut flawed: BTreeMap<Digest, String> =
            taken.into_iter().filter_map(|(digest, taken)| Some((digest, taken.err()?))).collect();
        for (digest, media_type) in children {
            let taken = match depth {
                DEPTH_MAX.. => Err(Arc::from("indexes lie too deep in one another")),
                _ => self.manifest(digest, Some(media_type), depth + 1).await?,
            };
            if let Err(reason) = taken {
                flawed.insert(digest, reason.to_string());
            }
        }
        Ok(flawed)
    }

    /// Remembers that a manifest is not taken, and tells it.
    fn refuse(&self, digest: Digest, reason: String) -> Arc<str> {
        let reason: Arc<str> = reason.into();
        if self.refused().insert(digest, Arc::clone(&reason)).is_none() {
            let (repository, reason) = (self.name.clone(), reason.to_string());
            self.take.report.leave_out(LeftOut::Manifest { repository, digest, reason });
        }
        reason
    }

    fn refused(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Arc<str>>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a file of the source where it may wait for the disk. The inner error is the source's.
    async fn read_file<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<io::Result<T>, StorageError> {
        let _permit = self.take.files.acquire().await.map_err(|_| StorageError::Ended)?;
        tokio::task::spawn_blocking(read).await.map_err(|_| StorageError::Ended)
    }

    /// Tells whether files are given other names where that can be done.
    fn links(&self) -> bool {
        self.take.import.way != ImportWay::Copy
    }
}
