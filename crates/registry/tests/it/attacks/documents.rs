//! Manifests that are meant to break whoever reads them.

use std::fmt::Write as _;

use oci::Digest;
use oci::limits::{DESCRIPTORS_MAX, MANIFEST_MAX_BYTES};
use registry::RegistryOptions;
use serde_json::json;

use crate::backends::{Backend, on_every_backend};
use crate::server::{INDEX, MANIFEST, Reply, Server, descriptor, image};

const CONFIG: &str = r#"{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}"#;

async fn put(server: &Server, kind: &str, document: impl Into<Vec<u8>>) -> Reply {
    let call = server.call("PUT", "/v2/app/manifests/v1").header("content-type", kind);
    call.body(document.into()).send().await
}

/// Returns an image manifest with more fields.
fn with(fields: &str) -> String {
    format!(r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{CONFIG},"layers":[]{fields}}}"#)
}

#[tokio::test]
async fn nesting_without_end_is_refused() {
    let server = Server::default();
    server.put_blob("app", b"{}").await;
    let half = MANIFEST_MAX_BYTES / 2 - 1000;
    for document in [
        "[".repeat(MANIFEST_MAX_BYTES),
        "{\"a\":".repeat(MANIFEST_MAX_BYTES / 5),
        with(&format!(r#","annotations":{}{}"#, "{\"a\":".repeat(100_000), "}".repeat(100_000))),
        with(&format!(r#","subject":{}{}"#, "[".repeat(half), "]".repeat(half))),
        with(&format!(r#","layers":{}{}"#, "[".repeat(half), "]".repeat(half))),
    ] {
        put(&server, MANIFEST, document).await.expect_error(400, "MANIFEST_INVALID");
    }
    // What nobody reads may be as deep as it likes, as long as it is JSON that is refused or kept as it is.
    let deep = with(&format!(r#","unknown":{}{}"#, "[".repeat(half), "]".repeat(half)));
    let reply = put(&server, MANIFEST, deep.clone()).await;
    match reply.status.as_u16() {
        201 => assert_eq!(server.get("/v2/app/manifests/v1").await.expect(200).body, deep),
        _ => drop(reply.expect_error(400, "MANIFEST_INVALID")),
    }
}

#[tokio::test]
async fn what_no_two_programs_read_the_same_is_refused() {
    let server = Server::default();
    server.put_blob("app", b"{}").await;
    let huge = format!(r#","subject":{{"mediaType":"{MANIFEST}","digest":"{}","size":SIZE}}"#, Digest::sha256(b""));
    let size = |number: &str| with(&huge.replace("SIZE", number));
    for document in [
        with(r#","schemaVersion":2"#),
        with(r#","layers":[]"#),
        with(r#","mediaType":"application/vnd.oci.image.index.v1+json""#),
        with(r#","media\u0054ype":"application/vnd.oci.image.index.v1+json""#),
        with(r#","manifests":[]"#),
        with(r#","fsLayers":[]"#),
        size("-1"),
        size("1e3"),
        size("1.0"),
        size("18446744073709551616"),
        size(&"9".repeat(100_000)),
        size("\"1\""),
        size("01"),
        size("null"),
        with("").replace("\"schemaVersion\":2", "\"schemaVersion\":2.0"),
        with("").replace("\"schemaVersion\":2", "\"schemaVersion\":99999999999999999999"),
        with("").replace("\"layers\"", "// comment\n\"layers\""),
        with("") + "{}",
        with("") + "\0",
        format!("\u{feff}{}", with("")),
        with(r#","annotations":{"a":1}"#),
        with(r#","annotations":{"a":"\ud800"}"#),
        with(r#","annotations":{"a":"NaN":1}"#),
        "null".to_owned(),
        String::new(),
    ] {
        put(&server, MANIFEST, document.clone()).await.expect_error(400, "MANIFEST_INVALID");
    }
    for bytes in [&b"{\"a\":\"\xff\"}"[..], b"\xff\xfe{\0}\0", b"\0", &[0x1f, 0x8b, 8]] {
        put(&server, MANIFEST, bytes).await.expect_error(400, "MANIFEST_INVALID");
    }
    put(&server, MANIFEST, size("18446744073709551615")).await.expect(201);
}

#[tokio::test]
async fn a_type_is_said_once_and_the_same_everywhere() {
    let server = Server::default();
    server.put_blob("app", b"{}").await;
    let document = image(&[], None, "").to_string();
    for kind in [
        INDEX,
        "text/html",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.manifest.v1+json/x",
        "application/vnd.oci.image.manifest.v1+json, text/html",
        "",
        "*/*",
        ";",
        &"a".repeat(10_000),
    ] {
        put(&server, kind, document.clone()).await.expect_error(400, "MANIFEST_INVALID");
    }
    let call =
        server.call("PUT", "/v2/app/manifests/v1").header("content-type", MANIFEST).header("content-type", INDEX);
    call.body(document.clone()).send().await.expect_error(400, "MANIFEST_INVALID");
    for kind in [&*format!("{MANIFEST}; charset=utf-8"), &*MANIFEST.to_uppercase(), "application/json"] {
        let reply = put(&server, kind, document.clone()).await;
        if reply.status == 201 {
            assert_eq!(server.head("/v2/app/manifests/v1").await.header("content-type"), MANIFEST, "{kind}");
        } else {
            reply.expect_error(400, "MANIFEST_INVALID");
        }
    }
}

#[tokio::test]
async fn a_hundred_thousand_entries_are_refused_and_what_is_allowed_is_served() {
    let server = Server::with(RegistryOptions { sparse: true, ..RegistryOptions::default() });
    let child = |number: usize| descriptor(MANIFEST, format!("{number}").as_bytes()).to_string();
    // Short enough for the limit of bytes, were there no other.
    let shortest = format!(r#"{{"mediaType":"a/b","digest":"{}","size":0}}"#, Digest::sha256(b""));
    let many = vec![shortest.as_str(); MANIFEST_MAX_BYTES / (shortest.len() + 1) - 10].join(",");
    let index = |children: &str| format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{children}]}}"#);
    put(&server, INDEX, index(&many)).await.expect_error(400, "MANIFEST_INVALID");
    put(&server, MANIFEST, with("").replace("[]", &format!("[{many}]"))).await.expect_error(400, "MANIFEST_INVALID");
    put(&server, INDEX, index(&vec![child(0); 100_000].join(","))).await.expect_error(413, "SIZE_INVALID");
    let distinct: Vec<String> = (0..DESCRIPTORS_MAX).map(child).collect();
    let allowed = index(&distinct.join(","));
    put(&server, INDEX, allowed.clone()).await.expect(201);
    assert_eq!(server.get("/v2/app/manifests/v1").await.expect(200).body, allowed);
    let manifest = Digest::sha256(allowed.as_bytes());
    server.get(&format!("/v2/app/referrers/{manifest}")).await.expect(200);
    server.delete(&format!("/v2/app/manifests/{manifest}")).await.expect(202);
}

#[tokio::test]
async fn what_is_missing_is_named_a_hundred_times_and_no_more() {
    let server = Server::default();
    let layers: Vec<Vec<u8>> = (0..5000_u32).map(|number| number.to_be_bytes().to_vec()).collect();
    let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    let reply = put(&server, MANIFEST, image(&layers, None, "").to_string()).await;
    let reply = reply.expect_error(400, "MANIFEST_BLOB_UNKNOWN");
    assert_eq!(reply.json()["errors"].as_array().unwrap().len(), 100);
}

/// Returns the annotations of as many keys as fit, and their number.
fn annotations(bytes: usize) -> (String, usize) {
    let mut text = String::new();
    let mut number = 0;
    while text.len() < bytes {
        let _ = write!(text, "\"{number:x}\":\"\",");
        number += 1;
    }
    text.pop();
    (text, number)
}

async fn a_list_of_referrers_is_bounded_however_much_each_says_of_itself(backend: Backend) {
    let server = backend.server().await;
    let subject = server.put_image("app", "v1", "").await;
    let (text, number) = annotations(2 << 20);
    assert!(number > 100_000);
    let mut put = Vec::new();
    for artifact in 0..5 {
        let subject = json!({ "mediaType": MANIFEST, "digest": subject, "size": 1 });
        let document = with(&format!(r#","subject":{subject},"artifactType":"a/{artifact}","annotations":{{{text}}}"#));
        let digest = Digest::sha256(document.as_bytes());
        let call = server.call("PUT", &format!("/v2/app/manifests/{digest}")).header("content-type", MANIFEST);
        call.body(document).send().await.expect(201);
        put.push(digest.to_string());
    }
    let small = server.put_artifact("app", &subject, "a/small", "").await;
    put.push(small.to_string());
    put.sort_unstable();
    let (mut listed, mut path) = (Vec::new(), format!("/v2/app/referrers/{subject}"));
    loop {
        let reply = server.get(&path).await.expect(200);
        assert!(reply.body.len() <= MANIFEST_MAX_BYTES, "{}", reply.body.len());
        for entry in reply.json()["manifests"].as_array().unwrap() {
            listed.push(entry["digest"].as_str().unwrap().to_owned());
        }
        let Some(link) = reply.headers.get("link") else { break };
        link.to_str().unwrap().split(['<', '>']).nth(1).unwrap().clone_into(&mut path);
    }
    assert_eq!(listed, put, "each once, in order");
    let filtered = server.get(&format!("/v2/app/referrers/{subject}?artifactType=a/3")).await.expect(200);
    assert_eq!(filtered.json()["manifests"].as_array().unwrap().len(), 1);
}

on_every_backend!(a_list_of_referrers_is_bounded_however_much_each_says_of_itself);
