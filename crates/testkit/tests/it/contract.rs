//! The contract holds for the store in memory, and notices stores that break it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use store::{MemoryStore, Store};
use testkit::contract::{ContractProfile, store_contract};
use testkit::faulty::{Fault, FaultyStore};

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new("memory"))
}

#[tokio::test]
async fn the_store_in_memory_keeps_the_contract() {
    store_contract(async || memory(), ContractProfile::FULL).await;
}

#[tokio::test]
async fn a_store_without_referrers_keeps_the_contract_that_leaves_them_out() {
    let make = async || Arc::new(FaultyStore::new(memory(), [Fault::NoReferrers])) as Arc<dyn Store>;
    store_contract(make, ContractProfile { referrers: false, ..ContractProfile::FULL }).await;
}

/// Returns the message with which the contract refuses a store with this fault.
async fn refusal(fault: Fault) -> String {
    let make = async || Arc::new(FaultyStore::new(memory(), [fault.clone()])) as Arc<dyn Store>;
    let outcome = AssertUnwindSafe(store_contract(make, ContractProfile::FULL)).catch_unwind().await;
    let panic = outcome.expect_err("the contract must notice");
    panic.downcast_ref::<String>().expect("a message").clone()
}

#[tokio::test]
async fn a_store_that_breaks_the_contract_is_told_which_check_failed() {
    let tag = "latest".parse().unwrap();
    let faults = [
        (Fault::TrustBlobs, "other_bytes_of_the_right_size_are_refused"),
        (Fault::IgnoreFilter, "referrers_are_filtered_by_type"),
        (Fault::NoReferrers, "a_referrer_is_listed_for_its_subject"),
        (Fault::ForgetTag(tag), "a_tag_moves"),
    ];
    for (fault, check) in faults {
        let refusal = refusal(fault.clone()).await;
        assert!(refusal.contains(check), "{fault:?} should fail {check}, but: {refusal}");
    }
}
