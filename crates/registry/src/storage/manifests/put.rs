//! Putting a manifest.

use std::collections::BTreeSet;

use async_trait::async_trait;
use graph::node::content_edges;
use graph::{NodeId, Space};
use oci::{Digest, Manifest, RepositoryName, Tag};

use super::{Present, content, guard, keep, present};
use crate::events::EventKind;
use crate::immutability::Immutability;
use crate::quota::{Exceeded, Quotas};
use crate::storage::collect::{Keeping, give_up, later};
use crate::storage::database::{Connection, Operation, StorageError, Touched, Value};
use crate::storage::events::{Told, tell};
use crate::storage::journal::note_manifest;
use crate::storage::tags::Mover;
use crate::storage::usage::{Usage, grow, resize};
use crate::storage::{quotas, repositories, tags};

/// Edges that are written at once where there are so many. What is left is written one by one, so that there are two statements and
/// not one for each number of layers.
const TOGETHER: usize = 64;

/// What must be true of what is there for it to be replaced (RFC 9110 section 13.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Nothing.
    #[default]
    None,
    /// It is one of these (`If-Match` with entity tags).
    OneOf(Vec<Digest>),
    /// It is none of these (`If-None-Match` with entity tags).
    NoneOf(Vec<Digest>),
    /// There is something (`If-Match: *`).
    Something,
    /// There is nothing (`If-None-Match: *`).
    Nothing,
    /// There is nothing but this.
    NothingElse(Digest),
}

impl Condition {
    pub(crate) fn holds(&self, current: Option<&Digest>) -> bool {
        match self {
            Self::None => true,
            Self::OneOf(digests) => current.is_some_and(|digest| digests.contains(digest)),
            Self::NoneOf(digests) => current.is_none_or(|digest| !digests.contains(digest)),
            Self::Something => current.is_some(),
            Self::Nothing => current.is_none(),
            Self::NothingElse(only) => current.is_none_or(|digest| digest == only),
        }
    }
}

/// A manifest to put, with the tags that will point to it.
pub(crate) struct PutManifest {
    pub(crate) repository: RepositoryName,
    pub(crate) manifest: Manifest,
    pub(crate) tags: Vec<Tag>,
    /// What must be true of each tag, or of the manifest where there is no tag.
    pub(crate) condition: Condition,
    /// What must be true of the same for the caller to be allowed to put it.
    pub(crate) permission: Condition,
    /// Whether what it is made of may be missing.
    pub(crate) sparse: bool,
    /// Which tags are not moved.
    pub(crate) immutable: Immutability,
    /// How much there may be.
    pub(crate) quotas: Quotas,
    /// The name of the user who puts it.
    pub(crate) actor: Option<String>,
}

/// Why a manifest was not put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The repository does not have these.
    Missing(Vec<Digest>),
    /// The repository has something with another size than the manifest says.
    Size { digest: Digest, stated: u64, found: u64 },
    /// The condition does not hold.
    Condition,
    /// It is not allowed.
    Permission,
    /// A tag is immutable, and names this.
    Immutable { tag: String, digest: Digest },
    /// There would be more than a quota allows.
    Quota(Exceeded),
    /// A legal hold is on it.
    Held { digest: Digest, reason: String },
}

/// Puts a manifest.
#[allow(clippy::struct_field_names, reason = "what is put is called so")]
pub(super) struct Put {
    pub(super) put: PutManifest,
    pub(super) keeping: Keeping,
}

#[async_trait]
impl Operation for Put {
    /// What is missing of what the manifest is made of: nothing, unless that is allowed.
    type Outcome = Result<Vec<Digest>, Refused>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let put = &self.put;
        let repository = repositories::find(connection, &put.repository).await?;
        let found = match repository {
            Some(repository) => present(connection, repository, put.manifest.digest()).await?,
            None => None,
        };
        let found = found.as_ref();
        if !put.is_permitted(connection, repository, found).await? {
            return Ok(Err(Refused::Permission));
        }
        if !put.holds(&put.condition, connection, repository, found).await? {
            return Ok(Err(Refused::Condition));
        }
        if let Some(repository) = repository
            && let Some(refused) = guard::refuse_put(connection, repository, put, found).await?
        {
            return Ok(Err(refused));
        }
        let missing = match content::refused(connection, repository, &put.manifest).await? {
            Some(Refused::Missing(missing)) if put.sparse => missing,
            // What is there has its size, whatever may be missing.
            Some(refused) => return Ok(Err(refused)),
            None => Vec::new(),
        };
        if put.quotas.of(&put.repository).next().is_some() {
            let wanted = put.wanted(connection, repository, found).await?;
            if let Some(refused) = quotas::refuse(connection, &put.quotas, &put.repository, wanted).await? {
                return Ok(Err(refused));
            }
        }
        let repository = match repository {
            Some(repository) => repository,
            None => repositories::find_or_make(connection, &put.repository).await?,
        };
        let at = connection.now().await?;
        let kept_until = at + self.keeping.untagged();
        let come = Come { manifest: &put.manifest, at, kept_until, is_new: found.is_none() };
        insert(connection, repository, come).await?;
        let kept = (put.manifest.media_type().as_str(), at);
        note_manifest(connection, repository, put.manifest.digest(), Some(kept)).await?;
        let told = Told {
            digest: Some(put.manifest.digest()),
            media_type: Some(put.manifest.media_type().as_str()),
            size: i64::try_from(put.manifest.bytes().len()).ok(),
            actor: put.actor.as_deref(),
            ..Told::default()
        };
        tell(connection, EventKind::ManifestPushed, repository, told).await?;
        let mover = Mover { at, actor: put.actor.as_deref() };
        for tag in &put.tags {
            if let Some(before) = tags::set(connection, repository, tag, put.manifest.digest(), mover).await? {
                keep(connection, repository, &before, kept_until).await?;
            }
        }
        Ok(Ok(missing))
    }

    fn touched(&self, outcome: &Self::Outcome) -> Touched {
        match outcome {
            Ok(_) => Touched::Repositories(vec![self.put.repository.clone()]),
            Err(_) => Touched::Nothing,
        }
    }
}

impl PutManifest {
    /// Returns what the repository would have more of.
    async fn wanted(
        &self,
        connection: &mut Connection<'_>,
        repository: Option<i64>,
        found: Option<&Present>,
    ) -> Result<Usage, StorageError> {
        let size = i64::try_from(self.manifest.bytes().len()).unwrap_or(i64::MAX);
        let mut wanted = match found {
            Some(_) => Usage::default(),
            None => Usage { manifests: 1, bytes: size, ..Usage::default() },
        };
        let mut new: BTreeSet<&str> = self.tags.iter().map(Tag::as_str).collect();
        if let Some(repository) = repository {
            for tag in &self.tags {
                if tags::resolve(connection, repository, tag).await?.is_some() {
                    new.remove(tag.as_str());
                }
            }
        }
        wanted.tags = i64::try_from(new.len()).unwrap_or(i64::MAX);
        Ok(wanted)
    }

    /// Tells whether a condition holds. The manifest itself, where it is marked as bad, is as good as not there: whoever wants to put
    /// what is not there yet heals it.
    async fn holds(
        &self,
        condition: &Condition,
        connection: &mut Connection<'_>,
        repository: Option<i64>,
        found: Option<&Present>,
    ) -> Result<bool, StorageError> {
        if *condition == Condition::None {
            return Ok(true);
        }
        let Some(repository) = repository else { return Ok(condition.holds(None)) };
        let digest = self.manifest.digest();
        let is_bad = found.is_some_and(|found| found.is_bad);
        let holds = |current: Option<&Digest>| {
            condition.holds(current) || (is_bad && current == Some(digest) && condition.holds(None))
        };
        if self.tags.is_empty() {
            return Ok(holds(found.map(|_| digest)));
        }
        for tag in &self.tags {
            if !holds(tags::resolve(connection, repository, tag).await?.as_ref()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Tells whether the caller may put it. Who may not move tags may not give what is there another type either.
    async fn is_permitted(
        &self,
        connection: &mut Connection<'_>,
        repository: Option<i64>,
        found: Option<&Present>,
    ) -> Result<bool, StorageError> {
        let is_as_it_was = found.is_none_or(|found| found.media_type == self.manifest.media_type().as_str());
        let may_change = !matches!(self.permission, Condition::NothingElse(_));
        Ok(self.holds(&self.permission, connection, repository, found).await? && (is_as_it_was || may_change))
    }
}

/// Puts good bytes of a manifest in the place of bad ones. The copy beside the database may be bad too, so it is made anew.
async fn heal(connection: &mut Connection<'_>, digest: &Digest, bytes: &[u8]) -> Result<(), StorageError> {
    let sql = "SELECT place FROM content WHERE digest = $1 AND bad_since IS NOT NULL";
    let Some(row) = connection.row(sql, &[digest.into()]).await? else { return Ok(()) };
    if let Some(place) = row.optional_text(0)? {
        give_up(connection, &place).await?;
    }
    let sql = "UPDATE content SET bytes = $2, bad_since = NULL, place = NULL, is_stored = 0 WHERE digest = $1";
    connection.execute(sql, &[digest.into(), bytes.into()]).await?;
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    resize(connection, Space::Manifest, digest, size).await
}

/// A manifest that comes into a repository.
pub(in crate::storage) struct Come<'c> {
    pub(in crate::storage) manifest: &'c Manifest,
    /// When, in milliseconds since 1970.
    pub(in crate::storage) at: i64,
    /// Until when it is kept whether or not anything needs it, likewise.
    pub(in crate::storage) kept_until: i64,
    /// Whether the repository did not have it.
    pub(in crate::storage) is_new: bool,
}

/// Puts a manifest into the tables, with what it is made of.
pub(in crate::storage) async fn insert(
    connection: &mut Connection<'_>,
    repository: i64,
    come: Come<'_>,
) -> Result<(), StorageError> {
    let Come { manifest, at, kept_until, is_new } = come;
    let digest = manifest.digest();
    let bytes: &[u8] = manifest.bytes();
    let sql = "INSERT INTO content (digest, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    if connection.execute(sql, &[digest.into(), bytes.into()]).await? == 0 {
        heal(connection, digest, bytes).await?;
    }
    let subject = manifest.subject().map(|subject| subject.digest);
    let referrer = manifest.referrer_descriptor();
    let descriptor = match &subject {
        Some(_) => Some(serde_json::to_string(&referrer).map_err(|_| StorageError::Damaged("a descriptor"))?),
        None => None,
    };
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    if is_new {
        grow(connection, repository, Usage { manifests: 1, bytes: size, ..Usage::default() }).await?;
    }
    // The same bytes may come with another type than before; what came last is what is served.
    let sql = "INSERT INTO manifest \
               (repository, digest, media_type, size, subject, referrer, artifact_type, put_at, kept_until) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
               ON CONFLICT (repository, digest) DO UPDATE SET media_type = excluded.media_type, \
               kept_until = CASE WHEN manifest.kept_until < excluded.kept_until \
               THEN excluded.kept_until ELSE manifest.kept_until END";
    let values = [
        repository.into(),
        digest.into(),
        manifest.media_type().as_str().into(),
        size.into(),
        subject.as_ref().into(),
        descriptor.as_deref().into(),
        referrer.artifact_type.as_deref().map(str::as_bytes).into(),
        at.into(),
        kept_until.into(),
    ];
    connection.execute(sql, &values).await?;
    insert_edges(connection, repository, manifest).await?;
    later(connection, repository, Space::Manifest, digest, kept_until).await
}

async fn insert_edges(
    connection: &mut Connection<'_>,
    repository: i64,
    manifest: &Manifest,
) -> Result<(), StorageError> {
    // A layer may be named more than once.
    let children: BTreeSet<NodeId> = content_edges(manifest).map(|(edge, _)| edge.to).collect();
    let children: Vec<NodeId> = children.into_iter().collect();
    let (many, few) = children.as_chunks::<TOGETHER>();
    if !many.is_empty() {
        let rows: Vec<String> =
            (0..TOGETHER).map(|row| format!("($1, $2, ${}, ${})", 2 * row + 3, 2 * row + 4)).collect();
        let rows = rows.join(", ");
        let sql = format!("INSERT INTO edge (repository, parent, space, child) VALUES {rows} ON CONFLICT DO NOTHING");
        for children in many {
            let mut values: Vec<Value<'_>> = vec![repository.into(), manifest.digest().into()];
            values.extend(children.iter().flat_map(|child| [child.space.into(), (&child.digest).into()]));
            connection.execute_made(sql.clone(), &values).await?;
        }
    }
    let sql = "INSERT INTO edge (repository, parent, space, child) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    for child in few {
        let values = [repository.into(), manifest.digest().into(), child.space.into(), (&child.digest).into()];
        connection.execute(sql, &values).await?;
    }
    Ok(())
}
