//! Paths, digests and parameters that are meant to lead elsewhere.

use oci::{Algorithm, Digest};
use registry::{Clock, Keeping, Storage};
use tempfile::TempDir;

use crate::backends::{Backend, on_every_backend};
use crate::server::{MANIFEST, Server, image};

/// What somebody may try where a name stands.
const TRICKS: &[&str] = &[
    "..",
    ".",
    "...",
    "%2e%2e",
    "%2E%2E",
    "..%2f..",
    "%252e%252e",
    "a%2fb",
    "a%2F..%2Fb",
    "a%00",
    "%00",
    "a%0a",
    "a%5cb",
    "..%5c..",
    "%c0%ae%c0%ae",
    "%ef%bc%8e%ef%bc%8e",
    "%",
    "%2",
    "%zz",
    "~",
    "a;b",
    "a%20b",
    "A",
    "-a",
    "a-",
    "a__b_",
    "etc%2fpasswd",
];

#[tokio::test]
async fn no_name_leads_out_of_the_directory_or_into_another_repository() {
    let directory = TempDir::new().unwrap();
    let root = directory.path().join("registry");
    let storage = Storage::open(&root, Clock::system(), Keeping::default()).await.unwrap();
    std::fs::write(directory.path().join("secret"), "secret").unwrap();
    let server = Server::over(storage, registry::RegistryOptions::default());
    let blob = server.put_blob("a/b", b"content").await;
    let long = "a".repeat(60_000);
    for trick in TRICKS.iter().copied().chain([&*long, &*"../".repeat(100), &*"a/".repeat(200)]) {
        for path in [
            format!("/v2/{trick}/blobs/{blob}"),
            format!("/v2/x/{trick}/blobs/{blob}"),
            format!("/v2/{trick}/x/manifests/v1"),
            format!("/v2/x/manifests/{trick}"),
            format!("/v2/x/blobs/{trick}"),
            format!("/v2/x/blobs/sha256:{trick}"),
            format!("/v2/x/blobs/uploads/{trick}"),
            format!("/v2/x/referrers/{trick}"),
            format!("/v2/x/_oci/tag-history/{trick}"),
            format!("/v2/x/_supercargo/tags/{trick}?at=2026-01-01T00:00:00Z"),
            format!("/v2/x/_supercargo/holds/{trick}"),
            format!("/v2/{trick}/tags/list"),
        ] {
            for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "POST"] {
                let reply = server.call(method, &path).body("{}").send().await;
                let status = reply.status.as_u16();
                assert!(matches!(status, 202 | 400 | 404 | 405 | 410), "{method} {path:.200}: {reply:?}");
                assert!(status != 202 || method == "POST" && path.ends_with("/uploads/."), "{method} {path:.200}");
                assert!(!reply.body.windows(6).any(|bytes| bytes == b"secret"), "{path}");
            }
        }
    }
    assert_eq!(std::fs::read_to_string(directory.path().join("secret")).unwrap(), "secret");
    let names: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

async fn a_digest_is_of_its_algorithm_and_of_no_other(backend: Backend) {
    let server = backend.server().await;
    let content = b"the same bytes";
    let sha256 = Digest::sha256(content);
    let sha512 = Algorithm::Sha512.digest(content);
    let blake3 = Algorithm::Blake3.digest(content);
    server.put_blob("app", content).await;
    for other in [sha512, blake3] {
        server.head(&format!("/v2/app/blobs/{other}")).await.expect(404);
    }
    // What has the length of the one and the name of the other.
    let swapped = blake3.to_string().replacen("blake3", "sha256", 1);
    server.head(&format!("/v2/app/blobs/{swapped}")).await.expect(404);
    let call = server.call("POST", &format!("/v2/app/blobs/uploads/?digest={swapped}")).body(content.to_vec());
    call.send().await.expect_error(400, "DIGEST_INVALID");
    for wrong in [
        sha256.to_string().to_uppercase(),
        sha256.to_string().replacen("sha256", "SHA256", 1),
        format!("sha256:{}", sha256.encoded().to_uppercase()),
        format!("sha256:{}", sha512.encoded()),
        format!("sha512:{}", sha256.encoded()),
        format!("{sha256}0"),
        sha256.to_string()[..70].to_owned(),
        format!("sha256:{}", "g".repeat(64)),
        format!("md5:{}", "0".repeat(32)),
        format!("sha256%3A%3A{}", sha256.encoded()),
        format!("sha256+b64:{}", sha256.encoded()),
        sha256.encoded(),
    ] {
        for path in [format!("/v2/app/blobs/{wrong}"), format!("/v2/app/referrers/{wrong}")] {
            server.get(&path).await.expect_error(400, "DIGEST_INVALID");
        }
        for query in [format!("digest={wrong}"), format!("mount={wrong}&from=app")] {
            let reply = server.post(&format!("/v2/other/blobs/uploads/?{query}")).await;
            reply.expect_error(400, "DIGEST_INVALID");
        }
    }
    server.head(&format!("/v2/app/blobs/{sha256}")).await.expect(200);
}

async fn a_manifest_is_under_the_digest_by_which_it_came(backend: Backend) {
    let server = backend.server().await;
    server.put_blob("app", b"{}").await;
    let document = image(&[], None, "").to_string();
    let (sha256, sha512) = (Digest::sha256(document.as_bytes()), Algorithm::Sha512.digest(document.as_bytes()));
    let put = |name: Digest| {
        let call = server.call("PUT", &format!("/v2/app/manifests/{name}")).header("content-type", MANIFEST);
        call.body(document.clone()).send()
    };
    put(sha512).await.expect(201);
    server.get(&format!("/v2/app/manifests/{sha256}")).await.expect(404);
    put(sha256).await.expect(201);
    server.delete(&format!("/v2/app/manifests/{sha512}")).await.expect(202);
    server.get(&format!("/v2/app/manifests/{sha256}")).await.expect(200);
    put(Digest::sha256(b"other")).await.expect_error(400, "DIGEST_INVALID");
}

async fn what_a_page_is_asked_for_is_bounded_and_never_breaks_it(backend: Backend) {
    let server = backend.server().await;
    let digest = server.put_image("app", "v1", "").await;
    for n in ["9223372036854775808", "18446744073709551615", "18446744073709551616", &"9".repeat(1000)] {
        let reply = server.get(&format!("/v2/app/tags/list?n={n}")).await.expect(200);
        assert_eq!(reply.json()["tags"], serde_json::json!(["v1"]));
        for path in ["_supercargo/holds?", "_oci/tag-history/v1?", "_supercargo/tags?at=2999-01-01T00:00:00Z&"] {
            server.get(&format!("/v2/app/{path}n={n}")).await.expect(200);
        }
    }
    for n in ["-1", "+1", "1.5", "0x1", "", "%00", "1%00", "NaN", "%EF%BC%91"] {
        server.get(&format!("/v2/app/tags/list?n={n}")).await.expect_error(400, "UNSUPPORTED");
    }
    for last in ["%00", "a%00b", "%F4%8F%BF%BF", "%7F", "'%20OR%20'1'='1", "%25", "v1%0a", &"z".repeat(60_000)] {
        for path in ["tags/list?", "_supercargo/tags?at=2999-01-01T00:00:00Z&"] {
            server.get(&format!("/v2/app/{path}last={last}")).await.expect(200);
        }
        for path in [format!("referrers/{digest}?"), "_supercargo/holds?".to_owned()] {
            server.get(&format!("/v2/app/{path}last={last}")).await.expect_error(400, "DIGEST_INVALID");
        }
        server.get(&format!("/v2/app/referrers/{digest}?artifactType={last}")).await.expect(200);
        let reply = server.get(&format!("/v2/app/_supercargo/tags/v1?at={last}")).await;
        reply.expect_error(400, "UNSUPPORTED");
    }
    for last in ["%ff", "%c0%80", "%ed%a0%80"] {
        server.get(&format!("/v2/app/tags/list?last={last}")).await.expect_error(400, "UNSUPPORTED");
    }
    for at in ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00%2B23:59"] {
        let status = server.get(&format!("/v2/app/_supercargo/tags?at={at}")).await.status.as_u16();
        assert!(matches!(status, 200 | 400), "{at}: {status}");
        server.get(&format!("/v2/app/_oci/tag-history/v1?before={at}")).await;
    }
    for number in ["0", "-1", "4294967296", "9223372036854775808"] {
        let reply = server.call("PUT", &format!("/v2/app/_supercargo/tags/v1?number={number}")).send().await;
        reply.expect_error(400, "UNSUPPORTED");
    }
}

async fn tags_in_a_query_are_counted(backend: Backend) {
    let server = backend.server().await;
    server.put_blob("app", b"{}").await;
    let document = image(&[], None, "").to_string();
    let digest = Digest::sha256(document.as_bytes());
    let put = |query: String| {
        let call = server.call("PUT", &format!("/v2/app/manifests/{digest}?{query}")).header("content-type", MANIFEST);
        call.body(document.clone()).send()
    };
    // As many as a request line of 64 KiB can hold.
    put("tag=a&".repeat(10_000)).await.expect_error(414, "UNSUPPORTED");
    put("tag=a&".repeat(101)).await.expect_error(414, "MANIFEST_INVALID");
    put("tag=..%2Fv1".to_owned()).await.expect_error(400, "MANIFEST_INVALID");
    assert_eq!(server.get("/v2/app/tags/list").await.json()["tags"], serde_json::json!([]));
    put("tag=a&".repeat(100)).await.expect(201);
    assert_eq!(server.get("/v2/app/tags/list").await.json()["tags"], serde_json::json!(["a"]));
}

async fn what_was_deleted_is_not_found_through_another_repository(backend: Backend) {
    let server = backend.server().await;
    let blob = server.put_blob("first", b"content").await;
    server.put_blob("second", b"content").await;
    server.head(&format!("/v2/first/blobs/{blob}")).await.expect(200);
    server.delete(&format!("/v2/first/blobs/{blob}")).await.expect(202);
    for _ in 0..3 {
        server.head(&format!("/v2/second/blobs/{blob}")).await.expect(200);
        server.get(&format!("/v2/second/blobs/{blob}")).await.expect(200);
        server.head(&format!("/v2/first/blobs/{blob}")).await.expect(404);
        server.get(&format!("/v2/first/blobs/{blob}")).await.expect(404);
        // A mount from where it is no longer is an upload.
        server.post(&format!("/v2/third/blobs/uploads/?mount={blob}&from=first")).await.expect(202);
        server.head(&format!("/v2/third/blobs/{blob}")).await.expect(404);
    }
}

on_every_backend!(
    a_digest_is_of_its_algorithm_and_of_no_other,
    a_manifest_is_under_the_digest_by_which_it_came,
    what_a_page_is_asked_for_is_bounded_and_never_breaks_it,
    tags_in_a_query_are_counted,
    what_was_deleted_is_not_found_through_another_repository,
);
