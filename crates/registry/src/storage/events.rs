//! Events that wait to be sent: noted by changes in their own transaction, a row for each endpoint.

mod queue;

use oci::Digest;
use resolve::retention::Pattern;

use super::Storage;
use super::database::{Connection, StorageError, Value};
use crate::events::EventKind;
pub(crate) use queue::Settled;

/// What a change tells of itself.
#[derive(Default)]
pub(super) struct Told<'t> {
    pub(super) digest: Option<&'t Digest>,
    pub(super) tag: Option<&'t str>,
    pub(super) previous: Option<&'t Digest>,
    pub(super) media_type: Option<&'t str>,
    pub(super) size: Option<i64>,
    pub(super) actor: Option<&'t str>,
}

/// Notes an event for every endpoint that is told of such ones in such repositories.
pub(super) async fn tell(
    connection: &mut Connection<'_>,
    kind: EventKind,
    repository: i64,
    told: Told<'_>,
) -> Result<(), StorageError> {
    let sql = "SELECT event_endpoint.name, event_endpoint.patterns, repository.name FROM event_endpoint \
               JOIN repository ON repository.id = $2 WHERE (event_endpoint.kinds & $1) <> 0";
    let endpoints = connection.rows(sql, &[kind.bit().into(), repository.into()]).await?;
    let mut wanting = Vec::with_capacity(endpoints.len());
    for row in &endpoints {
        if is_for(row.optional_text(1)?.as_deref(), &row.text(2)?) {
            wanting.push((row.text(0)?, row.text(2)?));
        }
    }
    if wanting.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO event \
               (endpoint, id, kind, repository, digest, tag, previous, media_type, size, actor, at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    // Should the change run again, nothing has stayed of this name.
    let id = format!("{:032x}", rand::random::<u128>());
    let at = connection.now().await?;
    for (endpoint, repository) in &wanting {
        let values = [
            endpoint.as_str().into(),
            id.as_str().into(),
            kind.bit().into(),
            repository.as_str().into(),
            told.digest.into(),
            told.tag.into(),
            told.previous.into(),
            told.media_type.into(),
            Value::Integer(told.size),
            told.actor.into(),
            at.into(),
        ];
        connection.execute(sql, &values).await?;
    }
    Ok(())
}

/// Writes patterns of repositories as one text: none has a line feed in it that could be the name of a repository.
fn written(patterns: &[Pattern]) -> String {
    patterns.iter().map(Pattern::as_str).collect::<Vec<_>>().join("\n")
}

/// Tells whether one of the patterns that a text says matches a repository. Where nothing is said, or what cannot be read, it may: it is
/// looked at again when the event is sent.
fn is_for(patterns: Option<&str>, repository: &str) -> bool {
    let matches = |text: &str| Pattern::parse(text).map_or(true, |pattern| pattern.matches(repository));
    patterns.is_none_or(|patterns| patterns.split('\n').any(matches))
}

impl Storage {
    /// Waits until something was changed here since the receiver saw it last.
    pub(crate) fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.metadata().changes()
    }
}
