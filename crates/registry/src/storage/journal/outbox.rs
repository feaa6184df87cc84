//! The outbox: what changes note in their own transaction, and what the keeper takes out.

use std::collections::BTreeSet;

use async_trait::async_trait;
use oci::{Digest, RepositoryName};

use super::entry::{Entry, KeptBlob, KeptHold, KeptManifest};
use super::segment::Numbered;
use crate::storage::database::{Connection, Operation, Row, StorageError, Touched, Value};
use crate::storage::tags::Mover;

/// Most entries that are taken together. A segment of them has below one megabyte.
pub(super) const TOGETHER: i64 = 512;
/// Numbers in one statement.
const NUMBERS: usize = 64;

/// What an entry is about, as the outbox writes it.
#[derive(Clone, Copy)]
enum Kind {
    Repository = 1,
    Blob = 2,
    Manifest = 3,
    Link = 4,
    Move = 5,
    Hold = 6,
}

/// A row of the outbox.
#[derive(Default)]
struct Noted<'n> {
    repository: Option<i64>,
    digest: Option<&'n Digest>,
    tag: Option<&'n str>,
    value: Option<&'n str>,
    amount: Option<i64>,
    at: Option<i64>,
    actor: Option<&'n str>,
}

/// Notes that there is a repository.
pub(in crate::storage) async fn note_repository(
    connection: &mut Connection<'_>,
    repository: i64,
) -> Result<(), StorageError> {
    note(connection, Kind::Repository, Noted { repository: Some(repository), ..Noted::default() }).await
}

/// Notes the size and the place of a blob, or that it has gone.
pub(in crate::storage) async fn note_blob(
    connection: &mut Connection<'_>,
    digest: &Digest,
    kept: Option<(i64, &str)>,
) -> Result<(), StorageError> {
    let (amount, value) = kept.unzip();
    note(connection, Kind::Blob, Noted { digest: Some(digest), value, amount, ..Noted::default() }).await
}

/// Notes that a repository has a blob, or has it no more.
pub(in crate::storage) async fn note_link(
    connection: &mut Connection<'_>,
    repository: i64,
    digest: &Digest,
    is_there: bool,
) -> Result<(), StorageError> {
    let (repository, digest, amount) = (Some(repository), Some(digest), Some(i64::from(is_there)));
    note(connection, Kind::Link, Noted { repository, digest, amount, ..Noted::default() }).await
}

/// Notes the media type of a manifest and when it came, or that it has gone.
pub(in crate::storage) async fn note_manifest(
    connection: &mut Connection<'_>,
    repository: i64,
    digest: &Digest,
    kept: Option<(&str, i64)>,
) -> Result<(), StorageError> {
    let (value, at) = kept.unzip();
    let (repository, digest) = (Some(repository), Some(digest));
    note(connection, Kind::Manifest, Noted { repository, digest, value, at, ..Noted::default() }).await
}

/// Notes a move of a tag.
pub(in crate::storage) async fn note_move(
    connection: &mut Connection<'_>,
    repository: i64,
    tag: &str,
    number: i64,
    digest: Option<&Digest>,
    mover: Mover<'_>,
) -> Result<(), StorageError> {
    let (repository, tag, amount, at) = (Some(repository), Some(tag), Some(number), Some(mover.at));
    let noted = Noted { repository, digest, tag, value: mover.actor, amount, at, ..Noted::default() };
    note(connection, Kind::Move, noted).await
}

/// Notes what is known of a pin or a hold, or that it has gone.
pub(in crate::storage) async fn note_hold(
    connection: &mut Connection<'_>,
    repository: i64,
    digest: &Digest,
    kind: &str,
    kept: Option<&KeptHold>,
) -> Result<(), StorageError> {
    let noted = Noted {
        repository: Some(repository),
        digest: Some(digest),
        tag: Some(kind),
        value: kept.map(|kept| kept.reason.as_str()),
        amount: kept.map(|kept| kept.expires_at),
        at: kept.map(|kept| kept.at),
        actor: kept.and_then(|kept| kept.actor.as_deref()),
    };
    note(connection, Kind::Hold, noted).await
}

async fn note(connection: &mut Connection<'_>, kind: Kind, noted: Noted<'_>) -> Result<(), StorageError> {
    let sql = "INSERT INTO journal (kind, repository, digest, tag, value, amount, at, actor) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values = [
        (kind as i64).into(),
        Value::Integer(noted.repository),
        noted.digest.into(),
        noted.tag.into(),
        noted.value.into(),
        Value::Integer(noted.amount),
        Value::Integer(noted.at),
        noted.actor.into(),
    ];
    connection.execute(sql, &values).await?;
    Ok(())
}

/// Takes the first entries that are noted.
pub(super) struct Take;

/// What was taken.
pub(super) struct Taken {
    pub(super) epoch: i64,
    /// Those that were noted first, in the order of their numbers.
    pub(super) entries: Vec<Numbered>,
    /// Manifests among them whose bytes do not lie beside the database yet.
    pub(super) bare: BTreeSet<Digest>,
}

#[async_trait]
impl Operation for Take {
    type Outcome = Taken;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let row = connection.row("SELECT epoch FROM journal_state WHERE id = 1", &[]).await?;
        let epoch = row.ok_or(StorageError::Damaged("the state of the journal"))?.integer(0)?;
        let sql = "SELECT journal.number, journal.kind, repository.name, journal.digest, journal.tag, journal.value, \
                   journal.amount, journal.at, content.place, content.is_stored, journal.actor FROM journal \
                   LEFT JOIN repository ON repository.id = journal.repository \
                   LEFT JOIN content ON content.digest = journal.digest \
                   ORDER BY journal.number LIMIT $1";
        let (mut entries, mut bare) = (Vec::new(), BTreeSet::new());
        for row in connection.rows(sql, &[TOGETHER.into()]).await? {
            let number = row.integer(0)?;
            let entry = entry(&row)?;
            if let Entry::Manifest { digest, kept: Some(_), .. } = &entry
                && row.optional_integer(9)? == Some(0)
            {
                bare.insert(*digest);
            }
            entries.push(Numbered { number, entry });
        }
        Ok(Taken { epoch, entries, bare })
    }
}

/// Returns the entry of a row.
fn entry(row: &Row) -> Result<Entry, StorageError> {
    let damaged = || StorageError::Damaged("an entry of the journal");
    let repository = || -> Result<RepositoryName, StorageError> {
        row.optional_text(2)?.and_then(|name| name.parse().ok()).ok_or_else(damaged)
    };
    let digest = || row.digest(3);
    let amount = row.optional_integer(6)?;
    Ok(match row.integer(1)? {
        1 => Entry::Repository { repository: repository()? },
        2 => {
            let kept = match (amount, row.optional_text(5)?) {
                (Some(size), Some(place)) => {
                    Some(KeptBlob { size: u64::try_from(size).map_err(|_| damaged())?, place })
                }
                _ => None,
            };
            Entry::Blob { digest: digest()?, kept }
        }
        3 => {
            let kept = match row.optional_integer(7)? {
                Some(at) => Some(KeptManifest { media_type: row.media_type(5)?, at, place: row.optional_text(8)? }),
                None => None,
            };
            Entry::Manifest { repository: repository()?, digest: digest()?, kept }
        }
        4 => Entry::Link { repository: repository()?, digest: digest()?, is_there: amount == Some(1) },
        5 => Entry::Move {
            repository: repository()?,
            tag: row.text(4)?.parse().map_err(|_| damaged())?,
            number: amount.ok_or_else(damaged)?,
            digest: row.optional_bytes(3)?.map(|_| digest()).transpose()?,
            at: row.optional_integer(7)?.ok_or_else(damaged)?,
            actor: row.optional_text(5)?,
        },
        6 => {
            let kept = match (row.optional_text(5)?, row.optional_integer(7)?, amount) {
                (Some(reason), Some(at), Some(expires_at)) => {
                    Some(KeptHold { reason, actor: row.optional_text(10)?, at, expires_at })
                }
                _ => None,
            };
            Entry::Hold { repository: repository()?, digest: digest()?, kind: row.text(4)?, kept }
        }
        _ => return Err(damaged()),
    })
}

/// Forgets entries that a segment says.
pub(super) struct Written {
    pub(super) numbers: Vec<i64>,
}

#[async_trait]
impl Operation for Written {
    type Outcome = ();

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let mut written: u64 = 0;
        // One by one: an entry with a number between them may have come since, of a transaction that took longer.
        for numbers in self.numbers.chunks(NUMBERS) {
            let places: Vec<String> = (1..=numbers.len()).map(|number| format!("${number}")).collect();
            let sql = format!("DELETE FROM journal WHERE number IN ({})", places.join(", "));
            let values: Vec<Value<'_>> = numbers.iter().map(|number| (*number).into()).collect();
            written += connection.execute_made(sql, &values).await?;
        }
        let sql = "UPDATE journal_state SET written = written + $1, \
                   last = CASE WHEN last < $2 THEN $2 ELSE last END WHERE id = 1";
        let last = self.numbers.last().copied().unwrap_or_default();
        connection.execute(sql, &[i64::try_from(written).unwrap_or(i64::MAX).into(), last.into()]).await?;
        Ok(())
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}
