//! When manifests were last asked for: gathered in memory, and written now and then.
//!
//! A manifest that is pulled all day costs a row once in the time to which that is known ([`PULL_PRECISION`]), and a look at what was
//! noted lately for each request. The time is that of the write, by the database's clock, which all nodes share; the latest wins.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;
use std::mem;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use oci::{Digest, RepositoryName};
use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use tokio::sync::Notify;

use super::Storage;
use super::database::{Connection, Operation, StorageError, Touched};
use crate::retention::PULL_PRECISION;

/// Manifests of which it is remembered when they were noted. Others are written more often than they need be.
const NOTED_MAX: usize = 65_536;
/// Most manifests that wait to be written.
const WAITING_MAX: usize = 65_536;
/// From so many on they are written at once.
const WAITING_MANY: usize = 4096;
/// Most manifests that are written in one transaction.
const TOGETHER: usize = 256;

type Key = (RepositoryName, Digest);

/// What was pulled and is not written yet.
pub(super) struct Pulls {
    /// When a manifest was noted last, in milliseconds since 1970.
    noted: Cache<Key, i64>,
    waiting: Mutex<Waiting>,
    /// Held by who writes: who finds nothing that waits may rely on what did being written.
    writing: tokio::sync::Mutex<()>,
    many: Notify,
}

#[derive(Default)]
struct Waiting {
    keys: HashSet<Key>,
    /// Whether there were more than could be remembered.
    overflowed: bool,
}

impl Pulls {
    pub(super) fn new() -> Self {
        Self {
            noted: Cache::new(NOTED_MAX),
            waiting: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            many: Notify::new(),
        }
    }

    fn note(&self, repository: &RepositoryName, digest: &Digest, now: i64) {
        let is_recent = |at: i64| (at..at.saturating_add(PULL_PRECISION)).contains(&now);
        if self.noted.get(&Pulled { repository, digest }).is_some_and(is_recent) {
            return;
        }
        let key = (repository.clone(), *digest);
        let count = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.keys.len() >= WAITING_MAX && !waiting.keys.contains(&key) {
                waiting.overflowed = true;
                return;
            }
            waiting.keys.insert(key.clone());
            waiting.keys.len()
        };
        self.noted.insert(key, now);
        if count == WAITING_MANY {
            self.many.notify_one();
        }
    }

    fn take(&self) -> Waiting {
        mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has waiting again what was not written.
    fn put_back(&self, keys: impl IntoIterator<Item = Key>, overflowed: bool) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.overflowed |= overflowed;
        for key in keys {
            if waiting.keys.len() >= WAITING_MAX {
                waiting.overflowed = true;
                break;
            }
            waiting.keys.insert(key);
        }
    }
}

impl fmt::Debug for Pulls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pulls")
    }
}

/// What is asked for. It hashes as the key does under which it is noted, a pair.
#[derive(Hash)]
struct Pulled<'a> {
    repository: &'a RepositoryName,
    digest: &'a Digest,
}

impl Equivalent<Key> for Pulled<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.repository == key.0 && *self.digest == key.1
    }
}

impl Storage {
    /// Notes that somebody asked for a manifest, if that counts.
    pub(crate) fn pulled(&self, repository: &RepositoryName, digest: &Digest) {
        if let Some(pulls) = self.pulls() {
            pulls.note(repository, digest, self.clock().now());
        }
    }

    /// Tells whether it counts when manifests were pulled.
    pub(crate) fn counts_pulls(&self) -> bool {
        self.pulls().is_some()
    }

    /// Waits until many pulls wait to be written.
    pub(crate) async fn many_pulls(&self) {
        if let Some(pulls) = self.pulls() {
            pulls.many.notified().await;
        }
    }

    /// Writes down what was pulled since the last call. When it returns, so is what was being written when it was called.
    ///
    /// # Errors
    /// What the database brings. What was not written is tried again with the next call.
    pub async fn write_pulls(&self) -> Result<(), StorageError> {
        let Some(pulls) = self.pulls() else { return Ok(()) };
        let _writing = pulls.writing.lock().await;
        // What this future is dropped with waits again.
        let mut taken = Taken { pulls, waiting: pulls.take() };
        if taken.waiting.overflowed {
            // Nobody knows any more what was not pulled.
            self.metadata().write(BeginAnew).await?;
            taken.waiting.overflowed = false;
        }
        loop {
            let keys: Vec<Key> = taken.waiting.keys.iter().take(TOGETHER).cloned().collect();
            if keys.is_empty() {
                return Ok(());
            }
            self.metadata().write(Write { keys: keys.clone() }).await?;
            for key in &keys {
                taken.waiting.keys.remove(key);
            }
        }
    }
}

/// What is being written.
struct Taken<'p> {
    pulls: &'p Pulls,
    waiting: Waiting,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let Waiting { keys, overflowed } = mem::take(&mut self.waiting);
        self.pulls.put_back(keys, overflowed);
    }
}

struct Write {
    keys: Vec<Key>,
}

#[async_trait]
impl Operation for Write {
    type Outcome = ();

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        for (repository, digest) in &self.keys {
            note(connection, repository, digest).await?;
        }
        Ok(())
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}

/// Counts from now on as if everything had been pulled now.
struct BeginAnew;

#[async_trait]
impl Operation for BeginAnew {
    type Outcome = ();

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let now = connection.now().await?;
        let sql = "UPDATE retention_state SET pulls_since = $1 WHERE id = 1 AND pulls_since < $1";
        connection.execute(sql, &[now.into()]).await?;
        Ok(())
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}

/// Writes that a manifest was pulled now, if the repository has it.
pub(super) async fn note(
    connection: &mut Connection<'_>,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<(), StorageError> {
    let now = connection.now().await?;
    let sql = "INSERT INTO pull (repository, digest, pulled_at) SELECT manifest.repository, manifest.digest, $3 \
               FROM repository JOIN manifest ON manifest.repository = repository.id \
               WHERE repository.name = $1 AND manifest.digest = $2 \
               ON CONFLICT (repository, digest) DO UPDATE SET pulled_at = excluded.pulled_at \
               WHERE pull.pulled_at < excluded.pulled_at";
    connection.execute(sql, &[repository.as_str().into(), digest.into(), now.into()]).await?;
    Ok(())
}

/// Forgets who pulled a manifest that goes.
pub(super) async fn forget(
    connection: &mut Connection<'_>,
    repository: i64,
    digest: &Digest,
) -> Result<(), StorageError> {
    let sql = "DELETE FROM pull WHERE repository = $1 AND digest = $2";
    connection.execute(sql, &[repository.into(), digest.into()]).await?;
    Ok(())
}

/// Returns when a manifest, or one that it holds, near or far, was last pulled, in milliseconds since 1970.
pub(super) async fn last(
    connection: &mut Connection<'_>,
    repository: i64,
    digest: &Digest,
) -> Result<Option<i64>, StorageError> {
    let sql = "WITH RECURSIVE below (digest) AS (\
               SELECT digest FROM manifest WHERE repository = $1 AND digest = $2 \
               UNION SELECT edge.child FROM edge JOIN below ON edge.parent = below.digest \
               WHERE edge.repository = $1 AND edge.space = 1) \
               SELECT MAX(pull.pulled_at) FROM below JOIN pull ON pull.digest = below.digest \
               WHERE pull.repository = $1";
    let row = connection.row(sql, &[repository.into(), digest.into()]).await?;
    row.map_or(Ok(None), |row| row.optional_integer(0))
}
