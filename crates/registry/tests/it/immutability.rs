//! Tags that are made once.

use registry::{Immutability, ImmutableTags, RegistryOptions};
use resolve::retention::Pattern;
use serde_json::{Value, json};

use crate::backends::{Backend, on_every_deployment};
use crate::server::{INDEX, MANIFEST, Reply, Server, digest, image};

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
}

/// Returns a registry where all tags of `team/*` but `edge` and those of candidates are immutable.
async fn server(backend: Backend) -> Server {
    let rule = ImmutableTags {
        repositories: patterns(&["team/*"]),
        tags: patterns(&["*"]),
        except: patterns(&["edge", "*-rc*"]),
    };
    let options = RegistryOptions { immutable: Immutability::new(vec![rule]), ..RegistryOptions::default() };
    backend.server_with(options).await
}

async fn put(server: &Server, repository: &str, name: &str, text: &str) -> Reply {
    server.put_blob(repository, b"{}").await;
    server.put_manifest(repository, name, MANIFEST, &image(&[], None, text)).await
}

fn refused(reply: Reply, tag: &str, names: &Value) {
    let reply = reply.expect_error(403, "DENIED");
    let entry = &reply.json()["errors"][0];
    assert_eq!(entry["detail"], json!({ "tag": tag, "digest": digest(names) }));
    assert!(entry["message"].as_str().unwrap().starts_with(&format!("the tag {tag} is immutable")), "{entry}");
}

async fn an_immutable_tag_is_made_once(backend: Backend) {
    let server = server(backend).await;
    let (one, two) = (image(&[], None, "one"), image(&[], None, "two"));
    for tag in ["1.0", "latest"] {
        put(&server, "team/app", tag, "one").await.expect(201);
        put(&server, "team/app", tag, "one").await.expect(201);
        refused(put(&server, "team/app", tag, "two").await, tag, &one);
    }
    refused(put(&server, "team/app", &format!("{}?tag=new&tag=1.0", digest(&two)), "two").await, "1.0", &one);
    server.head("/v2/team/app/manifests/new").await.expect(404);
    let head = server.head("/v2/team/app/manifests/1.0").await.expect(200);
    assert_eq!(head.header("docker-content-digest"), digest(&one).to_string());
    for (repository, tag) in [("team/app", "edge"), ("team/app", "1.1-rc1"), ("other", "1.0")] {
        put(&server, repository, tag, "one").await.expect(201);
        put(&server, repository, tag, "two").await.expect(201);
        server.delete(&format!("/v2/{repository}/manifests/{tag}")).await.expect(202);
    }
}

async fn an_immutable_tag_is_not_removed(backend: Backend) {
    let server = server(backend).await;
    let one = image(&[], None, "one");
    put(&server, "team/app", "1.0", "one").await.expect(201);
    put(&server, "team/app", "edge", "one").await.expect(201);
    refused(server.delete("/v2/team/app/manifests/1.0").await, "1.0", &one);
    refused(server.delete(&format!("/v2/team/app/manifests/{}", digest(&one))).await, "1.0", &one);
    server.delete("/v2/team/app/manifests/edge").await.expect(202);
    server.delete("/v2/team/app/manifests/2.0").await.expect_error(404, "MANIFEST_UNKNOWN");
    put(&server, "team/app", "edge", "two").await.expect(201);
    let two = digest(&image(&[], None, "two"));
    server.delete(&format!("/v2/team/app/manifests/{two}")).await.expect(202);
}

async fn what_an_immutable_tag_names_keeps_its_type(backend: Backend) {
    let server = server(backend).await;
    let untyped = json!({ "schemaVersion": 2, "manifests": [] });
    let name = digest(&untyped).to_string();
    let docker = "application/vnd.docker.distribution.manifest.list.v2+json";
    server.put_manifest("team/app", &name, INDEX, &untyped).await.expect(201);
    server.put_manifest("team/app", &name, docker, &untyped).await.expect(201);
    server.put_manifest("team/app", "1.0", INDEX, &untyped).await.expect(201);
    for name in [&*name, "edge", "1.0"] {
        refused(server.put_manifest("team/app", name, docker, &untyped).await, "1.0", &untyped);
    }
}

async fn an_immutable_tag_does_not_go_back(backend: Backend) {
    let server = server(backend).await;
    put(&server, "team/app", "edge", "one").await.expect(201);
    put(&server, "team/app", "edge", "two").await.expect(201);
    server.call("PUT", "/v2/team/app/_supercargo/tags/edge?number=1").send().await.expect(201);
    put(&server, "team/app", "1.0", "one").await.expect(201);
    server.call("PUT", "/v2/team/app/_supercargo/tags/1.0?number=1").send().await.expect(201);
}

on_every_deployment! {
    an_immutable_tag_is_made_once,
    an_immutable_tag_is_not_removed,
    what_an_immutable_tag_names_keeps_its_type,
    an_immutable_tag_does_not_go_back,
}
