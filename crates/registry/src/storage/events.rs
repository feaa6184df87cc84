//! Events that wait to be sent: noted by changes in their own transaction, a row for each endpoint.

mod queue;

use oci::Digest;

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

/// Notes an event for every endpoint that is told of such ones. Which repositories it is told of is looked at when it is sent.
pub(super) async fn tell(
    connection: &mut Connection<'_>,
    kind: EventKind,
    repository: i64,
    told: Told<'_>,
) -> Result<(), StorageError> {
    let sql = "SELECT 1 FROM event_endpoint WHERE (kinds & $1) <> 0";
    if connection.row(sql, &[kind.bit().into()]).await?.is_none() {
        return Ok(());
    }
    let sql = "INSERT INTO event \
               (endpoint, id, kind, repository, digest, tag, previous, media_type, size, actor, at) \
               SELECT event_endpoint.name, $1, $2, repository.name, $4, $5, $6, $7, $8, $9, $10 \
               FROM event_endpoint JOIN repository ON repository.id = $3 WHERE (event_endpoint.kinds & $2) <> 0";
    // Should the change run again, nothing has stayed of this name.
    let id = format!("{:032x}", rand::random::<u128>());
    let at = connection.now().await?;
    let values = [
        id.as_str().into(),
        kind.bit().into(),
        repository.into(),
        told.digest.into(),
        told.tag.into(),
        told.previous.into(),
        told.media_type.into(),
        Value::Integer(told.size),
        told.actor.into(),
        at.into(),
    ];
    connection.execute(sql, &values).await?;
    Ok(())
}

impl Storage {
    /// Waits until something was changed here since the receiver saw it last.
    pub(crate) fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.metadata().changes()
    }
}
