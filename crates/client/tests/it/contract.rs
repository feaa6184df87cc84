//! The contract of every store, kept with registries that others have written.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use client::{Client, ClientOptions, UploadMode};
use store::{Meter, Store as _};
use testkit::contract::{ContractProfile, store_contract};
use testkit::peers::PeerRegistry;
use testkit::source::{Kind, TestSource};

use crate::stored::{LARGE, content, describe};

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
async fn every_way_to_upload() {
    let content = content(LARGE);
    for peer in PeerRegistry::ALL {
        let Some(running) = peer.start() else { continue };
        let modes = [
            UploadMode::Auto,
            UploadMode::SinglePost,
            UploadMode::PostPut,
            UploadMode::Chunked { size: 2_000_000 },
            UploadMode::Streamed,
        ];
        for upload in modes {
            let client = Client::new(ClientOptions { upload, ..ClientOptions::default() });
            for (number, kind) in Kind::ALL.into_iter().enumerate() {
                // A repository of its own, so that nothing is there before.
                let name = format!("{upload:?}/number-{number}").to_lowercase().replace([' ', ':', '{', '}'], "");
                let repository = client.repository(&running.host(), &name.parse().unwrap());
                for length in [0, 1000, 100_000, LARGE] {
                    let content = content.slice(..length);
                    let source = TestSource::new(kind, content.clone());
                    repository.put_blob(&describe(&content), &source, &Meter::default()).await.unwrap();
                    let body = repository.open_blob(&describe(&content), 0).await.unwrap().unwrap();
                    assert!(body.into_bytes(&describe(&content), "here", LARGE).await.unwrap() == content);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_distribution() {
    keeps_the_contract(PeerRegistry::Distribution, DISTRIBUTION).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_docker_registry() {
    keeps_the_contract(PeerRegistry::DockerRegistry, ContractProfile { deletes_tags: false, ..DISTRIBUTION }).await;
}

/// It leaves tags on manifests that have been removed, and knows no algorithm but sha256. Of what is not there it says that it
/// is not there, which says nothing about lists of referrers.
const OCIREGISTRY: ContractProfile = ContractProfile {
    sha512_blobs: false,
    sha512_manifests: false,
    blake3: false,
    without: &[
        "a_removed_manifest_is_gone_with_its_tags",
        "nothing_refers_to_what_is_not_there",
        "what_was_removed_can_be_put_again",
    ],
    ..ContractProfile::FULL
};

#[tokio::test(flavor = "multi_thread")]
async fn with_ociregistry() {
    keeps_the_contract(PeerRegistry::Ociregistry, OCIREGISTRY).await;
}

/// As above. Besides, it shows each blob in every repository, fails to say that a blob it was to remove is not there, does not
/// say for what it lists a manifest, and lists manifests under the type of their configuration.
const LIAR: ContractProfile = ContractProfile {
    sha512_manifests: false,
    blake3: false,
    without: &[
        "a_descriptor_with_the_wrong_size_is_refused",
        "a_listed_referrer_carries_type_and_annotations",
        "a_referrer_is_listed_for_its_subject",
        "a_removed_blob_is_gone",
        "a_removed_manifest_is_gone_with_its_tags",
        "a_removed_referrer_is_listed_no_more",
        "an_index_may_refer",
        "nothing_refers_to_what_is_not_there",
        "referrers_are_filtered_by_type",
        "removing_what_is_not_there_says_so",
        "what_was_removed_can_be_put_again",
    ],
    ..ContractProfile::FULL
};

#[tokio::test(flavor = "multi_thread")]
async fn with_the_liar() {
    keeps_the_contract(PeerRegistry::Liar, LIAR).await;
}
