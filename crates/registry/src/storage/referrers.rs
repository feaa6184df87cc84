//! What refers to a manifest or a blob.

use async_trait::async_trait;
use oci::{Digest, RepositoryName};

use super::Storage;
use super::database::{Connection, Operation, StorageError, Value};
use super::repositories;

/// Longest descriptor that is read with all others, in bytes. Longer ones are read one by one, as long as there is room for them:
/// a descriptor has the annotations of its manifest, which may be as long as a manifest.
const SHORT_BYTES: i64 = 4096;

/// A manifest about another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Referrer {
    pub(crate) digest: Digest,
    /// Its descriptor in JSON, as the list of referrers has it.
    pub(crate) descriptor: String,
}

/// A page of what refers to something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Referrers {
    /// In the order of the digests.
    pub(crate) listed: Vec<Referrer>,
    /// Whether there are more behind them.
    pub(crate) more: bool,
}

/// How much there may be in a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// At least one is always taken.
    pub(crate) entries: usize,
    /// Of all descriptors, with a comma after each. The first may be longer than that alone.
    pub(crate) bytes: usize,
}

impl Storage {
    /// Returns what refers to `subject`, in the order of the digests, behind `after`, as much as there is room for. A repository that
    /// is not there has none.
    pub(crate) async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
        after: Option<Digest>,
        room: Room,
    ) -> Result<Referrers, StorageError> {
        let artifact_type = artifact_type.map(str::to_owned);
        let list = List { repository: repository.clone(), subject: *subject, artifact_type, after, room };
        self.metadata().read(list).await
    }
}

struct List {
    repository: RepositoryName,
    subject: Digest,
    artifact_type: Option<String>,
    after: Option<Digest>,
    room: Room,
}

#[async_trait]
impl Operation for List {
    type Outcome = Referrers;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let mut page = Referrers::default();
        let Some(repository) = repositories::find(connection, &self.repository).await? else { return Ok(page) };
        let after = self.after.map_or_else(Vec::new, |digest| digest.to_bytes());
        let most = self.room.entries.max(1);
        // One more than fits shows whether there is another page.
        let limit = i64::try_from(most.saturating_add(1)).unwrap_or(i64::MAX);
        let values: [Value<'_>; 6] = [
            repository.into(),
            (&self.subject).into(),
            after.as_slice().into(),
            limit.into(),
            SHORT_BYTES.into(),
            self.artifact_type.as_deref().map(str::as_bytes).into(),
        ];
        let rows = if self.artifact_type.is_some() {
            let sql = "SELECT digest, CASE WHEN octet_length(referrer) <= $5 THEN referrer END FROM manifest \
                       WHERE repository = $1 AND subject = $2 AND digest > $3 AND artifact_type = $6 \
                       ORDER BY digest LIMIT $4";
            connection.rows(sql, &values).await?
        } else {
            let sql = "SELECT digest, CASE WHEN octet_length(referrer) <= $5 THEN referrer END FROM manifest \
                       WHERE repository = $1 AND subject = $2 AND digest > $3 ORDER BY digest LIMIT $4";
            connection.rows(sql, &values[..5]).await?
        };
        let mut bytes = 0;
        for row in rows {
            let digest = row.digest(0)?;
            let descriptor = match row.optional_text(1)? {
                Some(descriptor) => descriptor,
                None if page.listed.len() < most => long(connection, repository, &digest).await?,
                None => String::new(),
            };
            bytes += descriptor.len() + 1;
            let is_full = bytes > self.room.bytes || page.listed.len() >= most;
            if is_full && !page.listed.is_empty() {
                page.more = true;
                break;
            }
            page.listed.push(Referrer { digest, descriptor });
        }
        Ok(page)
    }
}

/// Returns the descriptor of a referrer, however long.
async fn long(connection: &mut Connection<'_>, repository: i64, digest: &Digest) -> Result<String, StorageError> {
    let sql = "SELECT referrer FROM manifest WHERE repository = $1 AND digest = $2";
    let row = connection.row(sql, &[repository.into(), digest.into()]).await?;
    row.ok_or(StorageError::Damaged("a referrer"))?.text(0)
}
