//! Uploads under way, as far as they have come.

use std::fs;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use oci::{Algorithm, Hasher, RepositoryName};

use super::database::{Connection, Database, Durability, Operation, StorageError, Value};
use super::{SESSIONS, Storage};
use crate::route::UploadId;

/// Most sessions that are looked at in one go.
const EXPIRED_MAX: i64 = 1000;

/// How far an upload has come.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: UploadId,
    pub(crate) repository: RepositoryName,
    pub(crate) algorithm: Algorithm,
    /// Bytes received.
    pub(crate) received: u64,
    /// The hash over them, unless its state cannot be written down.
    pub(crate) hasher: Option<Hasher>,
    /// Where the blob is about to be, from the moment at which that is known.
    pub(crate) place: Option<String>,
}

/// Opens the database of the sessions in a directory. One that was damaged by a loss of power is begun anew: nothing that was
/// acknowledged depends on it.
pub(super) async fn open(directory: &Path) -> Result<Database, StorageError> {
    let file = directory.join("sessions.db");
    let database = || Database::sqlite(Some(file.clone()), SESSIONS, Durability::Process);
    let opened = database();
    match opened.open().await {
        Ok(()) => Ok(opened),
        Err(error @ StorageError::Newer { .. }) => Err(error),
        Err(_) => {
            drop(opened);
            for suffix in ["", "-wal", "-shm"] {
                // What cannot be removed shows when the database is made.
                let _ = fs::remove_file(directory.join(format!("sessions.db{suffix}")));
            }
            let made = database();
            made.open().await.map(|()| made)
        }
    }
}

impl Storage {
    /// Notes how far an upload has come.
    pub(crate) async fn save_session(&self, session: Session) -> Result<(), StorageError> {
        self.sessions().write(Save { session, at: self.now() }).await
    }

    /// Returns how far an upload has come; `None` when there is none of this name in the repository.
    pub(crate) async fn session(
        &self,
        repository: &RepositoryName,
        id: UploadId,
    ) -> Result<Option<Session>, StorageError> {
        self.sessions().read(Load { repository: repository.clone(), id }).await
    }

    /// Forgets an upload, and removes what was received unless it has become a blob. Nothing may be at work on it any more.
    pub(crate) async fn end_session(&self, id: UploadId) -> Result<(), StorageError> {
        // Bytes first: a crash leaves the session, and so another try.
        self.blobs().discard(&id.to_string()).await?;
        if let Some(place) = self.sessions().read(Place { id }).await?
            && !self.is_used(&place).await?
        {
            self.blobs().remove(&place).await?;
        }
        self.sessions().write(Forget { id }).await
    }

    /// Returns uploads that lay untouched for longer than `lifetime`.
    pub(crate) async fn expired_sessions(&self, lifetime: Duration) -> Result<Vec<UploadId>, StorageError> {
        let lifetime = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        self.sessions().read(Expired { before: self.now().saturating_sub(lifetime) }).await
    }
}

struct Save {
    session: Session,
    at: i64,
}

#[async_trait]
impl Operation for Save {
    type Outcome = ();

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let session = &self.session;
        let received = i64::try_from(session.received).map_err(|_| StorageError::Damaged("a size"))?;
        let id = session.id.to_string();
        let hash = session.hasher.as_ref().and_then(Hasher::state);
        let sql = "INSERT INTO upload (id, repository, algorithm, received, hash, place, touched_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7) \
                   ON CONFLICT (id) DO UPDATE SET algorithm = excluded.algorithm, received = excluded.received, \
                   hash = excluded.hash, place = excluded.place, touched_at = excluded.touched_at";
        let values = [
            id.as_str().into(),
            session.repository.as_str().into(),
            session.algorithm.name().into(),
            received.into(),
            Value::Bytes(hash.map(Into::into)),
            session.place.as_deref().into(),
            self.at.into(),
        ];
        connection.execute(sql, &values).await?;
        Ok(())
    }
}

struct Load {
    repository: RepositoryName,
    id: UploadId,
}

#[async_trait]
impl Operation for Load {
    type Outcome = Option<Session>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let id = self.id.to_string();
        // One that was about to become a blob is no upload any more.
        let sql = "SELECT algorithm, received, hash FROM upload \
                   WHERE id = $1 AND repository = $2 AND place IS NULL";
        let Some(row) = connection.row(sql, &[id.as_str().into(), self.repository.as_str().into()]).await? else {
            return Ok(None);
        };
        let algorithm = row.text(0)?.parse().map_err(|_| StorageError::Damaged("an algorithm"))?;
        let hasher = row.optional_bytes(2)?.and_then(|state| Hasher::resume(algorithm, &state));
        let (repository, received) = (self.repository.clone(), row.size(1)?);
        Ok(Some(Session { id: self.id, repository, algorithm, received, hasher, place: None }))
    }
}

struct Place {
    id: UploadId,
}

#[async_trait]
impl Operation for Place {
    type Outcome = Option<String>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT place FROM upload WHERE id = $1 AND place IS NOT NULL";
        let row = connection.row(sql, &[self.id.to_string().as_str().into()]).await?;
        row.map(|row| row.text(0)).transpose()
    }
}

struct Forget {
    id: UploadId,
}

#[async_trait]
impl Operation for Forget {
    type Outcome = ();

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        connection.execute("DELETE FROM upload WHERE id = $1", &[self.id.to_string().as_str().into()]).await?;
        Ok(())
    }
}

struct Expired {
    before: i64,
}

#[async_trait]
impl Operation for Expired {
    type Outcome = Vec<UploadId>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT id FROM upload WHERE touched_at < $1 ORDER BY touched_at LIMIT $2";
        let rows = connection.rows(sql, &[self.before.into(), EXPIRED_MAX.into()]).await?;
        rows.iter().map(|row| row.text(0)?.parse().map_err(|_| StorageError::Damaged("an upload"))).collect()
    }
}
