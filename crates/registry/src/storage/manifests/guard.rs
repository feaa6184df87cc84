//! What is not moved and not removed, whoever asks: immutable tags, and what a legal hold is on.

use oci::Digest;

use super::{Present, PutManifest, Refused, RemoveManifest};
use crate::route::ManifestName;
use crate::storage::database::{Connection, StorageError};
use crate::storage::{holds, tags};

/// Returns why a manifest may not be put: an immutable tag would be moved, or what it names would change its type.
pub(super) async fn refuse_put(
    connection: &mut Connection<'_>,
    repository: i64,
    put: &PutManifest,
    found: Option<&Present>,
) -> Result<Option<Refused>, StorageError> {
    if put.immutable.is_empty() {
        return Ok(None);
    }
    let digest = put.manifest.digest();
    for tag in put.tags.iter().filter(|tag| put.immutable.covers(&put.repository, tag.as_str())) {
        if let Some(named) = tags::resolve(connection, repository, tag).await?.filter(|named| named != digest) {
            return Ok(Some(Refused::Immutable { tag: tag.to_string(), digest: named }));
        }
    }
    if found.is_none_or(|found| found.media_type == put.manifest.media_type().as_str()) {
        return Ok(None);
    }
    immutable_tag(connection, repository, digest, |tag| put.immutable.covers(&put.repository, tag)).await
}

/// Returns why a tag or a manifest, which is there and has this digest, may not be removed.
pub(super) async fn refuse_removal(
    connection: &mut Connection<'_>,
    repository: i64,
    remove: &RemoveManifest,
    digest: &Digest,
) -> Result<Option<Refused>, StorageError> {
    let covers = |tag: &str| remove.immutable.covers(&remove.repository, tag);
    let held = match &remove.name {
        ManifestName::Tag(tag) if covers(tag.as_str()) => {
            return Ok(Some(Refused::Immutable { tag: tag.to_string(), digest: *digest }));
        }
        ManifestName::Tag(_) => holds::legal(connection, repository, digest).await?,
        ManifestName::Digest(_) => {
            if !remove.immutable.is_empty()
                && let Some(refused) = immutable_tag(connection, repository, digest, covers).await?
            {
                return Ok(Some(refused));
            }
            holds::legal_above(connection, repository, digest).await?
        }
    };
    Ok(held.map(|(digest, reason)| Refused::Held { digest, reason }))
}

/// Returns the refusal for an immutable tag that names a manifest, if there is one.
async fn immutable_tag(
    connection: &mut Connection<'_>,
    repository: i64,
    digest: &Digest,
    covers: impl Fn(&str) -> bool,
) -> Result<Option<Refused>, StorageError> {
    let sql = "SELECT name FROM tag WHERE repository = $1 AND digest = $2 ORDER BY name";
    for row in connection.rows(sql, &[repository.into(), digest.into()]).await? {
        let tag = row.text(0)?;
        if covers(&tag) {
            return Ok(Some(Refused::Immutable { tag, digest: *digest }));
        }
    }
    Ok(None)
}
