//! Marks on what is bad: the one place where something stops being served though nobody deleted it. A mark is a change like any other.

use async_trait::async_trait;
use graph::Space;
use oci::limits::MANIFEST_MAX_BYTES;
use oci::{Digest, RepositoryName};

use super::page::{Blob, Content};
use super::{Bad, Paced, Scrubbed};
use crate::storage::Storage;
use crate::storage::collect::give_up;
use crate::storage::database::{Connection, Operation, StorageError};
use crate::storage::journal::note_manifest;
use crate::storage::reading::{self, Flaw};

/// Most manifests that are named as those that need something bad.
const NAMED_MAX: i64 = 20;
/// What is said to be the place of bytes in the database.
const IN_DATABASE: &str = "the database";

impl Storage {
    /// Marks a blob, or takes the mark away where there is no flaw.
    pub(super) async fn mark_blob(
        &self,
        blob: Blob,
        flaw: Option<Flaw>,
        scrubbed: &mut Scrubbed,
        on_bad: impl Fn(&Bad),
    ) -> Result<(), StorageError> {
        let Blob { digest, place, .. } = blob;
        let mark = MarkBlob { digest, place: place.clone(), is_bad: flaw.is_some() };
        if self.metadata().write(mark).await?
            && let Some(flaw) = flaw
        {
            let needed_by = self.metadata().read(NeededBy { space: Space::Blob, digest }).await?;
            tell(Bad { digest, place, flaw, is_healed: false, needed_by }, scrubbed, on_bad);
        }
        Ok(())
    }

    /// Holds both copies of a manifest against its digest, and replaces the bad one by the good one.
    pub(super) async fn check_content(
        &self,
        content: Content,
        scrubbed: &mut Scrubbed,
        limiter: &mut Paced,
        on_bad: impl Fn(&Bad),
    ) -> Result<(), StorageError> {
        let Content { digest, bytes, place, is_bad } = content;
        let found = digest.algorithm().digest(&bytes);
        let blobs = self.blobs().as_ref();
        if found == digest {
            if is_bad {
                self.metadata().write(MarkContent { digest, is_bad: false, bytes: bytes.clone() }).await?;
            }
            let Some(place) = place else { return Ok(()) };
            match reading::flaw(blobs, &place, &digest, bytes.len() as u64, limiter).await {
                Err(error) => scrubbed.unreadable.add(format!("{place}: {error}")),
                Ok(None) => {}
                Ok(Some(flaw)) => {
                    if self.metadata().write(Replace { digest, place: place.clone() }).await? {
                        let bad = Bad { digest, place, flaw, is_healed: true, needed_by: Vec::new() };
                        tell(bad, scrubbed, on_bad);
                    }
                }
            }
            return Ok(());
        }
        let copy = match &place {
            Some(place) => match reading::small(blobs, place, MANIFEST_MAX_BYTES as u64).await {
                Ok(copy) => copy,
                Err(error) => {
                    // It may be good, and heal what is bad.
                    scrubbed.unreadable.add(format!("{place}: {error}"));
                    return Ok(());
                }
            },
            None => None,
        };
        let copy = copy.filter(|copy| digest.verify(copy).is_ok());
        let is_healed = copy.is_some();
        let is_there = match copy {
            Some(bytes) => self.metadata().write(Restore { digest, bytes }).await?,
            None => self.metadata().write(MarkContent { digest, is_bad: true, bytes }).await?,
        };
        if is_there {
            let needed_by = self.metadata().read(NeededBy { space: Space::Manifest, digest }).await?;
            let flaw = Flaw::Digest { found };
            tell(Bad { digest, place: IN_DATABASE.to_owned(), flaw, is_healed, needed_by }, scrubbed, on_bad);
        }
        Ok(())
    }
}

fn tell(bad: Bad, scrubbed: &mut Scrubbed, on_bad: impl Fn(&Bad)) {
    on_bad(&bad);
    scrubbed.bad.add(bad);
}

/// Marks a blob, unless its bytes are elsewhere by now.
struct MarkBlob {
    digest: Digest,
    place: String,
    is_bad: bool,
}

#[async_trait]
impl Operation for MarkBlob {
    /// Whether it is still there as it was.
    type Outcome = bool;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let since = if self.is_bad { Some(connection.now().await?) } else { None };
        let sql = "UPDATE blob SET bad_since = CASE WHEN $3 = 0 THEN NULL ELSE COALESCE(bad_since, $3) END \
                   WHERE digest = $1 AND place = $2";
        let values = [(&self.digest).into(), self.place.as_str().into(), since.unwrap_or_default().into()];
        Ok(connection.execute(sql, &values).await? > 0)
    }
}

/// Marks a manifest.
struct MarkContent {
    digest: Digest,
    is_bad: bool,
    /// The bytes that were judged. Others may have come since.
    bytes: Vec<u8>,
}

#[async_trait]
impl Operation for MarkContent {
    /// Whether it is still there.
    type Outcome = bool;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let since = if self.is_bad { Some(connection.now().await?) } else { None };
        let sql = "UPDATE content SET bad_since = CASE WHEN $2 = 0 THEN NULL ELSE COALESCE(bad_since, $2) END \
                   WHERE digest = $1 AND bytes = $3";
        let values = [(&self.digest).into(), since.unwrap_or_default().into(), self.bytes.as_slice().into()];
        Ok(connection.execute(sql, &values).await? > 0)
    }
}

/// Puts good bytes of a manifest into the database.
struct Restore {
    digest: Digest,
    bytes: Vec<u8>,
}

#[async_trait]
impl Operation for Restore {
    type Outcome = bool;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "UPDATE content SET bytes = $2, bad_since = NULL WHERE digest = $1";
        let values = [(&self.digest).into(), self.bytes.as_slice().into()];
        Ok(connection.execute(sql, &values).await? > 0)
    }
}

/// Gives up the bad copy of a manifest, and has the keeper of the journal make another.
struct Replace {
    digest: Digest,
    place: String,
}

#[async_trait]
impl Operation for Replace {
    type Outcome = bool;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "UPDATE content SET place = NULL, is_stored = 0 WHERE digest = $1 AND place = $2";
        if connection.execute(sql, &[(&self.digest).into(), self.place.as_str().into()]).await? == 0 {
            return Ok(false);
        }
        give_up(connection, &self.place).await?;
        // The rows are written to, so that nobody removes one at the same time and has his word in the journal overruled by this one.
        let sql = "UPDATE manifest SET put_at = put_at WHERE digest = $1 RETURNING repository, media_type, put_at";
        for row in connection.rows(sql, &[(&self.digest).into()]).await? {
            let kept = (row.text(1)?, row.integer(2)?);
            note_manifest(connection, row.integer(0)?, &self.digest, Some((&kept.0, kept.1))).await?;
        }
        Ok(true)
    }
}

/// Names manifests that need something, and those that are it.
struct NeededBy {
    space: Space,
    digest: Digest,
}

#[async_trait]
impl Operation for NeededBy {
    type Outcome = Vec<(RepositoryName, Digest)>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT repository.name, edge.parent FROM repository JOIN edge ON edge.repository = repository.id \
                   AND edge.space = $1 AND edge.child = $2 ORDER BY repository.name, edge.parent LIMIT $3";
        let mut rows = connection.rows(sql, &[self.space.into(), (&self.digest).into(), NAMED_MAX.into()]).await?;
        if self.space == Space::Manifest {
            let sql = "SELECT repository.name, manifest.digest FROM manifest \
                       JOIN repository ON repository.id = manifest.repository \
                       WHERE manifest.digest = $1 ORDER BY repository.name LIMIT $2";
            rows.extend(connection.rows(sql, &[(&self.digest).into(), NAMED_MAX.into()]).await?);
        }
        let name = |text: String| text.parse().map_err(|_| StorageError::Damaged("a name"));
        rows.iter().map(|row| Ok((name(row.text(0)?)?, row.digest(1)?))).collect()
    }
}
