//! What lies there and nothing names.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::Reindexed;
use super::walk::BLOBS;
use crate::storage::Storage;
use crate::storage::database::{Connection, Operation, StorageError, Value};
use crate::storage::journal::MANIFESTS;

/// Places that are listed, and looked up, at once.
const LISTED: usize = 256;

impl Storage {
    /// Names what nothing names.
    pub(super) async fn find_orphans(&self, report: &mut Reindexed) -> Result<(), StorageError> {
        for directory in [BLOBS, MANIFESTS] {
            let mut after = String::new();
            loop {
                let listed = self.blobs().list(directory, &after, LISTED).await?;
                let Some(last) = listed.last() else { break };
                after = last.place.clone();
                let places = listed.iter().map(|listed| listed.place.clone()).collect();
                let used = self.metadata().read(Used { places }).await?;
                for orphan in listed.into_iter().filter(|listed| !used.contains(&listed.place)) {
                    report.orphans.add(orphan);
                }
            }
        }
        Ok(())
    }
}

/// Asks which of some places are used. There is at least one.
struct Used {
    places: Vec<String>,
}

#[async_trait]
impl Operation for Used {
    type Outcome = BTreeSet<String>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let numbers: Vec<String> = (1..=self.places.len()).map(|number| format!("${number}")).collect();
        let numbers = numbers.join(", ");
        let sql = format!(
            "SELECT place FROM blob WHERE place IN ({numbers}) \
             UNION SELECT place FROM content WHERE place IN ({numbers})"
        );
        let values: Vec<Value<'_>> = self.places.iter().map(|place| place.as_str().into()).collect();
        let rows = connection.rows_made(sql, &values).await?;
        rows.iter().map(|row| row.text(0)).collect()
    }
}
