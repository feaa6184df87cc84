//! Uploads under way, as far as they have come.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use oci::{Algorithm, Hasher, RepositoryName};

use super::clock::milliseconds;
use super::database::{Connection, Database, Durability, Operation, OwnFile, StorageError, Value};
use super::{Clock, SESSIONS, Storage};
use crate::route::UploadId;

/// Most sessions that are looked at in one go.
const EXPIRED_MAX: i64 = 1000;

/// How long a claim holds without being renewed.
const CLAIM: Duration = Duration::from_mins(5);

/// How far an upload has come, as whoever has claimed it knows.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: UploadId,
    pub(crate) algorithm: Algorithm,
    /// Bytes received.
    pub(crate) received: u64,
    /// The hash over them, unless its state cannot be written down.
    pub(crate) hasher: Option<Hasher>,
    /// What the place of the blobs needs to go on.
    pub(crate) state: Vec<u8>,
    /// The number of the claim. No two have the same.
    pub(crate) turn: i64,
}

/// What came of an attempt to claim an upload.
#[derive(Debug)]
pub(crate) enum Claimed {
    /// It is the caller's until it is saved or forgotten.
    Yes(Box<Session>),
    /// Another one writes to it; so many bytes had been received before.
    Busy(u64),
    /// The one that wrote to it has not been heard of for too long. What it wrote last is not known, so nobody goes on.
    Lost,
    /// There is none of this name in the repository.
    Unknown,
}

/// Opens the database of the sessions in a directory. One that was damaged by a loss of power is begun anew: nothing that was
/// acknowledged depends on it.
pub(super) async fn open(directory: &Path, lock: &Arc<File>, clock: Clock) -> Result<Database, StorageError> {
    let file = OwnFile::new(directory.join("sessions.db"), lock);
    let database = || Database::sqlite(Some(file.clone()), SESSIONS, Durability::Process, clock.clone());
    let opened = database();
    match opened.open().await {
        Ok(()) => {
            // The directory is this process's, so whoever claimed something has ended.
            opened.write(Free).await?;
            Ok(opened)
        }
        Err(error @ StorageError::Newer { .. }) => Err(error),
        Err(_) => {
            opened.close().await;
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
    /// Notes an upload that has just begun.
    pub(crate) async fn begin_session(
        &self,
        id: UploadId,
        repository: RepositoryName,
        algorithm: Algorithm,
        owner: Option<String>,
    ) -> Result<(), StorageError> {
        self.sessions().write(Begin { id, repository, algorithm, owner }).await
    }

    /// Claims an upload: nobody else can write to it until the claim is given back.
    pub(crate) async fn claim_session(
        &self,
        repository: &RepositoryName,
        id: UploadId,
    ) -> Result<Claimed, StorageError> {
        self.sessions().write(Claim { repository: repository.clone(), id }).await
    }

    /// Says that a claim is still needed. Returns false when it has gone with its upload.
    pub(crate) async fn renew_session(&self, id: UploadId, turn: i64) -> Result<bool, StorageError> {
        self.sessions().write(Renew { id, turn }).await
    }

    /// Notes how far an upload has come and gives the claim back. Returns false when the upload has gone.
    pub(crate) async fn save_session(&self, session: Session) -> Result<bool, StorageError> {
        self.sessions().write(Save(session)).await
    }

    /// Returns how many bytes of an upload had been received when it was last saved; `None` when there is none of this name in
    /// the repository. It counts as touched.
    pub(crate) async fn touch_session(
        &self,
        repository: &RepositoryName,
        id: UploadId,
    ) -> Result<Option<u64>, StorageError> {
        self.sessions().write(Touch { repository: repository.clone(), id }).await
    }

    /// Notes where the blob of an upload is about to be, and returns when. Should this process end before the blob is known, that
    /// says what to remove. Returns `None` when the claim of this turn has gone with its upload; an upload that ends with its request
    /// has none.
    pub(crate) async fn note_place(
        &self,
        id: UploadId,
        turn: Option<i64>,
        repository: &RepositoryName,
        place: &str,
    ) -> Result<Option<i64>, StorageError> {
        self.sessions().write(Note { id, turn, repository: repository.clone(), place: place.to_owned() }).await
    }

    /// Forgets an upload that has become a blob and left nothing else.
    pub(crate) async fn complete_session(&self, id: UploadId) -> Result<(), StorageError> {
        self.sessions().write(End { id }).await
    }

    /// Forgets an upload on which nobody is at work any more, and removes what was received unless it has become a blob. `state`
    /// is what the place of the blobs needs for that, where it is known better than from the session.
    pub(crate) async fn end_session(&self, id: UploadId, state: Option<Vec<u8>>) -> Result<(), StorageError> {
        let noted = self.sessions().read(Noted { id }).await?;
        let (noted_state, place) = noted.unwrap_or_default();
        // Bytes first: a crash leaves the session, and so another try.
        self.blobs().discard(&id.to_string(), &state.unwrap_or(noted_state)).await?;
        if let Some(place) = place
            && !self.is_used(&place).await?
        {
            self.blobs().remove(&place).await?;
        }
        self.sessions().write(End { id }).await
    }

    /// Forgets an upload that is not about to become a blob. Returns what the place of the blobs needs to throw it away; `None`
    /// when there was none.
    pub(crate) async fn forget_session(
        &self,
        repository: &RepositoryName,
        id: UploadId,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        self.sessions().write(Forget { repository: repository.clone(), id }).await
    }

    /// Returns how many uploads are under way.
    pub(crate) async fn count_sessions(&self) -> Result<u64, StorageError> {
        self.sessions().read(Count { owner: None }).await.map(|(all, _)| all)
    }

    /// Returns how many uploads are under way, and how many of them somebody has.
    pub(crate) async fn count_sessions_of(&self, owner: Option<&str>) -> Result<(u64, u64), StorageError> {
        self.sessions().read(Count { owner: owner.map(str::to_owned) }).await
    }

    /// Returns uploads that lay untouched for longer than `lifetime`, so many of them as are looked at in one go.
    pub(crate) async fn expired_sessions(&self, lifetime: Duration) -> Result<Vec<UploadId>, StorageError> {
        self.sessions().read(Expired { lifetime: milliseconds(lifetime) }).await
    }
}

struct Begin {
    id: UploadId,
    repository: RepositoryName,
    algorithm: Algorithm,
    owner: Option<String>,
}

#[async_trait]
impl Operation for Begin {
    type Outcome = ();

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let at = connection.now().await?;
        let sql = "INSERT INTO upload (id, repository, algorithm, received, state, turn, touched_at, owner) \
                   VALUES ($1, $2, $3, 0, $4, 0, $5, $6)";
        let id = self.id.to_string();
        let none: &[u8] = &[];
        let values = [
            id.as_str().into(),
            self.repository.as_str().into(),
            self.algorithm.name().into(),
            none.into(),
            at.into(),
            Value::Text(self.owner.as_deref()),
        ];
        connection.execute(sql, &values).await?;
        Ok(())
    }
}

struct Claim {
    repository: RepositoryName,
    id: UploadId,
}

#[async_trait]
impl Operation for Claim {
    type Outcome = Claimed;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let id = self.id.to_string();
        let sql =
            // One that is about to become a blob is no upload any more.
            "SELECT algorithm, received, hash, state, turn, taken_at FROM upload \
             WHERE id = $1 AND repository = $2 AND place IS NULL";
        let Some(row) = connection.row(sql, &[id.as_str().into(), self.repository.as_str().into()]).await? else {
            return Ok(Claimed::Unknown);
        };
        let received = row.size(1)?;
        let now = connection.now().await?;
        if let Some(taken_at) = row.optional_integer(5)? {
            let holds = now - taken_at < milliseconds(CLAIM);
            return Ok(if holds { Claimed::Busy(received) } else { Claimed::Lost });
        }
        let turn = row.integer(4)? + 1;
        let sql = "UPDATE upload SET turn = $2, taken_at = $3, touched_at = $3 WHERE id = $1";
        connection.execute(sql, &[id.as_str().into(), turn.into(), now.into()]).await?;
        let algorithm = row.text(0)?.parse().map_err(|_| StorageError::Damaged("an algorithm"))?;
        let hasher = row.optional_bytes(2)?.and_then(|state| Hasher::resume(algorithm, &state));
        let state = row.bytes(3)?;
        Ok(Claimed::Yes(Box::new(Session { id: self.id, algorithm, received, hasher, state, turn })))
    }
}

struct Renew {
    id: UploadId,
    turn: i64,
}

#[async_trait]
impl Operation for Renew {
    type Outcome = bool;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let now = connection.now().await?;
        let sql = "UPDATE upload SET taken_at = $3, touched_at = $3 WHERE id = $1 AND turn = $2";
        let id = self.id.to_string();
        Ok(connection.execute(sql, &[id.as_str().into(), self.turn.into(), now.into()]).await? > 0)
    }
}

struct Save(Session);

#[async_trait]
impl Operation for Save {
    type Outcome = bool;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let Self(session) = self;
        let received = i64::try_from(session.received).map_err(|_| StorageError::Damaged("a size"))?;
        let now = connection.now().await?;
        let id = session.id.to_string();
        let hash = session.hasher.as_ref().and_then(Hasher::state);
        let sql = "UPDATE upload SET algorithm = $3, received = $4, hash = $5, state = $6, taken_at = NULL, \
                   touched_at = $7 WHERE id = $1 AND turn = $2";
        let values = [
            id.as_str().into(),
            session.turn.into(),
            session.algorithm.name().into(),
            received.into(),
            Value::Bytes(hash.map(Into::into)),
            session.state.as_slice().into(),
            now.into(),
        ];
        Ok(connection.execute(sql, &values).await? > 0)
    }
}

struct Touch {
    repository: RepositoryName,
    id: UploadId,
}

#[async_trait]
impl Operation for Touch {
    type Outcome = Option<u64>;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let now = connection.now().await?;
        let sql = "UPDATE upload SET touched_at = $3 WHERE id = $1 AND repository = $2 \
                   AND place IS NULL RETURNING received";
        let id = self.id.to_string();
        let row = connection.row(sql, &[id.as_str().into(), self.repository.as_str().into(), now.into()]).await?;
        row.map(|row| row.size(0)).transpose()
    }
}

struct Forget {
    repository: RepositoryName,
    id: UploadId,
}

#[async_trait]
impl Operation for Forget {
    type Outcome = Option<Vec<u8>>;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let id = self.id.to_string();
        let sql = "DELETE FROM upload WHERE id = $1 AND repository = $2 AND place IS NULL RETURNING state";
        let row = connection.row(sql, &[id.as_str().into(), self.repository.as_str().into()]).await?;
        row.map(|row| row.bytes(0)).transpose()
    }
}

struct Note {
    id: UploadId,
    turn: Option<i64>,
    repository: RepositoryName,
    place: String,
}

#[async_trait]
impl Operation for Note {
    /// When it was noted; nothing when the upload is not there.
    type Outcome = Option<i64>;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let now = connection.now().await?;
        let id = self.id.to_string();
        let noted = if let Some(turn) = self.turn {
            let sql = "UPDATE upload SET place = $3, touched_at = $4 WHERE id = $1 AND turn = $2";
            let values = [id.as_str().into(), turn.into(), self.place.as_str().into(), now.into()];
            connection.execute(sql, &values).await?
        } else {
            let sql = "INSERT INTO upload (id, repository, algorithm, received, state, turn, place, touched_at) \
                       VALUES ($1, $2, 'sha256', 0, $3, 0, $4, $5)";
            let (repository, place, none): (_, _, &[u8]) = (self.repository.as_str(), self.place.as_str(), &[]);
            let values = [id.as_str().into(), repository.into(), none.into(), place.into(), now.into()];
            connection.execute(sql, &values).await?
        };
        Ok((noted > 0).then_some(now))
    }
}

/// What the place of the blobs needs to throw an upload away, and where its blob was about to be.
struct Noted {
    id: UploadId,
}

#[async_trait]
impl Operation for Noted {
    type Outcome = Option<(Vec<u8>, Option<String>)>;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT state, place FROM upload WHERE id = $1";
        let row = connection.row(sql, &[self.id.to_string().as_str().into()]).await?;
        row.map(|row| Ok((row.bytes(0)?, row.optional_text(1)?))).transpose()
    }
}

struct End {
    id: UploadId,
}

#[async_trait]
impl Operation for End {
    type Outcome = ();

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        connection.execute("DELETE FROM upload WHERE id = $1", &[self.id.to_string().as_str().into()]).await?;
        Ok(())
    }
}

struct Count {
    owner: Option<String>,
}

#[async_trait]
impl Operation for Count {
    type Outcome = (u64, u64);

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        // One pass for both: there are never many.
        let sql = "SELECT COUNT(*), COUNT(CASE WHEN owner = $1 THEN 1 END) FROM upload";
        let row = connection.row(sql, &[Value::Text(self.owner.as_deref())]).await?;
        row.map_or(Ok((0, 0)), |row| Ok((row.size(0)?, row.size(1)?)))
    }
}

/// Gives every claim back.
struct Free;

#[async_trait]
impl Operation for Free {
    type Outcome = ();

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        connection.execute("UPDATE upload SET taken_at = NULL", &[]).await?;
        Ok(())
    }
}

struct Expired {
    lifetime: i64,
}

#[async_trait]
impl Operation for Expired {
    type Outcome = Vec<UploadId>;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let before = connection.now().await?.saturating_sub(self.lifetime);
        let sql = "SELECT id FROM upload WHERE touched_at <= $1 ORDER BY touched_at LIMIT $2";
        let rows = connection.rows(sql, &[before.into(), EXPIRED_MAX.into()]).await?;
        rows.iter().map(|row| row.text(0)?.parse().map_err(|_| StorageError::Damaged("an upload"))).collect()
    }
}
