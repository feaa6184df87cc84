//! The history of tags, tags as of a time, and back to it.

use std::sync::Arc;

use futures_util::StreamExt as _;
use registry::{BlobMemory, BlobStorage as _, Clock, Keeping, Lost, RegistryOptions, Reindex, Storage};
use serde_json::{Value, json};

use crate::backends::{Backend, on_every_deployment};
use crate::server::{MANIFEST, Reply, Server, digest, image};

const CREATED: &str = "org.opencontainers.distribution.tag.created";
const DELETED: &str = "org.opencontainers.distribution.tag.deleted";
const NUMBER: &str = "vnd.supercargo.tag.number";

/// Returns a registry where `app:latest` named one, two, nothing and one again, and `app:old` one until it was removed.
async fn moved(backend: Backend) -> Server {
    moved_on(backend.server().await).await
}

async fn moved_on(server: Server) -> Server {
    server.put_image("app", "latest", "one").await;
    server.put_image("app", "old", "one").await;
    server.put_image("app", "latest", "two").await;
    server.put_image("app", "latest", "two").await;
    // Moves of one tag differ in time, those of two may not.
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    server.delete("/v2/app/manifests/old").await.expect(202);
    server.delete("/v2/app/manifests/latest").await.expect(202);
    server.put_image("app", "latest", "one").await;
    server
}

fn named(text: &str) -> String {
    digest(&image(&[], None, text)).to_string()
}

async fn history(server: &Server, rest: &str) -> Vec<Value> {
    let path = format!("/v2/app/_oci/tag-history/{rest}");
    server.get(&path).await.expect(200).json().as_array().unwrap().clone()
}

/// Returns the time of a move.
fn time(entry: &Value) -> &str {
    let annotations = &entry["annotations"];
    annotations[CREATED].as_str().or(annotations[DELETED].as_str()).unwrap()
}

/// Returns number, digest and whether it was set, of every move.
fn told(moves: &[Value]) -> Vec<(&str, String, bool)> {
    let of = |entry: &'_ Value| entry["digest"].as_str().unwrap().to_owned();
    moves
        .iter()
        .map(|entry| {
            let annotations = &entry["annotations"];
            (annotations[NUMBER].as_str().unwrap(), of(entry), annotations.get(CREATED).is_some())
        })
        .collect()
}

async fn every_move_is_told_the_newest_first(backend: Backend) {
    let server = moved(backend).await;
    let moves = history(&server, "latest").await;
    let expected = [("4", "one", true), ("3", "two", false), ("2", "two", true), ("1", "one", true)];
    assert_eq!(told(&moves), expected.map(|(number, text, set)| (number, named(text), set)));
    let times: Vec<&str> = moves.iter().map(time).collect();
    assert!(times.windows(2).all(|pair| pair[0] > pair[1]), "{times:?}");
    for entry in &moves {
        assert_eq!((&entry["mediaType"], entry["size"].is_u64()), (&json!(MANIFEST), true), "{entry}");
        let annotations = entry["annotations"].as_object().unwrap();
        assert!(annotations.contains_key(CREATED) != annotations.contains_key(DELETED), "{entry}");
    }
    let old = history(&server, "old").await;
    assert_eq!(told(&old), [("2", named("one"), false), ("1", named("one"), true)], "of a tag that is gone");
    assert_eq!(history(&server, "never").await, Vec::<Value>::new());
    server.get("/v2/other/_oci/tag-history/latest").await.expect_error(404, "NAME_UNKNOWN");
    server.head("/v2/app/_oci/tag-history/latest").await.expect(200);
    server.delete("/v2/app/_oci/tag-history/latest").await.expect_error(405, "UNSUPPORTED");
}

async fn what_is_collected_stays_in_the_history(backend: Backend) {
    let server = moved(backend).await;
    server.delete(&format!("/v2/app/manifests/{}", named("two"))).await.expect(202);
    let moves = history(&server, "latest?n=3").await;
    assert_eq!(told(&moves)[2], ("2", named("two"), true));
    assert_eq!(moves[2]["mediaType"], MANIFEST);
    let then = format!("/v2/app/_supercargo/tags/latest?at={}", time(&moves[2]));
    let gone = server.get(&then).await.expect_error(410, "MANIFEST_UNKNOWN");
    assert_eq!(gone.json()["errors"][0]["detail"], json!({ "tag": "latest", "digest": named("two") }));
    let back = server.call("PUT", "/v2/app/_supercargo/tags/latest?number=2").send().await;
    back.expect_error(410, "MANIFEST_UNKNOWN");
}

async fn the_history_comes_in_pages(backend: Backend) {
    let server = moved(backend).await;
    let all = history(&server, "latest").await;
    let mut path = "/v2/app/_oci/tag-history/latest?n=1".to_owned();
    let mut pages = Vec::new();
    loop {
        let reply = server.get(&path).await.expect(200);
        pages.extend(reply.json().as_array().unwrap().clone());
        let Some(link) = reply.headers.get("link") else { break };
        link.to_str().unwrap().split(['<', '>']).nth(1).unwrap().clone_into(&mut path);
    }
    assert_eq!(pages, all);
    assert_eq!(history(&server, &format!("latest?before={}", time(&all[1]))).await, all[2..]);
    assert_eq!(history(&server, "latest?n=0").await, Vec::<Value>::new());
    for query in ["before=yesterday", "n=x", "before="] {
        server.get(&format!("/v2/app/_oci/tag-history/latest?{query}")).await.expect_error(400, "UNSUPPORTED");
    }
}

async fn the_moves_of_one_digest_can_be_asked_for(backend: Backend) {
    let server = moved(backend).await;
    let of = async |text: &str| history(&server, &format!("latest?digest={}", named(text))).await;
    assert_eq!(told(&of("two").await), [("3", named("two"), false), ("2", named("two"), true)]);
    assert_eq!(told(&of("one").await), [("4", named("one"), true), ("1", named("one"), true)]);
    let path = format!("/v2/app/_oci/tag-history/latest?digest={}", named("never"));
    server.get(&path).await.expect_error(400, "DIGEST_INVALID");
    server.get("/v2/app/_oci/tag-history/latest?digest=x").await.expect_error(400, "DIGEST_INVALID");
}

async fn a_tag_can_be_had_as_of_a_time(backend: Backend) {
    let server = moved(backend).await;
    let moves = history(&server, "latest").await;
    let get = async |at: &str| server.get(&format!("/v2/app/_supercargo/tags/latest?at={at}")).await;
    for (entry, text) in [(&moves[0], "one"), (&moves[2], "two"), (&moves[3], "one")] {
        let reply = get(time(entry)).await.expect(200);
        assert_eq!(reply.json()["annotations"]["text"], text);
        assert_eq!(reply.header("docker-content-digest"), named(text));
        assert_eq!(reply.header("content-type"), MANIFEST);
    }
    assert_eq!(get("9999-01-01T00:00:00Z").await.expect(200).header("docker-content-digest"), named("one"));
    for at in [time(&moves[1]), "2000-01-01T00:00:00Z"] {
        let reply = get(at).await.expect_error(404, "MANIFEST_UNKNOWN");
        assert_eq!(reply.json()["errors"][0]["detail"], json!({ "tag": "latest" }));
    }
    get("then").await.expect_error(400, "UNSUPPORTED");
    server.get("/v2/app/_supercargo/tags/latest").await.expect_error(400, "UNSUPPORTED");
    server.get("/v2/other/_supercargo/tags/latest?at=2000-01-01T00:00:00Z").await.expect_error(404, "NAME_UNKNOWN");
    let head = server.head(&format!("/v2/app/_supercargo/tags/latest?at={}", time(&moves[2]))).await.expect(200);
    assert_eq!((head.header("docker-content-digest"), head.body.len()), (&*named("two"), 0));
    let plain = server.get(&format!("/v2/app/manifests/latest?at={}", time(&moves[2]))).await.expect(200);
    assert_eq!(plain.header("docker-content-digest"), named("one"), "what is now, for those who ask for that");
}

async fn all_tags_can_be_had_as_of_a_time(backend: Backend) {
    let server = moved(backend).await;
    let latest = history(&server, "latest").await;
    let old = history(&server, "old").await;
    let tags = async |query: &str| server.get(&format!("/v2/app/_supercargo/tags?{query}")).await.expect(200);
    let then = tags(&format!("at={}", time(&latest[2]))).await.json();
    assert_eq!(
        then,
        json!({ "name": "app", "at": time(&latest[2]), "begins": time(&latest[3]), "tags": [
            { "tag": "latest", "digest": named("two"), "since": time(&latest[2]) },
            { "tag": "old", "digest": named("one"), "since": time(&old[1]) },
        ] })
    );
    let first = tags(&format!("at={}&n=1", time(&latest[2]))).await;
    assert_eq!(first.json()["tags"], json!([then["tags"][0]]));
    let next = first.header("link").split(['<', '>']).nth(1).unwrap().to_owned();
    let second = server.get(&next).await.expect(200);
    assert_eq!((&second.json()["tags"], second.headers.get("link")), (&json!([then["tags"][1]]), None));
    assert_eq!(tags(&format!("at={}", time(&latest[1]))).await.json()["tags"], json!([]));
    assert_eq!(tags("at=2000-01-01T00:00:00Z").await.json()["tags"], json!([]));
    server.get("/v2/app/_supercargo/tags").await.expect_error(400, "UNSUPPORTED");
    server.get("/v2/other/_supercargo/tags?at=2000-01-01T00:00:00Z").await.expect_error(404, "NAME_UNKNOWN");
}

async fn a_tag_goes_back_as_one_more_move(backend: Backend) {
    let server = moved(backend).await;
    let moves = history(&server, "latest").await;
    let put = async |query: &str, expected: Option<&str>| -> Reply {
        let call = server.call("PUT", &format!("/v2/app/_supercargo/tags/latest?{query}"));
        match expected {
            Some(expected) => call.header("if-match", &format!("\"{expected}\"")).send().await,
            None => call.send().await,
        }
    };
    put("number=2", Some(&named("two"))).await.expect_error(412, "DENIED");
    let reply = put("number=2", Some(&named("one"))).await.expect(201);
    assert_eq!(reply.header("docker-content-digest"), named("two"));
    assert_eq!(reply.header("location"), format!("/v2/app/manifests/{}", named("two")));
    assert_eq!(server.head("/v2/app/manifests/latest").await.header("docker-content-digest"), named("two"));
    put(&format!("at={}", time(&moves[3])), None).await.expect(201);
    put(&format!("at={}", time(&moves[3])), None).await.expect(201);
    let now = history(&server, "latest").await;
    assert_eq!(told(&now[..2]), [("6", named("one"), true), ("5", named("two"), true)], "and no move to where it is");
    assert_eq!(now[2..], moves);
    for (query, status) in [("number=3", 404), ("number=99", 404), ("at=2000-01-01T00:00:00Z", 404)] {
        put(query, None).await.expect_error(status, "MANIFEST_UNKNOWN");
    }
    for query in ["", "number=0", "number=-1", "number=1&at=2000-01-01T00:00:00Z", "at=x"] {
        put(query, None).await.expect_error(400, "UNSUPPORTED");
    }
    server.call("PUT", "/v2/app/_supercargo/tags/old?number=1").send().await.expect(201);
    assert_eq!(server.head("/v2/app/manifests/old").await.expect(200).header("docker-content-digest"), named("one"));
    server.call("PUT", "/v2/other/_supercargo/tags/old?number=1").send().await.expect_error(404, "NAME_UNKNOWN");
}

async fn extensions_can_be_found(backend: Backend) {
    let server = moved(backend).await;
    let names = |reply: Reply| {
        let document = reply.expect(200).json();
        let of = |extension: &Value| extension["name"].as_str().unwrap().to_owned();
        document["extensions"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(names(server.get("/v2/_oci/ext/discover").await), ["_oci"]);
    assert_eq!(names(server.get("/v2/app/_oci/ext/discover").await), ["_oci", "_supercargo"]);
    let found = server.get("/v2/app/_oci/ext/discover").await.json().to_string();
    assert!(found.contains("/v2/app/_oci/tag-history/<tag>") && found.contains("/v2/app/_supercargo/tags"), "{found}");
    server.post("/v2/_oci/ext/discover").await.expect_error(405, "UNSUPPORTED");

    let without = backend.server_with(RegistryOptions { history: false, ..RegistryOptions::default() }).await;
    let without = moved_on(without).await;
    for path in ["_oci/tag-history/latest", "_supercargo/tags", "_supercargo/tags/latest"] {
        without.get(&format!("/v2/app/{path}?at=2000-01-01T00:00:00Z")).await.expect_error(404, "UNSUPPORTED");
    }
    let found = without.get("/v2/app/_oci/ext/discover").await.json().to_string();
    assert!(!found.contains("tag-history") && !found.contains("_supercargo/tags"), "{found}");
}

/// Puts bytes that say nothing in the place of the part of the journal that says the second move of a tag.
async fn lose_second_move(blobs: &BlobMemory) {
    for listed in blobs.list("journal", "", 1000).await.unwrap() {
        let body = blobs.open(&listed.place, 0, listed.size).await.unwrap().unwrap();
        let pieces: Vec<_> = body.into_stream().map(Result::unwrap).collect().await;
        if String::from_utf8_lossy(&pieces.concat()).contains("\"move\":2") {
            return blobs.put(&listed.place, "damaged".into()).await.unwrap();
        }
    }
    panic!("no part of the journal says it");
}

#[tokio::test]
async fn a_move_that_is_lost_is_told_and_spoils_no_other() {
    let blobs = Arc::new(BlobMemory::default());
    let storage = || Storage::in_memory_with(blobs.clone(), Clock::system(), Keeping::default());
    let lost = storage();
    let server = Server::over(lost.clone(), RegistryOptions::default());
    server.put_image("app", "old", "one").await;
    for text in ["one", "two", "", "one"] {
        match text {
            "" => drop(server.delete("/v2/app/manifests/latest").await.expect(202)),
            text => drop(server.put_image("app", "latest", text).await),
        }
        lost.keep_journal().await.unwrap();
    }
    let before = history(&server, "latest").await;
    lose_second_move(&blobs).await;
    let storage = storage();
    let report = storage.reindex(&Reindex::default()).await.unwrap();
    let moves = Lost::Moves { repository: "app".parse().unwrap(), tag: "latest".to_owned(), first: 2, last: 2 };
    assert!(report.lost.first.contains(&moves), "{report:?}");
    let server = Server::over(storage, RegistryOptions::default());
    let after = history(&server, "latest").await;
    assert_eq!(told(&after), [("4", named("one"), true), ("1", named("one"), true)]);
    let then = async |entry: &Value| server.get(&format!("/v2/app/_supercargo/tags/latest?at={}", time(entry))).await;
    for (entry, status, detail) in [
        (&before[0], 200, None),
        (&before[1], 404, Some(json!({ "tag": "latest" }))),
        (&before[2], 404, Some(json!({ "tag": "latest", "lost": true }))),
        (&before[3], 200, None),
    ] {
        let reply = then(entry).await.expect(status);
        if let Some(detail) = detail {
            assert_eq!(reply.json()["errors"][0]["detail"], detail);
        }
    }
    let all = async |entry: &Value| {
        let reply = server.get(&format!("/v2/app/_supercargo/tags?at={}", time(entry))).await.expect(200).json();
        let tags: Vec<String> =
            reply["tags"].as_array().unwrap().iter().map(|tag| tag["tag"].as_str().unwrap().to_owned()).collect();
        (tags, reply["lost"].clone())
    };
    let both = vec!["latest".to_owned(), "old".to_owned()];
    assert_eq!(all(&before[0]).await, (both.clone(), Value::Null));
    assert_eq!(all(&before[1]).await, (vec!["old".to_owned()], Value::Null));
    assert_eq!(all(&before[2]).await, (vec!["old".to_owned()], json!(["latest"])));
    assert_eq!(all(&before[3]).await, (both, Value::Null));
    let back = server.call("PUT", &format!("/v2/app/_supercargo/tags/latest?at={}", time(&before[2]))).send().await;
    back.expect_error(404, "MANIFEST_UNKNOWN");
}

on_every_deployment! {
    every_move_is_told_the_newest_first,
    what_is_collected_stays_in_the_history,
    the_history_comes_in_pages,
    the_moves_of_one_digest_can_be_asked_for,
    a_tag_can_be_had_as_of_a_time,
    all_tags_can_be_had_as_of_a_time,
    a_tag_goes_back_as_one_more_move,
    extensions_can_be_found,
}
