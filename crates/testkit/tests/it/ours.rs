//! The contract of every store, kept by our client and our registry together, in each of the shapes that the registry can
//! take.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use client::{Client, ClientOptions};
use registry::{Clock, Keeping, Registry, RegistryOptions, RunningRegistry, Storage};
use store::Store;
use testkit::contract::{ContractProfile, store_contract};

async fn keeps_the_contract(storage: Storage, options: RegistryOptions, profile: ContractProfile) {
    let registry = Registry::new(storage, options);
    let running = RunningRegistry::start(([127, 0, 0, 1], 0).into(), registry).await.unwrap();
    let host: oci::Host = running.addr().to_string().parse().unwrap();
    let client = Client::new(ClientOptions::default());
    let number = AtomicUsize::new(0);
    let make = async || {
        let name = format!("check/number-{}", number.fetch_add(1, Ordering::SeqCst));
        Arc::new(client.repository(&host, &name.parse().unwrap())) as Arc<dyn Store>
    };
    store_contract(make, profile).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_memory() {
    keeps_the_contract(Storage::in_memory(), RegistryOptions::default(), ContractProfile::FULL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::open(directory.path(), Clock::system(), Keeping::default()).await.unwrap();
    keeps_the_contract(storage, RegistryOptions::default(), ContractProfile::FULL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_small_pages_and_with_long_uploads() {
    let options = RegistryOptions { single_post: false, tags_page: 7, referrers_page: 3, ..RegistryOptions::default() };
    keeps_the_contract(Storage::in_memory(), options, ContractProfile::FULL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_referrers_and_without_deletes() {
    let options = RegistryOptions { referrers: false, deletes: false, ..RegistryOptions::default() };
    let profile = ContractProfile { referrers: false, ..ContractProfile::APPEND_ONLY };
    keeps_the_contract(Storage::in_memory(), options, profile).await;
}
