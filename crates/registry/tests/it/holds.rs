//! Pins and legal holds, as callers see them. What the collector makes of them is with its tests.

use oci::Digest;
use serde_json::{Value, json};

use crate::backends::{Backend, on_every_deployment};
use crate::server::{INDEX, MANIFEST, Reply, Server, descriptor, digest, image, index};

async fn hold(server: &Server, manifest: &Digest, document: Value) -> Reply {
    let call = server.call("PUT", &format!("/v2/app/_supercargo/holds/{manifest}"));
    call.body(document.to_string()).send().await
}

/// Returns kind and reason of every hold of an answer.
fn told(reply: Reply) -> Vec<(String, String, String)> {
    let document = reply.expect(200).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |hold: &Value| (text(&hold["digest"]), text(&hold["kind"]), text(&hold["reason"]));
    document["holds"].as_array().unwrap().iter().map(of).collect()
}

async fn holds_are_set_shown_and_ended(backend: Backend) {
    let server = backend.server().await;
    let one = server.put_image("app", "one", "one").await;
    let two = server.put_image("app", "two", "two").await;
    hold(&server, &one, json!({ "kind": "pin", "reason": "a customer has it" })).await.expect(201);
    hold(&server, &one, json!({ "kind": "legal", "reason": "case 1" })).await.expect(201);
    hold(&server, &one, json!({ "kind": "legal", "reason": "case 2", "expires": "9000-01-01T00:00:00Z" }))
        .await
        .expect(201);
    hold(&server, &two, json!({ "kind": "pin", "reason": "over", "expires": "2000-01-01T00:00:00Z" }))
        .await
        .expect(201);
    hold(&server, &two, json!({ "kind": "legal", "reason": "case 3" })).await.expect(201);
    let path = |manifest: &Digest| format!("/v2/app/_supercargo/holds/{manifest}");
    let entry =
        |manifest: &Digest, kind: &str, reason: &str| (manifest.to_string(), kind.to_owned(), reason.to_owned());
    let of_one = [entry(&one, "legal", "case 2"), entry(&one, "pin", "a customer has it")];
    assert_eq!(told(server.get(&path(&one)).await), of_one);
    let of_two = [entry(&two, "legal", "case 3")];
    assert_eq!(told(server.get(&path(&two)).await), of_two);
    assert_eq!(server.get(&path(&one)).await.json()["holds"][0]["expires"], "9000-01-01T00:00:00.000Z");
    let ordered = if one < two { [&of_one[..], &of_two].concat() } else { [&of_two[..], &of_one].concat() };
    assert_eq!(told(server.get("/v2/app/_supercargo/holds").await), ordered);
    let first = server.get("/v2/app/_supercargo/holds?n=1").await;
    let next = first.header("link").split(['<', '>']).nth(1).unwrap().to_owned();
    let pages = [told(first), told(server.get(&next).await)].concat();
    assert_eq!(pages, ordered);
    assert_eq!(told(server.get("/v2/app/_supercargo/holds?n=0").await), []);

    server.delete(&format!("{}?kind=legal", path(&one))).await.expect(202);
    assert_eq!(told(server.get(&path(&one)).await), of_one[1..]);
    server.delete(&format!("{}?kind=legal", path(&one))).await.expect_error(404, "MANIFEST_UNKNOWN");
    for query in ["", "?kind=other"] {
        server.delete(&format!("{}{query}", path(&one))).await.expect_error(400, "UNSUPPORTED");
    }
}

async fn what_describes_no_hold_is_refused(backend: Backend) {
    let server = backend.server().await;
    let one = server.put_image("app", "one", "one").await;
    for wrong in [
        json!([]),
        json!({}),
        json!({ "kind": "pin" }),
        json!({ "kind": "pin", "reason": " " }),
        json!({ "kind": "pin", "reason": "\u{0}" }),
        json!({ "kind": "pin", "reason": "r".repeat(1025) }),
        json!({ "kind": "other", "reason": "r" }),
        json!({ "kind": "pin", "reason": "r", "expires": "soon" }),
        json!({ "kind": "pin", "reason": "r", "more": 1 }),
    ] {
        hold(&server, &one, wrong).await.expect_error(400, "UNSUPPORTED");
    }
    let large = json!({ "kind": "pin", "reason": "r".repeat(9000) });
    hold(&server, &one, large).await.expect_error(413, "SIZE_INVALID");
    let pin = json!({ "kind": "pin", "reason": "r" });
    hold(&server, &Digest::sha256(b"absent"), pin).await.expect_error(404, "MANIFEST_UNKNOWN");
    server.get("/v2/other/_supercargo/holds").await.expect_error(404, "NAME_UNKNOWN");
    assert_eq!(told(server.get("/v2/app/_supercargo/holds").await), []);
}

fn refused(reply: Reply, manifest: &Digest) {
    let reply = reply.expect_error(403, "DENIED");
    let entry = &reply.json()["errors"][0];
    assert_eq!(entry["detail"]["hold"], json!({ "digest": manifest, "reason": "case 1" }));
    assert!(entry["message"].as_str().unwrap().contains("legal hold"), "{entry}");
}

async fn nobody_deletes_what_a_legal_hold_is_on(backend: Backend) {
    let server = backend.server().await;
    server.put_blob("app", b"layer").await;
    server.put_blob("app", b"{}").await;
    let document = image(&[b"layer"], None, "part");
    let part = digest(&document);
    server.put_manifest("app", "part", MANIFEST, &document).await.expect(201);
    let whole = index(&[descriptor(MANIFEST, document.to_string().as_bytes())]);
    server.put_manifest("app", "whole", INDEX, &whole).await.expect(201);
    let whole = digest(&whole);
    hold(&server, &whole, json!({ "kind": "legal", "reason": "case 1" })).await.expect(201);
    for path in [
        "manifests/whole".to_owned(),
        format!("manifests/{whole}"),
        format!("manifests/{part}"),
        format!("blobs/{}", Digest::sha256(b"layer")),
    ] {
        refused(server.delete(&format!("/v2/app/{path}")).await, &whole);
    }
    server.delete("/v2/app/manifests/part").await.expect(202);
    server.put_image("app", "whole", "another").await;
    server.get(&format!("/v2/app/manifests/{whole}")).await.expect(200);

    server.delete(&format!("/v2/app/_supercargo/holds/{whole}?kind=legal")).await.expect(202);
    server.delete(&format!("/v2/app/manifests/{whole}")).await.expect(202);
    server.delete(&format!("/v2/app/blobs/{}", Digest::sha256(b"layer"))).await.expect(202);
}

async fn who_may_delete_deletes_what_is_pinned(backend: Backend) {
    let server = backend.server().await;
    let one = server.put_image("app", "one", "one").await;
    hold(&server, &one, json!({ "kind": "pin", "reason": "r" })).await.expect(201);
    server.delete("/v2/app/manifests/one").await.expect(202);
    server.delete(&format!("/v2/app/manifests/{one}")).await.expect(202);
    server.put_image("app", "one", "one").await;
    assert_eq!(told(server.get("/v2/app/_supercargo/holds").await), [], "a pin goes with what it was on");
}

on_every_deployment! {
    holds_are_set_shown_and_ended,
    what_describes_no_hold_is_refused,
    nobody_deletes_what_a_legal_hold_is_on,
    who_may_delete_deletes_what_is_pinned,
}
