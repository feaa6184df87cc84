//! Stores that fail: the caller is told so, and the operator is told why.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use oci::{Digest, RepositoryName, Tag};
use registry::{FailureHook, RegistryOptions, Repositories};
use serde_json::json;
use store::{MemoryStore, Store, StoreError};
use testkit::faulty::{Fault, FaultyStore};

use crate::server::{INDEX, MANIFEST, Server, image, index};

/// Every repository is this store.
#[derive(Debug)]
struct One(Arc<dyn Store>);

#[async_trait]
impl Repositories for One {
    async fn open(&self, _name: &RepositoryName, _create: bool) -> Result<Option<Arc<dyn Store>>, StoreError> {
        Ok(Some(Arc::clone(&self.0)))
    }

    async fn names(&self) -> Result<Vec<RepositoryName>, StoreError> {
        Ok(Vec::new())
    }
}

fn server(faults: impl IntoIterator<Item = Fault>, options: RegistryOptions) -> Server {
    let store = FaultyStore::new(Arc::new(MemoryStore::new("the store")), faults);
    Server::over(Arc::new(One(Arc::new(store))), options)
}

#[tokio::test]
async fn a_failure_is_500_and_says_nothing_of_the_inside() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hook = FailureHook::new({
        let heard = Arc::clone(&heard);
        move |failure| heard.lock().unwrap().push(failure.to_string())
    });
    let subject = Digest::sha256(b"subject");
    let options = RegistryOptions { on_failure: Some(hook), ..RegistryOptions::default() };
    let server = server([Fault::FailReferrers(subject)], options);
    let reply = server.get(&format!("/v2/app/referrers/{subject}")).await.expect_error(500, "UNKNOWN");
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(reply.json(), json!({ "errors": [{ "code": "UNKNOWN", "message": "the server failed" }] }));
    assert!(heard[0].contains("the store"), "{heard:?}");
}

#[tokio::test]
async fn a_store_without_lists_of_referrers_is_served_by_its_fallback_tags() {
    let options = RegistryOptions { sparse: true, ..RegistryOptions::default() };
    let server = server([Fault::NoReferrers], options);
    let subject = server.put_image("app", "v1", "").await;
    let document = image(&[], Some(&subject), "artifact");
    let reply = server.put_manifest("app", "artifact", MANIFEST, &document).await.expect(201);
    assert!(!reply.headers.contains_key("oci-subject"), "the client has to keep the list");
    let artifact = crate::server::digest(&document);
    let stranger = server.put_image("app", "v2", "stranger").await;
    let list =
        async || server.get(&format!("/v2/app/referrers/{subject}")).await.expect(200).json()["manifests"].clone();
    assert_eq!(list().await, json!([]));

    let entry = |digest: &Digest| json!({ "mediaType": MANIFEST, "digest": digest, "size": 7 });
    let fallback = index(&[entry(&artifact), entry(&stranger), entry(&Digest::sha256(b"absent"))]);
    server.put_manifest("app", Tag::referrers_fallback(&subject).as_str(), INDEX, &fallback).await.expect(201);
    assert_eq!(
        list().await,
        json!([{
            "mediaType": MANIFEST,
            "digest": artifact,
            "size": document.to_string().len(),
            "artifactType": "application/vnd.oci.image.config.v1+json",
            "annotations": { "text": "artifact" },
        }])
    );
}

#[tokio::test]
async fn what_goes_while_it_is_asked_for_is_not_found() {
    let lost = Digest::sha256(b"lost");
    let server = server([Fault::LoseBlob(lost), Fault::LoseManifest(lost)], RegistryOptions::default());
    server.put_blob("app", b"lost").await;
    server.get(&format!("/v2/app/blobs/{lost}")).await.expect_error(404, "BLOB_UNKNOWN");
    server.get(&format!("/v2/app/manifests/{lost}")).await.expect_error(404, "MANIFEST_UNKNOWN");
}
