//! Taking events out: who sends to an endpoint, what, and what goes when it is sent or grows too old.

use async_trait::async_trait;
use oci::{Digest, RepositoryName};

use super::written;
use crate::events::{Event, EventEndpoint, EventKind};
use crate::storage::Storage;
use crate::storage::clock::milliseconds;
use crate::storage::database::{Connection, Operation, Row, StorageError, Touched, Value};

/// Most events that are taken together.
const TOGETHER: i64 = 64;

/// What came of some events that one node had taken.
pub(crate) struct Settled {
    pub(crate) endpoint: String,
    pub(crate) holder: String,
    /// Rows that go: the endpoint has the events, or is not to be told of them.
    pub(crate) numbers: Vec<i64>,
    /// How many times in a row the endpoint has failed.
    pub(crate) failures: u32,
    /// In how many milliseconds it is tried again.
    pub(crate) pause: i64,
}

impl Storage {
    /// Says which endpoints there are, so that changes note events for them from now on. What waits for others is dropped.
    pub(crate) async fn register_endpoints(&self, endpoints: &[EventEndpoint]) -> Result<(), StorageError> {
        let endpoints = endpoints.iter().map(|endpoint| {
            let kinds = endpoint.kinds.iter().fold(0, |bits, kind| bits | kind.bit());
            (endpoint.name.clone(), kinds, written(&endpoint.repositories))
        });
        self.metadata().write(Register { endpoints: endpoints.collect() }).await
    }

    /// Claims an endpoint for a while, in milliseconds, if nobody sends to it and it is time to. Returns how often it has failed in a row.
    pub(crate) async fn claim_endpoint(
        &self,
        endpoint: &str,
        holder: &str,
        lease: i64,
    ) -> Result<Option<u32>, StorageError> {
        if self.metadata().read(Due { endpoint: endpoint.to_owned() }).await? {
            let claim = Claim { endpoint: endpoint.to_owned(), holder: holder.to_owned(), lease };
            return self.metadata().write(claim).await;
        }
        Ok(None)
    }

    /// Returns the oldest events that wait for an endpoint.
    pub(crate) async fn waiting_events(&self, endpoint: &str) -> Result<Vec<Event>, StorageError> {
        self.metadata().read(Waiting { endpoint: endpoint.to_owned() }).await
    }

    /// Takes out what was sent, and gives the claim back if it is still held.
    pub(crate) async fn settle_events(&self, settled: Settled) -> Result<(), StorageError> {
        self.metadata().write(settled).await
    }

    /// Drops events that are too old, and the oldest of too many. Returns how many.
    pub(crate) async fn drop_events(&self, endpoint: &EventEndpoint) -> Result<u64, StorageError> {
        let drop = Drop {
            endpoint: endpoint.name.clone(),
            keep: milliseconds(endpoint.keep),
            most: i64::try_from(endpoint.events_max).unwrap_or(i64::MAX),
        };
        self.metadata().write(drop).await
    }
}

struct Register {
    /// Their names, what they are told of as bits, and in which repositories.
    endpoints: Vec<(String, i64, String)>,
}

#[async_trait]
impl Operation for Register {
    type Outcome = ();

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let mut gone = Vec::new();
        for row in connection.rows("SELECT name FROM event_endpoint", &[]).await? {
            let name = row.text(0)?;
            if !self.endpoints.iter().any(|(known, ..)| *known == name) {
                gone.push(name);
            }
        }
        for name in &gone {
            connection.execute("DELETE FROM event_endpoint WHERE name = $1", &[name.as_str().into()]).await?;
            connection.execute("DELETE FROM event_claim WHERE endpoint = $1", &[name.as_str().into()]).await?;
            connection.execute("DELETE FROM event WHERE endpoint = $1", &[name.as_str().into()]).await?;
        }
        for (name, kinds, patterns) in &self.endpoints {
            let sql = "INSERT INTO event_endpoint (name, kinds, patterns) VALUES ($1, $2, $3) ON CONFLICT (name) \
                       DO UPDATE SET kinds = excluded.kinds, patterns = excluded.patterns \
                       WHERE event_endpoint.kinds <> excluded.kinds OR event_endpoint.patterns IS NULL \
                       OR event_endpoint.patterns <> excluded.patterns";
            connection.execute(sql, &[name.as_str().into(), (*kinds).into(), patterns.as_str().into()]).await?;
            let sql = "INSERT INTO event_claim (endpoint, due_at, failures, dropped) VALUES ($1, 0, 0, 0) \
                       ON CONFLICT (endpoint) DO NOTHING";
            connection.execute(sql, &[name.as_str().into()]).await?;
        }
        if connection.is_alone() {
            // Whoever held them has ended.
            connection.execute("UPDATE event_claim SET holder = NULL, due_at = 0", &[]).await?;
        }
        Ok(())
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}

/// Tells whether there is something to send to an endpoint, and it is time to.
struct Due {
    endpoint: String,
}

#[async_trait]
impl Operation for Due {
    type Outcome = bool;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT 1 FROM event_claim WHERE endpoint = $1 AND due_at <= $2 \
                   AND EXISTS (SELECT 1 FROM event WHERE event.endpoint = $1)";
        let now = connection.now().await?;
        Ok(connection.row(sql, &[self.endpoint.as_str().into(), now.into()]).await?.is_some())
    }
}

struct Claim {
    endpoint: String,
    holder: String,
    lease: i64,
}

#[async_trait]
impl Operation for Claim {
    type Outcome = Option<u32>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let now = connection.now().await?;
        let sql = "UPDATE event_claim SET holder = $2, due_at = $3 WHERE endpoint = $1 AND due_at <= $4 \
                   RETURNING failures";
        let values =
            [self.endpoint.as_str().into(), self.holder.as_str().into(), (now + self.lease).into(), now.into()];
        let row = connection.row(sql, &values).await?;
        row.map(|row| Ok(u32::try_from(row.integer(0)?).unwrap_or(u32::MAX))).transpose()
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}

struct Waiting {
    endpoint: String,
}

#[async_trait]
impl Operation for Waiting {
    type Outcome = Vec<Event>;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT number, id, kind, repository, digest, tag, previous, media_type, size, actor, at FROM event \
                   WHERE endpoint = $1 ORDER BY number LIMIT $2";
        let rows = connection.rows(sql, &[self.endpoint.as_str().into(), TOGETHER.into()]).await?;
        rows.iter().map(event).collect()
    }
}

fn event(row: &Row) -> Result<Event, StorageError> {
    let damaged = || StorageError::Damaged("an event");
    let bit = row.integer(2)?;
    let repository: RepositoryName = row.text(3)?.parse().map_err(|_| damaged())?;
    let digest = |column| -> Result<Option<Digest>, StorageError> {
        let bytes = row.optional_bytes(column)?;
        bytes.map(|bytes| Digest::from_bytes(&bytes).ok_or_else(damaged)).transpose()
    };
    Ok(Event {
        number: row.integer(0)?,
        id: row.text(1)?,
        kind: EventKind::ALL.into_iter().find(|kind| kind.bit() == bit).ok_or_else(damaged)?,
        repository,
        digest: digest(4)?,
        tag: row.optional_text(5)?,
        previous: digest(6)?,
        media_type: row.optional_text(7)?,
        size: row.optional_integer(8)?,
        actor: row.optional_text(9)?,
        at: row.integer(10)?,
    })
}

#[async_trait]
impl Operation for Settled {
    type Outcome = ();

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        if !self.numbers.is_empty() {
            let places: Vec<String> = (1..=self.numbers.len()).map(|number| format!("${number}")).collect();
            let sql = format!("DELETE FROM event WHERE number IN ({})", places.join(", "));
            let values: Vec<Value<'_>> = self.numbers.iter().map(|number| (*number).into()).collect();
            connection.execute_made(sql, &values).await?;
        }
        let due_at = connection.now().await? + self.pause;
        let sql =
            "UPDATE event_claim SET holder = NULL, due_at = $3, failures = $4 WHERE endpoint = $1 AND holder = $2";
        let values = [
            self.endpoint.as_str().into(),
            self.holder.as_str().into(),
            due_at.into(),
            i64::from(self.failures).into(),
        ];
        connection.execute(sql, &values).await?;
        Ok(())
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}

struct Drop {
    endpoint: String,
    keep: i64,
    most: i64,
}

#[async_trait]
impl Operation for Drop {
    type Outcome = u64;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let endpoint = self.endpoint.as_str();
        // Rows are in the order in which they were noted, so the first that stays says which go.
        let sql = "SELECT number FROM event WHERE endpoint = $1 AND at >= $2 ORDER BY number LIMIT 1";
        let since = connection.now().await? - self.keep;
        let young = connection.row(sql, &[endpoint.into(), since.into()]).await?;
        let young = young.map_or(Ok(i64::MAX), |row| row.integer(0))?;
        let sql = "SELECT number FROM event WHERE endpoint = $1 ORDER BY number DESC LIMIT 1 OFFSET $2";
        let last_too_many = connection.row(sql, &[endpoint.into(), self.most.into()]).await?;
        let last_too_many = last_too_many.map_or(Ok(i64::MIN), |row| row.integer(0))?;
        let sql = "DELETE FROM event WHERE endpoint = $1 AND (number < $2 OR number <= $3)";
        let dropped = connection.execute(sql, &[endpoint.into(), young.into(), last_too_many.into()]).await?;
        if dropped > 0 {
            let sql = "UPDATE event_claim SET dropped = dropped + $2 WHERE endpoint = $1";
            let count = i64::try_from(dropped).unwrap_or(i64::MAX);
            connection.execute(sql, &[endpoint.into(), count.into()]).await?;
        }
        Ok(dropped)
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}
