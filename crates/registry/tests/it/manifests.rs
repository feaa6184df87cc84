//! Manifests.

use axum::body::Body;
use oci::limits::MANIFEST_MAX_BYTES;
use oci::{Algorithm, Digest};
use registry::RegistryOptions;
use serde_json::json;

use crate::backends::{Backend, on_every_deployment};
use crate::server::{INDEX, MANIFEST, descriptor, digest, image, index};

async fn put_get_head_by_tag_and_digest(backend: Backend) {
    let server = backend.server().await;
    server.put_blob("app", b"{}").await;
    server.put_blob("app", b"layer").await;
    let document = image(&[b"layer"], None, "");
    let digest = digest(&document);
    let reply = server.put_manifest("app", "v1", MANIFEST, &document).await.expect(201);
    reply.assert_headers(&[
        ("location", &format!("/v2/app/manifests/{digest}")),
        ("docker-content-digest", &digest.to_string()),
    ]);
    assert!(!reply.headers.contains_key("oci-subject") && !reply.headers.contains_key("oci-tag"), "{reply:?}");
    for name in ["v1".to_owned(), digest.to_string()] {
        for method in ["GET", "HEAD"] {
            let reply = server.call(method, &format!("/v2/app/manifests/{name}")).send().await.expect(200);
            reply.assert_headers(&[
                ("content-type", MANIFEST),
                ("content-length", &document.to_string().len().to_string()),
                ("docker-content-digest", &digest.to_string()),
            ]);
            assert_eq!(reply.body, if method == "GET" { document.to_string() } else { String::new() });
        }
    }
}

async fn the_bytes_are_kept_as_they_came(backend: Backend) {
    let server = backend.server().await;
    server.put_blob("app", b"{}").await;
    let text = format!(" {} \n", serde_json::to_string_pretty(&image(&[], None, "é")).unwrap());
    let call = server.call("PUT", "/v2/app/manifests/v1").header("content-type", MANIFEST).body(text.clone());
    assert_eq!(
        call.send().await.expect(201).header("docker-content-digest"),
        Digest::sha256(text.as_bytes()).to_string()
    );
    assert_eq!(server.get("/v2/app/manifests/v1").await.expect(200).body, text);
}

async fn named_by_any_algorithm(backend: Backend) {
    let server = backend.server().await;
    server.put_blob("app", b"{}").await;
    let document = image(&[], None, "");
    for algorithm in Algorithm::ALL {
        let digest = algorithm.digest(document.to_string().as_bytes()).to_string();
        let reply = server.put_manifest("app", &digest, MANIFEST, &document).await.expect(201);
        assert_eq!(reply.header("docker-content-digest"), digest);
        let reply = server.get(&format!("/v2/app/manifests/{digest}")).await.expect(200);
        assert_eq!(reply.header("docker-content-digest"), digest);
    }
    server
        .put_manifest("app", &Digest::sha256(b"x").to_string(), MANIFEST, &document)
        .await
        .expect_error(400, "DIGEST_INVALID");
}

async fn put_by_digest_sets_the_tags_asked_for(backend: Backend) {
    let server = backend.server().await;
    server.put_blob("app", b"{}").await;
    let document = image(&[], None, "");
    let digest = digest(&document);
    let reply = server.put_manifest("app", &format!("{digest}?tag=v1&tag=v1.0&tag=latest"), MANIFEST, &document).await;
    let reply = reply.expect(201);
    let tags: Vec<_> = reply.headers.get_all("oci-tag").iter().map(|tag| tag.to_str().unwrap()).collect();
    assert_eq!(tags, ["v1", "v1.0", "latest"]);
    for tag in tags {
        assert_eq!(
            server.head(&format!("/v2/app/manifests/{tag}")).await.expect(200).header("docker-content-digest"),
            digest.to_string()
        );
    }
    let bad = server.put_manifest("app", &format!("{digest}?tag=ok&tag=.bad"), MANIFEST, &document).await;
    bad.expect_error(400, "MANIFEST_INVALID");
    server.head("/v2/app/manifests/ok").await.expect(404);
    let many = "tag=v1&".repeat(101);
    let reply = server.put_manifest("app", &format!("{digest}?{many}"), MANIFEST, &document).await;
    reply.expect_error(414, "MANIFEST_INVALID");
}

async fn a_tag_moves(backend: Backend) {
    let server = backend.server().await;
    let old = server.put_image("app", "latest", "old").await;
    let new = server.put_image("app", "latest", "new").await;
    assert_eq!(
        server.head("/v2/app/manifests/latest").await.expect(200).header("docker-content-digest"),
        new.to_string()
    );
    server.get(&format!("/v2/app/manifests/{old}")).await.expect(200);
}

async fn content_must_be_there_first(backend: Backend) {
    let server = backend.server().await;
    let document = image(&[b"one", b"two"], None, "");
    let reply = server.put_manifest("app", "v1", MANIFEST, &document).await.expect_error(400, "MANIFEST_BLOB_UNKNOWN");
    let named: Vec<_> =
        reply.json()["errors"].as_array().unwrap().iter().map(|e| e["detail"]["digest"].clone()).collect();
    assert_eq!(named, [json!(Digest::sha256(b"{}")), json!(Digest::sha256(b"one")), json!(Digest::sha256(b"two"))]);
    // Nothing has been pushed, so there is no repository.
    server.get("/v2/app/manifests/v1").await.expect_error(404, "NAME_UNKNOWN");

    // Content of another repository does not count.
    for content in [&b"{}"[..], b"one", b"two"] {
        server.put_blob("other", content).await;
    }
    server.put_manifest("app", "v1", MANIFEST, &document).await.expect_error(400, "MANIFEST_BLOB_UNKNOWN");
    server.put_manifest("other", "v1", MANIFEST, &document).await.expect(201);
}

async fn children_must_be_there_as_manifests(backend: Backend) {
    let server = backend.server().await;
    let child = image(&[], None, "");
    let bytes = child.to_string();
    let document = index(&[descriptor(MANIFEST, bytes.as_bytes())]);
    server.put_blob("app", bytes.as_bytes()).await;
    server.put_manifest("app", "v1", INDEX, &document).await.expect_error(400, "MANIFEST_BLOB_UNKNOWN");
    server.put_blob("app", b"{}").await;
    server.put_manifest("app", &digest(&child).to_string(), MANIFEST, &child).await.expect(201);
    server.put_manifest("app", "v1", INDEX, &document).await.expect(201);
    server.put_manifest("app", "empty", INDEX, &index(&[])).await.expect(201);
}

async fn sizes_must_be_right(backend: Backend) {
    let server = backend.server().await;
    server.put_blob("app", b"{}").await;
    let mut document = image(&[], None, "");
    document["config"]["size"] = json!(3);
    let reply = server.put_manifest("app", "v1", MANIFEST, &document).await.expect_error(400, "MANIFEST_INVALID");
    assert_eq!(reply.json()["errors"][0]["detail"]["found"], 2);
}

async fn what_lies_elsewhere_need_not_be_there(backend: Backend) {
    let server = backend.server().await;
    server.put_blob("app", b"{}").await;
    for kind in [
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ] {
        let mut document = image(&[b"far away"], Some(&Digest::sha256(b"no such subject")), kind);
        document["layers"][0]["mediaType"] = json!(kind);
        server.put_manifest("app", "v1", MANIFEST, &document).await.expect(201);
    }
}

async fn what_is_there_has_its_size_also_in_a_sparse_manifest(backend: Backend) {
    let server = backend.server_with(RegistryOptions { sparse: true, ..RegistryOptions::default() }).await;
    let child = server.put_image("app", "child", "").await;
    let absent = json!({ "mediaType": MANIFEST, "digest": Digest::sha256(b"absent"), "size": 6 });
    let size = image(&[], None, "").to_string().len();
    let list = |size: usize| index(&[json!({ "mediaType": MANIFEST, "digest": child, "size": size }), absent.clone()]);
    server.put_manifest("app", "v1", INDEX, &list(size + 1)).await.expect_error(400, "MANIFEST_INVALID");
    server.put_manifest("app", "v1", INDEX, &list(size)).await.expect(201);
    let config = server.put_blob("app", b"{}").await;
    let mut document = image(&[], None, "layers");
    document["config"]["size"] = json!(3);
    assert_eq!(document["config"]["digest"], config.to_string());
    server.put_manifest("app", "v2", MANIFEST, &document).await.expect_error(400, "MANIFEST_INVALID");
}

async fn sparse_manifests_can_be_switched_on(backend: Backend) {
    let server = backend.server_with(RegistryOptions { sparse: true, ..RegistryOptions::default() }).await;
    let warning =
        |missing: usize| format!("299 - \"{missing} of what this manifest is made of is not in the repository\"");
    let put = server.put_manifest("app", "v1", MANIFEST, &image(&[b"layer"], None, "")).await.expect(201);
    assert_eq!(put.header("warning"), warning(2));
    let child = image(&[], None, "");
    let document = index(&[descriptor(MANIFEST, child.to_string().as_bytes())]);
    assert_eq!(server.put_manifest("app", "v2", INDEX, &document).await.expect(201).header("warning"), warning(1));
    // Nobody is warned of what is whole.
    server.put_blob("app", b"{}").await;
    let put = server.put_manifest("app", &digest(&child).to_string(), MANIFEST, &child).await.expect(201);
    assert!(!put.headers.contains_key("warning"), "{put:?}");
    let put = server.put_manifest("app", "v2", INDEX, &document).await.expect(201);
    assert!(!put.headers.contains_key("warning"), "{put:?}");
}

async fn docker_manifests(backend: Backend) {
    let server = backend.server().await;
    server.put_blob("app", b"{}").await;
    let kind = "application/vnd.docker.distribution.manifest.v2+json";
    let document = json!({
        "schemaVersion": 2, "mediaType": kind,
        "config": descriptor("application/vnd.docker.container.image.v1+json", b"{}"), "layers": [],
    });
    server.put_manifest("app", "v1", kind, &document).await.expect(201);
    assert_eq!(server.head("/v2/app/manifests/v1").await.expect(200).header("content-type"), kind);
    let list = "application/vnd.docker.distribution.manifest.list.v2+json";
    let document = json!({
        "schemaVersion": 2, "mediaType": list, "manifests": [descriptor(kind, document.to_string().as_bytes())],
    });
    server.put_manifest("app", "list", list, &document).await.expect(201);
}

async fn the_type_is_what_both_say(backend: Backend) {
    let server = backend.server().await;
    server.put_blob("app", b"{}").await;
    let document = image(&[], None, "");
    server.put_manifest("app", "v1", INDEX, &document).await.expect_error(400, "MANIFEST_INVALID");
    server.put_manifest("app", "v1", "nonsense", &document).await.expect_error(400, "MANIFEST_INVALID");
    server
        .put_manifest("app", "v1", "application/vnd.example+json", &document)
        .await
        .expect_error(400, "MANIFEST_INVALID");
    server.put_manifest("app", "v1", &format!("{MANIFEST}; charset=utf-8"), &document).await.expect(201);
    assert_eq!(server.head("/v2/app/manifests/v1").await.expect(200).header("content-type"), MANIFEST);
    // Without the field the header decides, without the header the field.
    let mut silent = document.clone();
    silent.as_object_mut().unwrap().remove("mediaType");
    server.put_manifest("app", "v2", MANIFEST, &silent).await.expect(201);
    server.call("PUT", "/v2/app/manifests/v3").body(document.to_string()).send().await.expect(201);
    assert_eq!(server.head("/v2/app/manifests/v3").await.expect(200).header("content-type"), MANIFEST);
}

async fn what_is_no_manifest(backend: Backend) {
    let server = backend.server().await;
    let both = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [], "layers": [] });
    let old = json!({ "schemaVersion": 1, "mediaType": MANIFEST });
    for body in
        ["", "{", "[]", "null", &both.to_string(), &old.to_string(), r#"{"schemaVersion":2}"#, &"[".repeat(100_000)]
    {
        let call = server.call("PUT", "/v2/app/manifests/v1").header("content-type", MANIFEST).body(body.to_owned());
        call.send().await.expect_error(400, "MANIFEST_INVALID");
    }
    server.get("/v2/app/tags/list").await.expect_error(404, "NAME_UNKNOWN");
}

async fn manifests_have_a_limit(backend: Backend) {
    let server = backend.server().await;
    let put = || server.call("PUT", "/v2/app/manifests/v1").header("content-type", MANIFEST);
    put().body(vec![b' '; MANIFEST_MAX_BYTES + 1]).send().await.expect_error(413, "SIZE_INVALID");
    let announced = put().header("content-length", "5000000").body(vec![b' '; 5_000_000]);
    announced.send().await.expect_error(413, "SIZE_INVALID");
    // An endless body is not read to its end.
    let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 100_000]));
    put().body(Body::from_stream(endless)).send().await.expect_error(413, "SIZE_INVALID");
}

async fn the_largest_manifest_is_taken(backend: Backend) {
    let server = backend.server().await;
    server.put_blob("app", b"{}").await;
    let fill = MANIFEST_MAX_BYTES - image(&[], None, "").to_string().len();
    let document = image(&[], None, &"x".repeat(fill));
    assert_eq!(document.to_string().len(), MANIFEST_MAX_BYTES);
    server.put_manifest("app", "v1", MANIFEST, &document).await.expect(201);
    assert_eq!(server.get("/v2/app/manifests/v1").await.expect(200).body.len(), MANIFEST_MAX_BYTES);
}

async fn delete_by_tag_keeps_the_manifest(backend: Backend) {
    let server = backend.server().await;
    let digest = server.put_image("app", "v1", "").await;
    server.put_image("app", "v2", "").await;
    server.delete("/v2/app/manifests/v1").await.expect(202);
    server.get("/v2/app/manifests/v1").await.expect_error(404, "MANIFEST_UNKNOWN");
    server.get("/v2/app/manifests/v2").await.expect(200);
    server.get(&format!("/v2/app/manifests/{digest}")).await.expect(200);
    server.delete("/v2/app/manifests/v1").await.expect_error(404, "MANIFEST_UNKNOWN");
}

async fn delete_by_digest_takes_its_tags_along(backend: Backend) {
    let server = backend.server().await;
    let digest = server.put_image("app", "v1", "").await;
    server.put_image("app", "v2", "").await;
    server.put_image("app", "other", "other").await;
    server.delete(&format!("/v2/app/manifests/{digest}")).await.expect(202);
    for name in ["v1", "v2", &digest.to_string()] {
        server.get(&format!("/v2/app/manifests/{name}")).await.expect_error(404, "MANIFEST_UNKNOWN");
    }
    assert_eq!(server.get("/v2/app/tags/list").await.json()["tags"], json!(["other"]));
    server.delete(&format!("/v2/app/manifests/{digest}")).await.expect_error(404, "MANIFEST_UNKNOWN");
}

on_every_deployment! {
    put_get_head_by_tag_and_digest,
    the_bytes_are_kept_as_they_came,
    named_by_any_algorithm,
    put_by_digest_sets_the_tags_asked_for,
    a_tag_moves,
    content_must_be_there_first,
    children_must_be_there_as_manifests,
    sizes_must_be_right,
    what_lies_elsewhere_need_not_be_there,
    sparse_manifests_can_be_switched_on,
    what_is_there_has_its_size_also_in_a_sparse_manifest,
    docker_manifests,
    the_type_is_what_both_say,
    what_is_no_manifest,
    manifests_have_a_limit,
    the_largest_manifest_is_taken,
    delete_by_tag_keeps_the_manifest,
    delete_by_digest_takes_its_tags_along,
}
