//! One test for each class of hole that registries have had, by the name of a case of it.

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oci::Digest;
use registry::access::{AccessOptions, Action, Groups, Subject};
use registry::{Registry, RegistryOptions};
use serde_json::json;

use crate::people::{access, by, filled, group, groups, options, rule, token_options, with};
use crate::server::{Call, MANIFEST, Reply, Server, digest, image};

trait By {
    async fn by(self, who: &str) -> Reply;
}

impl By for Call {
    async fn by(self, who: &str) -> Reply {
        self.header("authorization", &by(who)).send().await
    }
}

fn guarded() -> RegistryOptions {
    RegistryOptions { access: access(options()), ..RegistryOptions::default() }
}

async fn put(server: &Server, who: &str, path: &str, text: &str) -> Reply {
    let call = server.call("PUT", path).header("content-type", MANIFEST);
    call.body(image(&[], None, text).to_string()).by(who).await
}

/// A blob is found, or mounted, by who may not read it anywhere.
#[tokio::test]
async fn cve_2024_39897_a_blob_of_others_is_neither_found_nor_mounted() {
    let server = filled(&["other/there"], guarded()).await;
    let blob = Digest::sha256(b"{}");
    let path = format!("/v2/team/app/blobs/{blob}");
    for query in ["&from=other/there", ""] {
        let mount = server.call("POST", &format!("/v2/team/app/blobs/uploads/?mount={blob}{query}"));
        mount.by("writer").await.expect(202);
        for method in ["HEAD", "GET"] {
            server.call(method, &path).by("writer").await.expect(404);
        }
    }
    server.call("HEAD", &format!("/v2/other/there/blobs/{blob}")).by("writer").await.expect(403);
}

/// A blob that was deleted is there again once somebody else has it.
#[tokio::test]
async fn cve_2026_35172_a_deleted_blob_does_not_come_back_from_another_repository() {
    let server = filled(&["team/one", "team/two"], guarded()).await;
    let path = |repository: &str| format!("/v2/{repository}/blobs/{}", Digest::sha256(b"{}"));
    server.call("DELETE", &path("team/one")).by("owner").await.expect(202);
    server.call("GET", &path("team/two")).by("owner").await.expect(200);
    server.call("HEAD", &path("team/one")).by("owner").await.expect(404);
    server.call("GET", &path("team/one")).by("reader").await.expect(404);
}

/// Who may create and not update moves the tag `latest`.
#[tokio::test]
async fn cve_2026_31801_who_may_create_moves_no_tag_not_even_latest() {
    for tag in ["latest", "v1", "other"] {
        let server = filled(&["team/app"], guarded()).await;
        let path = format!("/v2/team/app/manifests/{tag}");
        if tag != "v1" {
            put(&server, "creator", &path, "image").await.expect(201);
        }
        put(&server, "creator", &path, "another").await.expect_error(403, "DENIED");
        // To say again what is there moves nothing.
        put(&server, "creator", &path, "image").await.expect(201);
        let another = digest(&image(&[], None, "another"));
        let by_digest = format!("/v2/team/app/manifests/{another}?tag=new&tag={tag}");
        put(&server, "creator", &by_digest, "another").await.expect_error(403, "DENIED");
        server.call("HEAD", "/v2/team/app/manifests/new").by("reader").await.expect(404);
        let head = server.call("HEAD", &path).by("reader").await.expect(200);
        assert_eq!(head.header("docker-content-digest"), digest(&image(&[], None, "image")).to_string());
        put(&server, "updater", "/v2/team/app/manifests/absent", "another").await.expect_error(403, "DENIED");
        put(&server, "updater", &path, "another").await.expect(201);
        put(&server, "writer", &path, "third").await.expect(201);
    }
}

/// The same, raced: of many who create one tag, one does.
#[tokio::test]
async fn cve_2026_31801_of_many_who_create_a_tag_at_once_one_does() {
    let server = filled(&["team/app"], guarded()).await;
    let texts: Vec<String> = (0..16).map(|number| format!("image {number}")).collect();
    let puts = texts.iter().map(|text| put(&server, "creator", "/v2/team/app/manifests/latest", text));
    let replies = futures_util::future::join_all(puts).await;
    let created = replies.iter().filter(|reply| reply.status == StatusCode::CREATED).count();
    let denied = replies.iter().filter(|reply| reply.status == StatusCode::FORBIDDEN).count();
    assert_eq!((created, denied), (1, 15));
}

/// Who may create gives what is there another type.
#[tokio::test]
async fn cve_2021_41190_who_may_create_gives_no_manifest_another_type() {
    const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
    let server = filled(&["team/app"], guarded()).await;
    let mut document = image(&[], None, "untyped");
    document.as_object_mut().unwrap().remove("mediaType");
    let path = format!("/v2/team/app/manifests/{}", digest(&document));
    let put = |who, kind| server.call("PUT", &path).header("content-type", kind).body(document.to_string()).by(who);
    put("creator", MANIFEST).await.expect(201);
    put("creator", DOCKER).await.expect_error(403, "DENIED");
    put("creator", MANIFEST).await.expect(201);
    let head = server.call("HEAD", &path).by("reader").await.expect(200);
    assert_eq!(head.header("content-type"), MANIFEST);
}

/// A document that is both an image and an index, or that says of itself what its header denies.
#[tokio::test]
async fn cve_2021_41190_a_document_is_of_one_type() {
    let server = Server::default();
    server.put_blob("app", b"{}").await;
    let mut both = image(&[], None, "");
    both["manifests"] = json!([]);
    server.put_manifest("app", "v1", MANIFEST, &both).await.expect_error(400, "MANIFEST_INVALID");
    let index = json!({ "schemaVersion": 2, "mediaType": crate::server::INDEX, "manifests": [] });
    server.put_manifest("app", "v1", MANIFEST, &index).await.expect_error(400, "MANIFEST_INVALID");
}

/// A tag is deleted where deleting is switched off, or by who may not.
#[tokio::test]
async fn cve_2026_41888_a_tag_is_deleted_only_where_and_by_whom_it_may() {
    let image = digest(&image(&[], None, "image"));
    for path in ["/v2/team/app/manifests/v1".to_owned(), format!("/v2/team/app/manifests/{image}")] {
        let server = filled(&["team/app"], RegistryOptions { deletes: false, ..guarded() }).await;
        server.call("DELETE", &path).by("owner").await.expect_error(405, "UNSUPPORTED");
        server.call("HEAD", "/v2/team/app/manifests/v1").by("reader").await.expect(200);
        let server = filled(&["team/app"], guarded()).await;
        for who in ["stranger", "reader", "creator", "updater", "writer", "blind"] {
            server.call("DELETE", &path).by(who).await.expect_error(403, "DENIED");
        }
        server.call("HEAD", "/v2/team/app/manifests/v1").by("reader").await.expect(200);
        server.call("DELETE", &path).by("cleaner").await.expect(202);
    }
}

/// What a token says of itself decides how it is checked.
#[tokio::test]
async fn cve_2025_24976_a_token_does_not_bring_its_own_key() {
    let server = with(AccessOptions { tokens: Some(token_options()), ..options() });
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = part(&json!({ "sub": "owner", "aud": "registry.example", "exp": 9_999_999_999_u64,
        "access": [{ "type": "repository", "name": "team/app", "actions": ["*"] }] }));
    let signature = URL_SAFE_NO_PAD.encode([0; 32]);
    for header in [
        json!({ "alg": "none" }),
        json!({ "alg": "HS256", "kid": "../../dev/null" }),
        json!({ "alg": "RS256", "jwk": { "kty": "RSA", "n": "AQAB", "e": "AQAB" } }),
        json!({ "alg": "RS256", "jku": "http://registry.example/keys", "x5c": ["AAAA"] }),
    ] {
        for last in ["", signature.as_str()] {
            let token = format!("Bearer {}.{claims}.{last}", part(&header));
            let reply = server.call("GET", "/v2/team/app/tags/list").header("authorization", &token).send().await;
            let challenge = reply.expect_error(401, "UNAUTHORIZED");
            assert!(challenge.header("www-authenticate").ends_with("error=\"invalid_token\""), "{challenge:?}");
        }
    }
    let sealed_by_nobody = format!("Bearer sct1.{claims}.{signature}");
    let call = server.call("GET", "/v2/team/app/tags/list").header("authorization", &sealed_by_nobody);
    call.send().await.expect_error(401, "UNAUTHORIZED");
}

/// A token of very many parts takes memory for each.
#[tokio::test]
async fn cve_2025_30204_a_token_of_many_parts_is_refused_as_any_other() {
    let server = with(AccessOptions { tokens: Some(token_options()), ..options() });
    for token in [".".repeat(60_000), format!("sct1.{}", ".".repeat(40_000)), "sct1.".to_owned() + &"A".repeat(60_000)]
    {
        let call = server.call("GET", "/v2/").header("authorization", &format!("Bearer {token}"));
        call.send().await.expect_error(401, "UNAUTHORIZED");
    }
}

/// Who was taken out of a group keeps what he had by it.
#[tokio::test]
async fn cve_2025_23208_who_leaves_a_group_loses_its_rights_at_once() {
    let options = AccessOptions { tokens: Some(token_options()), ..options() };
    let server = with(options.clone());
    let path = "/token?scope=repository:team/app:pull,push";
    let token = server.call("GET", path).by("owner").await.expect(200).json();
    let token = format!("Bearer {}", token["token"].as_str().unwrap());
    let list = || server.call("GET", "/v2/team/app/tags/list").header("authorization", &token).send();
    list().await.expect(404);
    server.0.reload_access(&access(AccessOptions { groups: Groups::default(), ..options.clone() }));
    list().await.expect_error(403, "DENIED");
    server.call("GET", "/v2/team/app/tags/list").by("owner").await.expect_error(403, "DENIED");
    let moved =
        AccessOptions { rules: vec![rule(group("other"), "team/*", &[Action::Read])], groups: groups(), ..options };
    server.0.reload_access(&access(moved));
    list().await.expect_error(403, "DENIED");
}

/// The number of entries that is asked for is made room for.
#[tokio::test]
async fn cve_2023_2253_a_number_from_outside_is_bounded() {
    let server = filled(&["team/app"], guarded()).await;
    for number in ["9223372036854775807", "18446744073709551615", "99999999999999999999999", "-1", "1e9"] {
        let reply = server.call("GET", &format!("/v2/team/app/tags/list?n={number}")).by("reader").await;
        assert!([200, 400].contains(&reply.status.as_u16()), "{number}: {reply:?}");
        // The list of all repositories would tell of those that one may not read.
        server.call("GET", &format!("/v2/_catalog?n={number}")).by("reader").await.expect(404);
    }
}

/// A digest becomes a path before it is looked at.
#[tokio::test]
async fn cve_2024_3727_a_digest_is_one_before_it_is_used() {
    let server = filled(&["team/app"], guarded()).await;
    for digest in ["sha256:..%2F..%2Fetc%2Fpasswd", "sha256:..", "..:..", "sha256:", "sha256%3A%2e%2e", "sha256:zz"] {
        for kind in ["blobs", "manifests", "referrers"] {
            let reply = server.call("GET", &format!("/v2/team/app/{kind}/{digest}")).by("reader").await;
            reply.expect_error(400, "DIGEST_INVALID");
        }
        let mount = server.call("POST", &format!("/v2/team/app/blobs/uploads/?mount={digest}&from=team/app"));
        mount.by("writer").await.expect_error(400, "DIGEST_INVALID");
    }
}

/// A manifest, or a form, without end.
#[tokio::test]
async fn cve_2017_11468_what_is_read_into_memory_is_bounded() {
    let server = with(AccessOptions { tokens: Some(token_options()), ..options() });
    let large = vec![b'x'; 5 * 1024 * 1024];
    let put = server.call("PUT", "/v2/team/app/manifests/v1").header("content-type", MANIFEST).body(large.clone());
    put.by("writer").await.expect_error(413, "SIZE_INVALID");
    let form = server.call("POST", "/token").header("content-type", "application/x-www-form-urlencoded").body(large);
    form.send().await.expect_error(413, "SIZE_INVALID");
}

/// There is a user whom nobody made, or a right that nobody gave.
#[tokio::test]
async fn cve_2026_4404_nobody_comes_in_whom_nobody_let_in() {
    let server = with(AccessOptions::default());
    let everyone =
        AccessOptions { rules: vec![rule(Subject::Authenticated, "*", &[Action::Read])], ..AccessOptions::default() };
    for server in [server, with(everyone)] {
        for (user, password) in
            [("admin", "admin"), ("admin", ""), ("", "admin"), ("root", "root"), ("admin", "Harbor12345")]
        {
            let call = server.call("GET", "/v2/app/tags/list");
            let call = call.header("authorization", &crate::people::basic(user, password));
            call.send().await.expect_error(401, "UNAUTHORIZED");
        }
        server.get("/v2/app/tags/list").await.expect_error(401, "UNAUTHORIZED");
    }
}

/// A secret comes into a log.
#[test]
fn cve_2025_48374_no_secret_shows() {
    let (key, secret) = registry::access::ApiKey::generate("ci", "writer", vec![], None);
    let all = AccessOptions { tokens: Some(token_options()), keys: vec![key], ..options() };
    let registry = Registry::in_memory(RegistryOptions { access: access(all.clone()), ..RegistryOptions::default() });
    let shown = format!("{all:?} {registry:?} {secret:?}");
    for hidden in ["$04$", "word\"", secret.reveal()] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}
