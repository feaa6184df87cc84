//! Uploads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use oci::{Algorithm, Digest};
use registry::{BlobMemory, Clock, Keeping, RegistryOptions, Storage};

use crate::backends::{Backend, on_every_deployment};
use crate::server::{Reply, Server};

async fn patch(server: &Server, upload: &str, range: Option<&str>, content: &'static str) -> Reply {
    let call = server.call("PATCH", upload).body(content);
    match range {
        Some(range) => call.header("content-range", range).send().await,
        None => call.send().await,
    }
}

async fn close(server: &Server, upload: &str, content: &[u8], body: &'static str) -> Reply {
    server.call("PUT", &format!("{upload}?digest={}", Digest::sha256(content))).body(body).send().await
}

async fn assert_stored(server: &Server, content: &[u8]) {
    let path = format!("/v2/app/blobs/{}", Digest::sha256(content));
    assert_eq!(server.get(&path).await.expect(200).body, content);
}

async fn begins_with_a_place_and_nothing_received(backend: Backend) {
    let server = backend.server().await;
    let reply = server.post("/v2/app/blobs/uploads/").await.expect(202);
    let id = reply.header("docker-upload-uuid");
    reply.assert_headers(&[("location", &format!("/v2/app/blobs/uploads/{id}")), ("range", "0-0")]);
    assert_eq!(reply.body, "");
    // Nothing has been pushed, so there is no repository yet.
    server.get("/v2/app/tags/list").await.expect_error(404, "NAME_UNKNOWN");
}

async fn post_then_put(backend: Backend) {
    let server = backend.server().await;
    let upload = server.begin("app").await;
    let digest = Digest::sha256(b"content");
    let reply = close(&server, &upload, b"content", "content").await.expect(201);
    reply.assert_headers(&[
        ("location", &format!("/v2/app/blobs/{digest}")),
        ("docker-content-digest", &digest.to_string()),
    ]);
    assert_stored(&server, b"content").await;
    server.get(&upload).await.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    close(&server, &upload, b"content", "content").await.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
}

async fn a_single_post_with_wrong_content_leaves_nothing(backend: Backend) {
    let server = backend.server_with(RegistryOptions { uploads_max: 1, ..RegistryOptions::default() }).await;
    let digest = Digest::sha256(b"content");
    let path = format!("/v2/app/blobs/uploads/?digest={digest}");
    for body in ["other", "", "content and more"] {
        let reply = server.call("POST", &path).body(body).send().await.expect_error(400, "DIGEST_INVALID");
        assert_eq!(reply.json()["errors"][0]["detail"]["expected"], digest.to_string());
    }
    server.call("POST", &path).broken_body(&[b"con"]).send().await.expect_error(400, "SIZE_INVALID");
    server.post("/v2/app/blobs/uploads/?digest=sha256:12").await.expect_error(400, "DIGEST_INVALID");
    server.get(&format!("/v2/app/blobs/{digest}")).await.expect(404);
    // None of them still counts as an upload under way.
    server.call("POST", &path).body("content").send().await.expect(201);
}

async fn single_posts_can_be_switched_off(backend: Backend) {
    let server = backend.server_with(RegistryOptions { single_post: false, ..RegistryOptions::default() }).await;
    let digest = Digest::sha256(b"content");
    let reply = server.call("POST", &format!("/v2/app/blobs/uploads/?digest={digest}")).body("content").send().await;
    let upload = reply.expect(202).header("location").to_owned();
    server.get(&format!("/v2/app/blobs/{digest}")).await.expect(404);
    close(&server, &upload, b"content", "content").await.expect(201);
}

async fn chunks_in_order(backend: Backend) {
    let server = backend.server().await;
    let upload = server.begin("app").await;
    for (range, content, end) in [("0-2", "abc", "0-2"), ("3-3", "d", "0-3")] {
        let reply = patch(&server, &upload, Some(range), content).await.expect(202);
        reply.assert_headers(&[("location", &upload), ("range", end)]);
    }
    let status = server.get(&upload).await.expect(204);
    status.assert_headers(&[("location", &upload), ("range", "0-3")]);
    let digest = Digest::sha256(b"abcdef");
    let last = server.call("PUT", &format!("{upload}?digest={digest}")).header("content-range", "4-5").body("ef");
    last.send().await.expect(201);
    assert_stored(&server, b"abcdef").await;
}

async fn chunks_out_of_order_change_nothing(backend: Backend) {
    let server = backend.server().await;
    let upload = server.begin("app").await;
    patch(&server, &upload, Some("3-5"), "def").await.expect_error(416, "BLOB_UPLOAD_INVALID");
    patch(&server, &upload, Some("0-2"), "abc").await.expect(202);
    for range in ["0-2", "2-4", "4-6"] {
        let reply = patch(&server, &upload, Some(range), "xyz").await.expect_error(416, "BLOB_UPLOAD_INVALID");
        reply.assert_headers(&[("location", &upload), ("range", "0-2")]);
    }
    let digest = Digest::sha256(b"abcdef");
    let put =
        |range| server.call("PUT", &format!("{upload}?digest={digest}")).header("content-range", range).body("def");
    put("4-6").send().await.expect_error(416, "BLOB_UPLOAD_INVALID");
    assert_eq!(server.get(&upload).await.expect(204).header("range"), "0-2");
    put("3-5").send().await.expect(201);
    assert_stored(&server, b"abcdef").await;
}

async fn a_chunk_must_be_as_long_as_its_range(backend: Backend) {
    let server = backend.server().await;
    let upload = server.begin("app").await;
    patch(&server, &upload, Some("0-1"), "abc").await.expect_error(400, "SIZE_INVALID");
    let announced =
        server.call("PATCH", &upload).header("content-range", "0-9").header("content-length", "3").body("abc");
    announced.send().await.expect_error(400, "SIZE_INVALID");
    assert_eq!(server.get(&upload).await.expect(204).header("range"), "0-0");
    // What came of a chunk that was too short is there, and the client is told so.
    patch(&server, &upload, Some("0-9"), "abc").await.expect_error(400, "SIZE_INVALID");
    assert_eq!(server.get(&upload).await.expect(204).header("range"), "0-2");
    for range in ["bytes 0-2/3", "2-1", "x", "-", "0-18446744073709551615"] {
        patch(&server, &upload, Some(range), "abc").await.expect_error(400, "BLOB_UPLOAD_INVALID");
    }
}

async fn a_chunk_at_the_end_of_all_numbers_is_refused(backend: Backend) {
    let server = backend.server().await;
    let upload = server.begin("app").await;
    let far = "18446744073709551613-18446744073709551614";
    patch(&server, &upload, Some(far), "ab").await.expect_error(416, "BLOB_UPLOAD_INVALID");
    patch(&server, &upload, Some("0-18446744073709551614"), "ab").await.expect_error(400, "SIZE_INVALID");
}

async fn streams_of_any_length(backend: Backend) {
    let server = backend.server().await;
    let upload = server.begin("app").await;
    // More than the two pieces that are in memory at once, in chunks that do not divide them.
    let content: Vec<u8> = (0..1_500_000u32).map(|i| i.to_le_bytes()[usize::from(i % 7 == 0)]).collect();
    let pieces: Vec<_> = content.chunks(60_001).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
    let stream = Body::from_stream(futures_util::stream::iter(pieces));
    let reply = server.call("PATCH", &upload).body(stream).send().await.expect(202);
    assert_eq!(reply.header("range"), "0-1499999");
    patch(&server, &upload, None, "tail").await.expect(202);
    let whole = [content, b"tail".to_vec()].concat();
    close(&server, &upload, &whole, "").await.expect(201);
    assert_stored(&server, &whole).await;
}

async fn what_came_before_a_connection_broke_is_kept(backend: Backend) {
    let server = backend.server().await;
    let upload = server.begin("app").await;
    server.call("PATCH", &upload).broken_body(&[b"ab", b"cd"]).send().await.expect_error(400, "SIZE_INVALID");
    assert_eq!(server.get(&upload).await.expect(204).header("range"), "0-3");
    patch(&server, &upload, Some("4-5"), "ef").await.expect(202);
    close(&server, &upload, b"abcdef", "").await.expect(201);
    assert_stored(&server, b"abcdef").await;
}

async fn algorithms_are_known_before_or_after(backend: Backend) {
    let server = backend.server().await;
    for algorithm in Algorithm::ALL {
        let digest = algorithm.digest(b"content");
        for announced in [format!("?digest-algorithm={algorithm}"), String::new()] {
            let reply = server.post(&format!("/v2/app/blobs/uploads/{announced}")).await.expect(202);
            let upload = reply.header("location").to_owned();
            patch(&server, &upload, None, "cont").await.expect(202);
            server.call("PUT", &format!("{upload}?digest={digest}")).body("ent").send().await.expect(201);
            assert_eq!(server.get(&format!("/v2/app/blobs/{digest}")).await.expect(200).body, "content");
            server.delete(&format!("/v2/app/blobs/{digest}")).await.expect(202);
        }
        let wrong = server.begin("app").await;
        patch(&server, &wrong, None, "other").await.expect(202);
        let reply = server.call("PUT", &format!("{wrong}?digest={digest}")).send().await;
        reply.expect_error(400, "DIGEST_INVALID");
    }
    server.post("/v2/app/blobs/uploads/?digest-algorithm=md5").await.expect_error(400, "DIGEST_INVALID");
}

async fn a_wrong_digest_ends_the_upload(backend: Backend) {
    let server = backend.server().await;
    let upload = server.begin("app").await;
    server.call("PUT", &upload).body("content").send().await.expect_error(400, "DIGEST_INVALID");
    server.call("PUT", &format!("{upload}?digest=sha256:1")).send().await.expect_error(400, "DIGEST_INVALID");
    assert_eq!(server.get(&upload).await.expect(204).header("range"), "0-0", "nothing was read yet");
    close(&server, &upload, b"content", "other").await.expect_error(400, "DIGEST_INVALID");
    server.get(&upload).await.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    server.get(&format!("/v2/app/blobs/{}", Digest::sha256(b"other"))).await.expect(404);
}

async fn cancel(backend: Backend) {
    let server = backend.server().await;
    let upload = server.begin("app").await;
    patch(&server, &upload, None, "content").await.expect(202);
    assert_eq!(server.delete(&upload).await.expect(204).body, "");
    server.get(&upload).await.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    patch(&server, &upload, None, "more").await.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    close(&server, &upload, b"content", "").await.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    server.delete(&upload).await.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
}

async fn an_upload_belongs_to_its_repository(backend: Backend) {
    let server = backend.server().await;
    let upload = server.begin("app").await;
    let elsewhere = upload.replace("/app/", "/other/");
    for method in ["GET", "PATCH", "PUT", "DELETE"] {
        server.call(method, &elsewhere).send().await.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    }
    server.get("/v2/app/blobs/uploads/not-an-id").await.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    server.get(&upload).await.expect(204);
}

async fn blobs_have_a_limit(backend: Backend) {
    let server = backend.server_with(RegistryOptions { blob_max_bytes: 4, ..RegistryOptions::default() }).await;
    let upload = server.begin("app").await;
    patch(&server, &upload, None, "12345").await.expect_error(413, "SIZE_INVALID");
    let announced = server.call("PATCH", &upload).header("content-length", "5").body("12345");
    announced.send().await.expect_error(413, "SIZE_INVALID");
    patch(&server, &upload, None, "123").await.expect(202);
    patch(&server, &upload, None, "45").await.expect_error(413, "SIZE_INVALID");
    patch(&server, &upload, None, "4").await.expect(202);
    close(&server, &upload, b"1234", "").await.expect(201);
}

async fn uploads_under_way_have_a_limit(backend: Backend) {
    let server = backend.server_with(RegistryOptions { uploads_max: 2, ..RegistryOptions::default() }).await;
    let first = server.begin("app").await;
    server.begin("app").await;
    let reply = server.post("/v2/app/blobs/uploads/").await.expect_error(429, "TOOMANYREQUESTS");
    assert!(reply.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    server.delete(&first).await.expect(204);
    server.begin("app").await;
}

#[tokio::test]
async fn abandoned_uploads_expire() {
    let lifetime = Duration::from_mins(10);
    let now = Arc::new(AtomicU64::new(0));
    let clock = Clock::new({
        let now = Arc::clone(&now);
        move || Duration::from_secs(now.load(Ordering::Relaxed))
    });
    let storage = Storage::in_memory_with(Arc::new(BlobMemory::default()), clock, Keeping::default());
    let many = 1100;
    let options = RegistryOptions { uploads_max: many + 2, uploads_max_each: many + 2, ..RegistryOptions::default() };
    let server = Server::over(storage, RegistryOptions { upload_lifetime: lifetime, ..options });
    // More than are looked at together.
    for _ in 0..many {
        server.begin("app").await;
    }
    let abandoned = server.begin("app").await;
    let used = server.begin("app").await;
    now.fetch_add(lifetime.as_secs() / 2, Ordering::Relaxed);
    server.get(&used).await.expect(204);
    now.fetch_add(lifetime.as_secs() / 2, Ordering::Relaxed);
    server.0.expire_uploads().await;
    server.get(&abandoned).await.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    server.get(&used).await.expect(204);
    for _ in 0..=many {
        server.begin("app").await;
    }
    server.post("/v2/app/blobs/uploads/").await.expect_error(429, "TOOMANYREQUESTS");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_brings_nothing_is_given_up() {
    let server = Server::default();
    let upload = server.begin("app").await;
    let silent = Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    server.call("PATCH", &upload).body(silent).send().await.expect_error(408, "SIZE_INVALID");
}

async fn two_requests_at_once_do_not_mix(backend: Backend) {
    let server = backend.server().await;
    let upload = server.begin("app").await;
    let one: Vec<u8> = vec![b'1'; 700_000];
    let two: Vec<u8> = vec![b'2'; 700_000];
    let range = "0-699999";
    let send =
        |content: &Vec<u8>| server.call("PATCH", &upload).header("content-range", range).body(content.clone()).send();
    let (first, second) = tokio::join!(send(&one), send(&two));
    // Whoever writes the first piece wins; the other is out of order from then on.
    let received = server.get(&upload).await.expect(204).header("range").to_owned();
    let winner = match (first.status.as_u16(), second.status.as_u16()) {
        (202, 416) => &one,
        (416, 202) => &two,
        other => panic!("{other:?}, {received}"),
    };
    assert_eq!(received, range);
    close(&server, &upload, winner, "").await.expect(201);
    assert_stored(&server, winner).await;
}

on_every_deployment! {
    begins_with_a_place_and_nothing_received,
    post_then_put,
    a_single_post_with_wrong_content_leaves_nothing,
    single_posts_can_be_switched_off,
    chunks_in_order,
    chunks_out_of_order_change_nothing,
    a_chunk_must_be_as_long_as_its_range,
    a_chunk_at_the_end_of_all_numbers_is_refused,
    streams_of_any_length,
    what_came_before_a_connection_broke_is_kept,
    algorithms_are_known_before_or_after,
    a_wrong_digest_ends_the_upload,
    cancel,
    an_upload_belongs_to_its_repository,
    blobs_have_a_limit,
    uploads_under_way_have_a_limit,
    two_requests_at_once_do_not_mix,
}
