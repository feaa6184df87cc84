//! What a registry stands on fails, for a while: nothing that was acknowledged is lost, nothing stays behind, and all is well after.

mod buckets;
mod clocks;
mod databases;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use oci::Digest;
use registry::{Audit, Registry, RegistryOptions, Storage};

use crate::server::{MANIFEST, Server, digest, image};

/// Ends what is under way, as time would, and returns what an audit says then.
async fn settled(storage: &Storage) -> Audit {
    let options = RegistryOptions { upload_lifetime: std::time::Duration::ZERO, ..RegistryOptions::default() };
    Registry::new(storage.clone(), options).expire_uploads().await;
    storage.collect().await.unwrap();
    storage.keep_journal().await.unwrap();
    // The place of a manifest that went while it was copied is given up only then.
    storage.collect().await.unwrap();
    let audit = storage.audit().await.unwrap();
    assert_eq!(audit.count(), 0, "{audit:?}");
    assert_eq!((audit.uploads, audit.given_up, audit.noted), (0, 0, 0), "{audit:?}");
    audit
}

/// Pushes an image, and returns whether it was acknowledged. What was not has to be an error of the server.
async fn push(server: &Server, layer: &[u8], tag: &str) -> bool {
    for content in [layer, b"{}"] {
        let path = format!("/v2/app/blobs/uploads/?digest={}", Digest::sha256(content));
        let put = server.call("POST", &path).body(content.to_vec()).send().await;
        if put.status != 201 {
            assert!(put.status.is_server_error(), "{put:?}");
            let status = put.status.as_u16();
            put.expect_error(status, "UNKNOWN");
            return false;
        }
    }
    let put = server.put_manifest("app", tag, MANIFEST, &image(&[layer], None, tag)).await;
    assert!(put.status == 201 || put.status.is_server_error(), "{put:?}");
    put.status == 201
}

/// Pulls an image that was acknowledged.
async fn pull(server: &Server, layer: &[u8], tag: &str) {
    let reply = server.get(&format!("/v2/app/manifests/{tag}")).await.expect(200);
    assert_eq!(reply.header("docker-content-digest"), digest(&image(&[layer], None, tag)).to_string());
    let reply = server.get(&format!("/v2/app/blobs/{}", Digest::sha256(layer))).await.expect(200);
    assert!(reply.body == layer, "{tag}");
}

/// Reads a blob as far as it comes: its bytes, or nothing where the answer broke off or was an error of the server.
async fn read(registry: &Registry, content: &[u8]) -> Option<Vec<u8>> {
    let request = Request::get(format!("/v2/app/blobs/{}", Digest::sha256(content))).body(Body::empty()).unwrap();
    let response = registry.respond(request).await;
    let status = response.status();
    assert!(status == 200 || status.is_server_error(), "{status}");
    let body = response.into_body().collect().await;
    body.ok().filter(|_| status == 200).map(|body| body.to_bytes().to_vec())
}
