//! What is to be reviewed, and when.

use graph::Space;
use oci::Digest;

use crate::storage::database::{Connection, StorageError};

/// Has something reviewed at a time, and not before. A review that was to come later comes then too; one that was to come
/// earlier comes and finds it kept.
pub(in crate::storage) async fn later(
    connection: &mut Connection<'_>,
    repository: i64,
    space: Space,
    digest: &Digest,
    due_at: i64,
) -> Result<(), StorageError> {
    let sql = "INSERT INTO review (repository, space, digest, due_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (repository, space, digest) DO UPDATE SET due_at = excluded.due_at \
               WHERE review.due_at > excluded.due_at";
    connection.execute(sql, &[repository.into(), space.into(), digest.into(), due_at.into()]).await?;
    Ok(())
}

/// Keeps everything that a manifest is made of for a lease, and has it reviewed then: whoever was told that it is there, while the
/// manifest needed it, can build on that for so long.
pub(in crate::storage) async fn later_children(
    connection: &mut Connection<'_>,
    repository: i64,
    parent: &Digest,
    due_at: i64,
) -> Result<(), StorageError> {
    for (space, keep) in [
        (
            Space::Blob,
            "UPDATE repository_blob SET kept_until = $1 WHERE repository = $2 AND kept_until < $1 AND digest IN \
             (SELECT child FROM edge WHERE repository = $2 AND parent = $3 AND space = $4)",
        ),
        (
            Space::Manifest,
            "UPDATE manifest SET kept_until = $1 WHERE repository = $2 AND kept_until < $1 AND digest IN \
             (SELECT child FROM edge WHERE repository = $2 AND parent = $3 AND space = $4)",
        ),
    ] {
        let values = [due_at.into(), repository.into(), parent.into(), space.into()];
        connection.execute(keep, &values).await?;
    }
    let sql = "INSERT INTO review (repository, space, digest, due_at) \
               SELECT repository, space, child, $3 FROM edge WHERE repository = $1 AND parent = $2 \
               ON CONFLICT (repository, space, digest) DO UPDATE SET due_at = excluded.due_at \
               WHERE review.due_at > excluded.due_at";
    connection.execute(sql, &[repository.into(), parent.into(), due_at.into()]).await?;
    Ok(())
}

/// Has everything reviewed that refers to a manifest.
pub(in crate::storage) async fn later_referrers(
    connection: &mut Connection<'_>,
    repository: i64,
    subject: &Digest,
    due_at: i64,
) -> Result<(), StorageError> {
    let sql = "INSERT INTO review (repository, space, digest, due_at) \
               SELECT repository, 1, digest, $3 FROM manifest WHERE repository = $1 AND subject = $2 \
               ON CONFLICT (repository, space, digest) DO UPDATE SET due_at = excluded.due_at \
               WHERE review.due_at > excluded.due_at";
    connection.execute(sql, &[repository.into(), subject.into(), due_at.into()]).await?;
    Ok(())
}
