//! Which tags go by themselves.

use registry::{Clock, Storage, StorageError, TagVerdict};

use super::prepare::Prepared;
use super::server::inspect_blobs;
use crate::error::OpsError;

/// What the rules of a registry say of its tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JudgedTags {
    /// The tags that rules take away, those among them that stay all the same.
    pub tags: Vec<TagVerdict>,
    /// Since when pulls are counted, in milliseconds since 1970; `None` when nobody counts them.
    pub pulls_since: Option<i64>,
}

/// Returns what the rules of the configuration say of the tags of its registry. Nothing is changed, and the registry may be serving
/// meanwhile.
///
/// # Errors
/// As [`super::audit`].
pub async fn judge_tags(prepared: &Prepared) -> Result<JudgedTags, OpsError> {
    let configuration = &prepared.configuration;
    let keeping = configuration.collect.keeping;
    let options = &configuration.options;
    let blobs = inspect_blobs(prepared)?;
    let judge = async |storage: Storage| {
        let mut tags = Vec::new();
        let judged = storage.judge_tags(&options.retention, &options.immutable, |verdict| tags.push(verdict));
        let pulls_since = judged.await?;
        Ok::<_, StorageError>(JudgedTags { tags, pulls_since })
    };
    if let Some(url) = &prepared.postgres {
        let judged = async { judge(Storage::inspect_postgres(url, blobs, keeping).await?).await };
        let place = configuration.database_url().unwrap_or_default();
        return judged.await.map_err(|source| OpsError::Place { place, source });
    }
    let root = configuration.root.clone().unwrap_or_default();
    let judged = async { judge(Storage::inspect(&root, blobs, Clock::system(), keeping).await?).await };
    judged.await.map_err(|source| OpsError::Inspect { root: root.clone(), source })
}
