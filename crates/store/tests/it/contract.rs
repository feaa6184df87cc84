//! The contract that every store keeps.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use store::{ArchiveStore, ContentStore, LayoutStore, MemoryStore, Store};
use testkit::contract::{ContractProfile, store_contract};

use crate::reopened::Reopened;

/// Makes stores each at a place of its own in a directory.
async fn check(make: impl Fn(std::path::PathBuf) -> Arc<dyn Store>, profile: ContractProfile) {
    let directory = tempfile::tempdir().unwrap();
    let count = AtomicUsize::new(0);
    let next = async || make(directory.path().join(format!("{}", count.fetch_add(1, Ordering::Relaxed))));
    store_contract(next, profile).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory() {
    check(|_| Arc::new(MemoryStore::new("memory")), ContractProfile::FULL).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn layout() {
    check(|path| Arc::new(LayoutStore::open_or_create(path).unwrap()), ContractProfile::FULL).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn layout_that_is_opened_each_time() {
    let make = |path| -> Arc<dyn Store> {
        Arc::new(Reopened::new(path, |path| Box::new(LayoutStore::open_or_create(path).unwrap())))
    };
    check(make, ContractProfile::FULL).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn layout_that_lists_roots_only() {
    let make = |path| -> Arc<dyn Store> { Arc::new(LayoutStore::open_or_create(path).unwrap().listing_roots_only()) };
    check(make, ContractProfile::FULL).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn archive() {
    check(|path| Arc::new(ArchiveStore::create(path.with_extension("tar")).unwrap()), ContractProfile::FULL).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn name_in_the_content_store() {
    let make =
        |path| -> Arc<dyn Store> { Arc::new(ContentStore::open(path).unwrap().name("some/name".parse().unwrap())) };
    check(make, ContractProfile::FULL).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn name_in_a_content_store_that_is_opened_each_time() {
    let make = |path| -> Arc<dyn Store> {
        let open = |path: &Path| -> Box<dyn Store> {
            Box::new(ContentStore::open(path).unwrap().name("some/name".parse().unwrap()))
        };
        Arc::new(Reopened::new(path, open))
    };
    check(make, ContractProfile::FULL).await;
}
