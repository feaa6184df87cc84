//! What one run learns of a list of tags helps the next one.

use std::path::Path;
use std::sync::Mutex;

use store::MemoryStore;

use super::*;
use crate::observations::Clock;

/// A store that gives cursors, and remembers which it was given.
#[derive(Debug)]
struct Paged {
    store: MemoryStore,
    given: Arc<Mutex<Vec<Vec<Tag>>>>,
    cursors: Vec<Tag>,
}

#[async_trait]
impl Store for Paged {
    fn location(&self) -> &str {
        self.store.location()
    }

    fn identity(&self) -> Identity {
        self.store.identity()
    }

    fn concurrency(&self) -> usize {
        self.store.concurrency()
    }

    async fn resolve(&self, tag: &Tag) -> Result<Option<Descriptor>, StoreError> {
        self.store.resolve(tag).await
    }

    async fn stat_manifest(&self, digest: &Digest) -> Result<Option<Descriptor>, StoreError> {
        self.store.stat_manifest(digest).await
    }

    async fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, StoreError> {
        self.store.manifest(digest).await
    }

    async fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        self.store.tags().await
    }

    async fn tags_from(&self, cursors: &[Tag]) -> Result<TagList, StoreError> {
        self.given.lock().unwrap().push(cursors.to_vec());
        Ok(TagList { tags: tags(&["1", "2", "3"]), cursors: self.cursors.clone() })
    }

    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers, StoreError> {
        self.store.referrers(subject, artifact_type).await
    }

    async fn stat_blob(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        self.store.stat_blob(digest).await
    }

    async fn open_blob(&self, descriptor: &Descriptor, offset: u64) -> Result<Option<BlobBody>, StoreError> {
        self.store.open_blob(descriptor, offset).await
    }
}

fn tags(names: &[&str]) -> Vec<Tag> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// Lists the tags twice in a run, where the store gives `cursors`. Returns what it was given.
async fn run(directory: &Path, clock: Clock, cursors: &[&str]) -> Vec<Vec<Tag>> {
    let observer = Arc::new(Observer::new(Some(directory.to_owned()), clock));
    let given = Arc::default();
    let paged = Paged { store: MemoryStore::new("memory"), given: Arc::clone(&given), cursors: tags(cursors) };
    let watched = Watched::new(paged, "registry.example/app:1".parse().unwrap(), Arc::clone(&observer));
    for _ in 0..2 {
        assert_eq!(watched.tags().await.unwrap(), tags(&["1", "2", "3"]));
    }
    assert_eq!(observer.keep(), [""; 0]);
    std::mem::take(&mut *given.lock().unwrap())
}

#[tokio::test]
async fn a_list_is_asked_for_from_where_the_last_one_had_its_cursors() {
    let directory = tempfile::tempdir().unwrap();
    let clock = || Clock::new(|| Timestamp::from_seconds(1_750_000_000));
    // Without the time nothing is written down.
    assert_eq!(run(directory.path(), Clock::default(), &["2"]).await, [[], []]);
    assert_eq!(run(directory.path(), clock(), &["2"]).await, [tags(&[]), tags(&["2"])]);
    assert_eq!(run(directory.path(), clock(), &["3", "1"]).await, [tags(&["2"]), tags(&["3", "1"])]);
    assert_eq!(run(directory.path(), clock(), &[]).await, [tags(&["3", "1"]), tags(&[])]);
    assert_eq!(run(directory.path(), clock(), &[]).await, [[], []]);
}
