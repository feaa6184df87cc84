//! What was merged, held against what lies there, and put into the tables.

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use graph::Space;
use oci::limits::MANIFEST_MAX_BYTES;
use oci::{Digest, Manifest, RepositoryName};

use super::{Lost, Reindex, Reindexed};
use crate::retention::Retention;
use crate::storage::Storage;
use crate::storage::collect::{Keeping, later};
use crate::storage::database::{Connection, Operation, StorageError};
use crate::storage::journal::{Entry, KeptBlob, KeptHold, KeptManifest};
use crate::storage::reading::{self, Flaw, Unpaced};
use crate::storage::tags::Mover;
use crate::storage::{holds, manifests, repositories, retention, tags, usage};

/// Things in one transaction.
const PAGE: i64 = 128;
/// Places that are looked at, or read, at once.
const AT_ONCE: usize = 8;
/// Most manifests that are named for a part that is lost.
const PARENTS_MAX: i64 = 100;

/// A thing that is there as it should be.
enum Ready {
    Repository(RepositoryName),
    Manifest {
        repository: RepositoryName,
        manifest: Box<Manifest>,
        at: i64,
        place: String,
    },
    Blob {
        digest: Digest,
        size: i64,
        place: String,
    },
    Link {
        repository: RepositoryName,
        digest: Digest,
    },
    Move {
        repository: RepositoryName,
        tag: String,
        number: i64,
        digest: Option<Digest>,
        at: i64,
        actor: Option<String>,
    },
    Hold {
        repository: RepositoryName,
        digest: Digest,
        kind: String,
        kept: KeptHold,
    },
}

/// What came of looking at a thing.
enum Looked {
    Ready(Ready),
    Lost(Lost),
    /// It had gone on purpose.
    Gone,
}

impl Storage {
    /// Puts everything into the tables that was merged and is there.
    pub(super) async fn build(&self, reindex: &Reindex, report: &mut Reindexed) -> Result<(), StorageError> {
        let mut after = String::new();
        loop {
            let page = self.metadata().read(Page { after: after.clone() }).await?;
            let Some((key, _)) = page.last() else { break };
            after.clone_from(key);
            let looked = stream::iter(page.into_iter().map(|(_, entry)| self.look(entry, reindex.verify)));
            let looked: Vec<Looked> = looked.buffered(AT_ONCE).try_collect().await?;
            let (mut ready, mut missing) = (Vec::with_capacity(looked.len()), Vec::new());
            for looked in looked {
                match looked {
                    Looked::Ready(thing) => ready.push(thing),
                    Looked::Lost(Lost::Blob { digest, place, flaw: Flaw::Missing }) => missing.push((digest, place)),
                    Looked::Lost(lost) => report.lost.add(lost),
                    Looked::Gone => {}
                }
            }
            let put = self
                .metadata()
                .write(Put { ready, keeping: self.keeping(), retention: reindex.retention.clone() })
                .await?;
            report.repositories += put.repositories;
            report.manifests += put.manifests;
            report.blobs += put.blobs;
            report.bytes += put.bytes;
            report.moves += put.moves;
            report.lost.extend(put.lost);
            // All manifests are there by now. Bytes may have gone before that could be written down; what nothing needs is missed by
            // nobody.
            for (digest, place) in missing {
                if self.metadata().read(IsNeeded { digest }).await? {
                    report.lost.add(Lost::Blob { digest, place, flaw: Flaw::Missing });
                }
            }
        }
        self.find_parents(report).await?;
        loop {
            let lost = self.metadata().write(LostTags).await?;
            if lost.is_empty() {
                break;
            }
            report.lost.extend(lost);
        }
        report.tags = self.metadata().read(Tags).await?;
        Ok(())
    }

    /// Looks whether a thing is there as it should be.
    async fn look(&self, entry: Entry, verify: bool) -> Result<Looked, StorageError> {
        if !entry.is_there() {
            return Ok(Looked::Gone);
        }
        let ready = match entry {
            Entry::Repository { repository } => Ready::Repository(repository),
            Entry::Blob { digest, kept: Some(KeptBlob { size, place }) } => {
                let blobs = self.blobs().as_ref();
                let flaw = if verify {
                    reading::flaw(blobs, &place, &digest, size, &mut Unpaced).await?
                } else {
                    match blobs.size(&place).await? {
                        None => Some(Flaw::Missing),
                        Some(found) if found != size => Some(Flaw::Size { expected: size, found }),
                        Some(_) => None,
                    }
                };
                if let Some(flaw) = flaw {
                    return Ok(Looked::Lost(Lost::Blob { digest, place, flaw }));
                }
                let size = i64::try_from(size).map_err(|_| StorageError::Damaged("a size"))?;
                Ready::Blob { digest, size, place }
            }
            Entry::Manifest { repository, digest, kept: Some(kept) } => {
                return self.look_at_manifest(repository, digest, kept).await;
            }
            Entry::Link { repository, digest, .. } => Ready::Link { repository, digest },
            Entry::Move { repository, tag, number, digest, at, actor } => {
                Ready::Move { repository, tag: tag.to_string(), number, digest, at, actor }
            }
            Entry::Hold { repository, digest, kind, kept: Some(kept) } => {
                Ready::Hold { repository, digest, kind, kept }
            }
            Entry::Blob { kept: None, .. } | Entry::Manifest { kept: None, .. } | Entry::Hold { kept: None, .. } => {
                return Ok(Looked::Gone);
            }
        };
        Ok(Looked::Ready(ready))
    }

    async fn look_at_manifest(
        &self,
        repository: RepositoryName,
        digest: Digest,
        kept: KeptManifest,
    ) -> Result<Looked, StorageError> {
        let Some(place) = kept.place else { return Ok(Looked::Gone) };
        let most = MANIFEST_MAX_BYTES as u64;
        let Some(bytes) = reading::small(self.blobs().as_ref(), &place, most).await? else {
            return Ok(Looked::Lost(Lost::Manifest { repository, digest, place, flaw: Flaw::Missing }));
        };
        let found = digest.algorithm().digest(&bytes);
        match Manifest::parse(bytes.into(), Some(&kept.media_type), Some(&digest)) {
            Ok(manifest) => {
                let manifest = Box::new(manifest);
                Ok(Looked::Ready(Ready::Manifest { repository, manifest, at: kept.at, place }))
            }
            Err(_) => Ok(Looked::Lost(Lost::Manifest { repository, digest, place, flaw: Flaw::Digest { found } })),
        }
    }

    /// Names the indexes whose children are lost.
    async fn find_parents(&self, report: &mut Reindexed) -> Result<(), StorageError> {
        let lost: Vec<(RepositoryName, Digest)> = report
            .lost
            .first
            .iter()
            .filter_map(|lost| match lost {
                Lost::Manifest { repository, digest, .. } => Some((repository.clone(), *digest)),
                _ => None,
            })
            .collect();
        for (repository, digest) in lost {
            let parents = Parents { repository, space: Space::Manifest, digest };
            report.lost.extend(self.metadata().read(parents).await?);
        }
        Ok(())
    }
}

/// Tells whether there is nothing in the database.
pub(super) struct IsEmpty;

#[async_trait]
impl Operation for IsEmpty {
    type Outcome = bool;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT 1 WHERE EXISTS (SELECT 1 FROM repository) OR EXISTS (SELECT 1 FROM journal) \
                   OR EXISTS (SELECT 1 FROM recovered) OR EXISTS (SELECT 1 FROM given_up)";
        Ok(connection.row(sql, &[]).await?.is_none())
    }
}

/// Reads a page of what was merged.
struct Page {
    after: String,
}

#[async_trait]
impl Operation for Page {
    type Outcome = Vec<(String, Entry)>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT key, line FROM recovered WHERE key > $1 ORDER BY key LIMIT $2";
        let rows = connection.rows(sql, &[self.after.as_str().into(), PAGE.into()]).await?;
        let entry = |line: String| serde_json::from_str(&line).map_err(|_| StorageError::Damaged("an entry"));
        rows.iter().map(|row| Ok((row.text(0)?, entry(row.text(1)?)?))).collect()
    }
}

/// Tells whether a manifest names a blob.
struct IsNeeded {
    digest: Digest,
}

#[async_trait]
impl Operation for IsNeeded {
    type Outcome = bool;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT 1 FROM repository JOIN edge ON edge.repository = repository.id AND edge.space = 0 \
                   AND edge.child = $1 LIMIT 1";
        Ok(connection.row(sql, &[(&self.digest).into()]).await?.is_some())
    }
}

/// Names manifests of which something is a part.
struct Parents {
    repository: RepositoryName,
    space: Space,
    digest: Digest,
}

#[async_trait]
impl Operation for Parents {
    type Outcome = Vec<Lost>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT edge.parent FROM repository JOIN edge ON edge.repository = repository.id \
                   WHERE repository.name = $1 AND edge.space = $2 AND edge.child = $3 ORDER BY edge.parent LIMIT $4";
        let values = [self.repository.as_str().into(), self.space.into(), (&self.digest).into(), PARENTS_MAX.into()];
        let rows = connection.rows(sql, &values).await?;
        let part = |manifest| Lost::Part { repository: self.repository.clone(), manifest, digest: self.digest };
        rows.iter().map(|row| Ok(part(row.digest(0)?))).collect()
    }
}

/// Puts things into the tables.
struct Put {
    ready: Vec<Ready>,
    keeping: Keeping,
    retention: Retention,
}

/// What was put.
#[derive(Default)]
struct Counted {
    repositories: u64,
    manifests: u64,
    blobs: u64,
    bytes: u64,
    moves: u64,
    /// Parts of manifests whose bytes are lost.
    lost: Vec<Lost>,
}

#[async_trait]
impl Operation for Put {
    type Outcome = Counted;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let mut counted = Counted::default();
        for ready in &self.ready {
            match ready {
                Ready::Repository(repository) => {
                    repositories::find_or_make(connection, repository).await?;
                    counted.repositories += 1;
                }
                Ready::Manifest { repository, manifest, at, place } => {
                    let keeping = self.keeping.with(self.retention.untagged(repository));
                    let repository = repositories::find_or_make(connection, repository).await?;
                    let kept_until = connection.now().await? + keeping.untagged();
                    // The database was empty, and each thing comes once.
                    let come = manifests::Come { manifest, at: *at, kept_until, is_new: true };
                    manifests::insert(connection, repository, come).await?;
                    let sql = "UPDATE content SET place = $2, is_stored = 1 WHERE digest = $1";
                    connection.execute(sql, &[manifest.digest().into(), place.as_str().into()]).await?;
                    counted.manifests += 1;
                }
                Ready::Blob { digest, size, place } => {
                    let sql = "INSERT INTO blob (digest, size, place) VALUES ($1, $2, $3)";
                    connection.execute(sql, &[digest.into(), (*size).into(), place.as_str().into()]).await?;
                    counted.blobs += 1;
                    counted.bytes += size.unsigned_abs();
                }
                Ready::Link { repository, digest } => {
                    if !self.link(connection, repository, digest).await? {
                        let parents = Parents { repository: repository.clone(), space: Space::Blob, digest: *digest };
                        counted.lost.extend(parents.run(connection).await?);
                    }
                }
                Ready::Move { repository, tag, number, digest, at, actor } => {
                    let id = repositories::find_or_make(connection, repository).await?;
                    let mover = Mover { at: *at, actor: actor.as_deref() };
                    let last = tags::take_over(connection, id, tag, *number, digest.as_ref(), mover).await?;
                    if *number > last + 1 {
                        let (repository, tag) = (repository.clone(), tag.clone());
                        counted.lost.push(Lost::Moves { repository, tag, first: last + 1, last: number - 1 });
                    }
                    counted.moves += 1;
                }
                Ready::Hold { repository, digest, kind, kept } => {
                    let repository = repositories::find_or_make(connection, repository).await?;
                    // All manifests are there by now that are not lost.
                    if manifests::has(connection, repository, digest).await? {
                        holds::insert(connection, repository, digest, kind, kept).await?;
                    }
                }
            }
        }
        Ok(counted)
    }
}

impl Put {
    /// Gives a repository a blob. Returns false when there is none.
    async fn link(
        &self,
        connection: &mut Connection<'_>,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<bool, StorageError> {
        if connection.row("SELECT 1 FROM blob WHERE digest = $1", &[digest.into()]).await?.is_none() {
            return Ok(false);
        }
        let repository = repositories::find_or_make(connection, repository).await?;
        let kept_until = self.keeping.promised(connection.now().await?);
        let sql = "INSERT INTO repository_blob (repository, digest, kept_until) VALUES ($1, $2, $3)";
        connection.execute(sql, &[repository.into(), digest.into(), kept_until.into()]).await?;
        later(connection, repository, Space::Blob, digest, kept_until).await?;
        Ok(true)
    }
}

/// Takes away some tags whose manifests are lost.
struct LostTags;

#[async_trait]
impl Operation for LostTags {
    type Outcome = Vec<Lost>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT repository.name, tag.repository, tag.name, tag.digest FROM tag \
                   JOIN repository ON repository.id = tag.repository WHERE NOT EXISTS (SELECT 1 FROM manifest \
                   WHERE manifest.repository = tag.repository AND manifest.digest = tag.digest) LIMIT $1";
        let mut lost = Vec::new();
        let mover = Mover { at: connection.now().await?, actor: None };
        for row in connection.rows(sql, &[PAGE.into()]).await? {
            let tag = row.text(2)?;
            tags::remove(connection, row.integer(1)?, &tag, mover).await?;
            let repository = row.text(0)?.parse().map_err(|_| StorageError::Damaged("a name"))?;
            lost.push(Lost::Tag { repository, tag, digest: row.digest(3)? });
        }
        Ok(lost)
    }
}

/// Counts the tags.
struct Tags;

#[async_trait]
impl Operation for Tags {
    type Outcome = u64;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        connection.row("SELECT COUNT(*) FROM tag", &[]).await?.map_or(Ok(0), |row| row.size(0))
    }
}

/// Ends the work: what was noted on the way needs no journal, for the first checkpoint says all of it.
pub(super) struct Done {
    pub(super) epoch: i64,
}

#[async_trait]
impl Operation for Done {
    type Outcome = ();

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        connection.without_time_limit().await?;
        connection.execute("DELETE FROM journal", &[]).await?;
        connection.execute("DELETE FROM recovered", &[]).await?;
        usage::recount(connection).await?;
        retention::forget_pushes(connection).await?;
        let sql = "UPDATE journal_state SET epoch = $1, horizon = NULL, state = 0, written = 0 WHERE id = 1";
        connection.execute(sql, &[self.epoch.into()]).await?;
        Ok(())
    }
}
