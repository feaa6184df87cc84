//! Whether a repository has what a manifest is made of.

use std::collections::{BTreeMap, BTreeSet};

use graph::Space;
use graph::node::content_edges;
use oci::{Digest, Manifest};

use super::put::Refused;
use crate::storage::database::{Connection, StorageError, Value};

/// Digests that are asked for at once.
const TOGETHER: usize = 64;

/// Returns why a manifest cannot be put: it names content that the repository, if there is one, does not have, or has with
/// another size. Its subject may be missing, and so may layers that lie elsewhere by their nature.
pub(super) async fn refused(
    connection: &mut Connection<'_>,
    repository: Option<i64>,
    manifest: &Manifest,
) -> Result<Option<Refused>, StorageError> {
    let mut wanted = BTreeMap::from([(Space::Blob, BTreeSet::new()), (Space::Manifest, BTreeSet::new())]);
    for (edge, _) in content_edges(manifest) {
        wanted.entry(edge.to.space).or_default().insert(edge.to.digest);
    }
    let mut found = BTreeMap::new();
    if let Some(repository) = repository {
        for (space, digests) in wanted {
            let digests: Vec<Digest> = digests.into_iter().collect();
            for digests in digests.chunks(TOGETHER) {
                for (digest, size) in sizes(connection, repository, space, digests).await? {
                    found.insert((space, digest), size);
                }
            }
        }
    }
    let mut missing = Vec::new();
    for (edge, descriptor) in content_edges(manifest) {
        match found.get(&(edge.to.space, edge.to.digest)) {
            Some(size) if *size == descriptor.size => {}
            Some(found) => {
                return Ok(Some(Refused::Size { digest: descriptor.digest, stated: descriptor.size, found: *found }));
            }
            None if descriptor.media_type.is_non_distributable() => {}
            None => missing.push(descriptor.digest),
        }
    }
    let mut named = BTreeSet::new();
    missing.retain(|digest| named.insert(*digest));
    Ok((!missing.is_empty()).then_some(Refused::Missing(missing)))
}

/// Returns the sizes of what the repository has of these digests, of which there is at least one.
async fn sizes(
    connection: &mut Connection<'_>,
    repository: i64,
    space: Space,
    digests: &[Digest],
) -> Result<Vec<(Digest, u64)>, StorageError> {
    let (from, size, table) = match space {
        Space::Blob => ("blob", "blob.size", "repository_blob"),
        Space::Manifest => ("content", "here.size", "manifest"),
    };
    let places: Vec<String> = (0..digests.len()).map(|number| format!("${}", number + 2)).collect();
    let places = places.join(", ");
    let sql = format!(
        "SELECT here.digest, {size} FROM {table} AS here JOIN {from} ON {from}.digest = here.digest WHERE here.repository = $1 AND {from}.bad_since IS NULL AND here.digest IN ({places})"
    );
    let values: Vec<Value<'_>> = std::iter::once(repository.into()).chain(digests.iter().map(Value::from)).collect();
    let rows = connection.rows_made(sql, &values).await?;
    rows.iter().map(|row| Ok((row.digest(0)?, row.size(1)?))).collect()
}
