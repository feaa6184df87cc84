//! Blobs in a bucket.

use std::sync::Arc;

use oci::Digest;
use registry::{BlobStorage as _, Bucket, Clock, Keeping, RegistryOptions, Storage};

use crate::backends::{new_bucket, objects};
use crate::server::Server;

fn content(length: u32) -> Vec<u8> {
    (0..length).map(|i| i.to_le_bytes()[usize::try_from(i % 3).unwrap()]).collect()
}

#[tokio::test]
async fn a_large_blob_comes_in_parts_and_leaves_nothing_beside_it() {
    let Some((bucket, blobs)) = new_bucket() else { return };
    let storage = Storage::in_memory_with(Arc::new(blobs), Clock::system(), Keeping::default());
    let server = Server::over(storage, RegistryOptions::default());
    let whole = content(20 << 20);
    let upload = server.begin("app").await;
    for piece in whole.chunks(7_000_000) {
        server.call("PATCH", &upload).body(piece.to_vec()).send().await.expect(202);
    }
    // By an algorithm that was not known before, so that everything is read again.
    let digest = oci::Algorithm::Sha512.digest(&whole);
    server.call("PUT", &format!("{upload}?digest={digest}")).send().await.expect(201);
    let path = format!("/v2/app/blobs/{digest}");
    assert!(server.get(&path).await.expect(200).body == whole);
    let part = server.call("GET", &path).header("range", "bytes=8388600-8388620").send().await.expect(206);
    assert_eq!(part.body, whole[8_388_600..=8_388_620]);
    let kept = objects(&bucket);
    assert!(kept.len() == 1 && kept[0].starts_with("blobs/"), "{kept:?}");
}

#[tokio::test]
async fn what_is_cancelled_or_wrong_leaves_nothing() {
    let Some((bucket, blobs)) = new_bucket() else { return };
    let storage = Storage::in_memory_with(Arc::new(blobs), Clock::system(), Keeping::default());
    let server = Server::over(storage, RegistryOptions::default());
    for algorithm in [oci::Algorithm::Sha256, oci::Algorithm::Sha512] {
        for size in [100, 9 << 20] {
            let upload = server.begin("app").await;
            server.call("PATCH", &upload).body(content(size)).send().await.expect(202);
            server.delete(&upload).await.expect(204);
            let upload = server.begin("app").await;
            server.call("PATCH", &upload).body(content(size)).send().await.expect(202);
            let other = algorithm.digest(b"other");
            let refused = server.call("PUT", &format!("{upload}?digest={other}")).send().await;
            refused.expect_error(400, "DIGEST_INVALID");
        }
    }
    assert_eq!(objects(&bucket), [""; 0]);
}

#[tokio::test]
async fn a_service_that_is_away_is_503() {
    let bucket = Bucket {
        endpoint: Some("http://127.0.0.1:1".to_owned()),
        region: "us-east-1".to_owned(),
        name: "bucket".to_owned(),
        access_key: "key".to_owned(),
        secret_key: "s3cret".to_owned(),
        prefix: String::new(),
        path_style: true,
        session_token: None,
    };
    assert!(!format!("{bucket:?}").contains("s3cret"));
    let blobs = registry::BlobObjects::new(&bucket).unwrap();
    assert!(!format!("{blobs:?}").contains("s3cret"));
    let storage = Storage::in_memory_with(Arc::new(blobs), Clock::system(), Keeping::default());
    let server = Server::over(storage, RegistryOptions::default());
    let digest = Digest::sha256(b"content");
    let post = server.call("POST", &format!("/v2/app/blobs/uploads/?digest={digest}")).body("content");
    post.send().await.expect_error(503, "UNKNOWN");
    server.head(&format!("/v2/app/blobs/{digest}")).await.expect(404);
}

#[tokio::test]
async fn what_a_killed_node_put_without_saying_so_goes_with_its_upload() {
    let Some((bucket, blobs)) = new_bucket() else { return };
    let storage = Storage::in_memory_with(Arc::new(blobs.clone()), Clock::system(), Keeping::default());
    let options = RegistryOptions { upload_lifetime: std::time::Duration::ZERO, ..RegistryOptions::default() };
    let server = Server::over(storage, options);
    for cancels in [true, false] {
        let (upload, other) = (server.begin("app").await, server.begin("app").await);
        for upload in [&upload, &other] {
            server.call("PATCH", upload).body("content").send().await.expect(202);
            // As a node does that ends before it has noted it.
            let id = upload.rsplit('/').next().unwrap();
            let mut writer = blobs.begin(id).await.unwrap();
            writer.write(0, "more content".into()).await.unwrap();
            writer.suspend(12).await.unwrap();
        }
        assert_eq!(objects(&bucket).len(), 4);
        if cancels {
            server.delete(&upload).await.expect(204);
            assert_eq!(objects(&bucket).len(), 2);
        }
        server.0.expire_uploads().await;
        assert_eq!(objects(&bucket), [""; 0]);
    }
}
