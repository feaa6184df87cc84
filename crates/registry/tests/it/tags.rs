//! Lists of tags.

use registry::RegistryOptions;
use serde_json::json;

use crate::backends::{Backend, on_every_deployment};
use crate::server::Server;

async fn server(backend: Backend, tags_page: usize) -> Server {
    let server = backend.server_with(RegistryOptions { tags_page, ..RegistryOptions::default() }).await;
    for tag in ["v2", "V1", "latest", "v10", "1.0"] {
        server.put_image("team/app", tag, "").await;
    }
    server
}

async fn all_in_byte_order(backend: Backend) {
    let reply = server(backend, 100).await.get("/v2/team/app/tags/list").await.expect(200);
    assert_eq!(reply.json(), json!({ "name": "team/app", "tags": ["1.0", "V1", "latest", "v10", "v2"] }));
    assert_eq!(reply.header("content-type"), "application/json");
    assert!(!reply.headers.contains_key("link"));
}

async fn pages(backend: Backend) {
    let server = server(backend, 100).await;
    let get = async |query: &str| server.get(&format!("/v2/team/app/tags/list?{query}")).await.expect(200);
    let first = get("n=2").await;
    assert_eq!(first.json()["tags"], json!(["1.0", "V1"]));
    assert_eq!(first.header("link"), "</v2/team/app/tags/list?n=2&last=V1>; rel=\"next\"");
    assert_eq!(get("n=2&last=V1").await.json()["tags"], json!(["latest", "v10"]));
    let last = get("n=2&last=v10").await;
    assert_eq!(last.json()["tags"], json!(["v2"]));
    assert!(!last.headers.contains_key("link"));
    assert_eq!(get("last=latest").await.json()["tags"], json!(["v10", "v2"]));
    assert_eq!(get("last=m").await.json()["tags"], json!(["v10", "v2"]), "`last` need not exist");
    let exactly = get("n=5").await;
    assert_eq!(exactly.json()["tags"].as_array().unwrap().len(), 5);
    assert!(!exactly.headers.contains_key("link"));
    let none = get("n=0").await;
    assert_eq!(none.json()["tags"], json!([]));
    assert!(!none.headers.contains_key("link"));
}

async fn pages_are_bounded_whatever_is_asked_for(backend: Backend) {
    let server = server(backend, 3).await;
    for query in ["", "?n=1000", "?n=18446744073709551616"] {
        let reply = server.get(&format!("/v2/team/app/tags/list{query}")).await.expect(200);
        assert_eq!(reply.json()["tags"], json!(["1.0", "V1", "latest"]));
        assert_eq!(reply.header("link"), "</v2/team/app/tags/list?n=3&last=latest>; rel=\"next\"");
    }
    for query in ["n=-1", "n=+1", "n=x", "n="] {
        server.get(&format!("/v2/team/app/tags/list?{query}")).await.expect_error(400, "UNSUPPORTED");
    }
}

async fn a_repository_with_blobs_alone_has_no_tags(backend: Backend) {
    let server = backend.server().await;
    server.put_blob("app", b"content").await;
    assert_eq!(server.get("/v2/app/tags/list").await.expect(200).json(), json!({ "name": "app", "tags": [] }));
}

on_every_deployment! {
    all_in_byte_order,
    pages,
    pages_are_bounded_whatever_is_asked_for,
    a_repository_with_blobs_alone_has_no_tags,
}
