//! The contract of every store, kept with registries that others have written.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use client::{Client, ClientOptions};
use testkit::contract::{ContractProfile, store_contract};
use testkit::peers::PeerRegistry;

async fn keeps_the_contract(peer: PeerRegistry, profile: ContractProfile) {
    let Some(running) = peer.start() else { return };
    let client = Client::new(ClientOptions::default());
    let number = AtomicUsize::new(0);
    let make = async || {
        let name = format!("check/number-{}", number.fetch_add(1, Ordering::SeqCst));
        let store: Arc<dyn store::Store> = Arc::new(client.repository(&running.host(), &name.parse().unwrap()));
        store
    };
    store_contract(make, profile).await;
}

const DISTRIBUTION: ContractProfile =
    ContractProfile { referrers: false, sha512_manifests: false, blake3: false, ..ContractProfile::FULL };

#[tokio::test(flavor = "multi_thread")]
async fn with_distribution() {
    keeps_the_contract(PeerRegistry::Distribution, DISTRIBUTION).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_docker_registry() {
    keeps_the_contract(PeerRegistry::DockerRegistry, ContractProfile { deletes_tags: false, ..DISTRIBUTION }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_ociregistry() {
    keeps_the_contract(PeerRegistry::Ociregistry, ContractProfile { blake3: false, ..ContractProfile::FULL }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_liar() {
    keeps_the_contract(PeerRegistry::Liar, ContractProfile { blake3: false, ..ContractProfile::FULL }).await;
}
