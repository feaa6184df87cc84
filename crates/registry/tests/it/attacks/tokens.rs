//! Tokens where they are not meant to be used, and what is asked for with them.

use oci::Digest;
use registry::access::{AccessOptions, SigningKey, TokenOptions};
use serde_json::Value;

use crate::people::{by, options, token_options, with};
use crate::server::{Reply, Server};

fn over(tokens: TokenOptions) -> Server {
    with(AccessOptions { tokens: Some(tokens), ..options() })
}

async fn token(server: &Server, who: &str, scope: &str) -> String {
    let path = format!("/token?scope={scope}&offline_token=true");
    let reply = server.call("GET", &path).header("authorization", &by(who)).send().await.expect(200);
    format!("Bearer {}", reply.json()["token"].as_str().unwrap())
}

async fn ask(server: &Server, method: &str, path: &str, token: &str) -> Reply {
    server.call(method, path).header("authorization", token).send().await
}

#[tokio::test]
async fn a_token_is_for_the_repositories_it_names_and_for_no_other() {
    let server = over(token_options());
    let bearer = token(&server, "owner", "repository:team/app:pull,push,delete").await;
    ask(&server, "GET", "/v2/team/app/tags/list", &bearer).await.expect(404);
    let blob = Digest::sha256(b"x");
    for other in ["team/ap", "team/app2", "team/app/x", "team", "app", "team/other", "x/team/app"] {
        for (method, path) in [
            ("GET", format!("/v2/{other}/tags/list")),
            ("HEAD", format!("/v2/{other}/blobs/{blob}")),
            ("PUT", format!("/v2/{other}/manifests/v1")),
            ("DELETE", format!("/v2/{other}/manifests/v1")),
            ("POST", format!("/v2/{other}/blobs/uploads/")),
            ("GET", format!("/v2/{other}/referrers/{blob}")),
            ("GET", format!("/v2/{other}/_oci/tag-history/v1")),
            ("PUT", format!("/v2/{other}/_supercargo/tags/v1?number=1")),
            ("PUT", format!("/v2/{other}/_supercargo/holds/{blob}")),
        ] {
            let reply = ask(&server, method, &path, &bearer).await;
            assert!([401, 403].contains(&reply.status.as_u16()), "{method} {path}: {reply:?}");
        }
        // What would be mounted is not said to be there.
        let mount = format!("/v2/team/app/blobs/uploads/?mount={blob}&from={other}");
        assert!(matches!(ask(&server, "POST", &mount, &bearer).await.status.as_u16(), 202 | 401));
    }
}

#[tokio::test]
async fn a_token_of_another_service_use_or_key_is_none() {
    let key = || SigningKey::from_bytes(&[7; 32]).unwrap();
    let server = over(TokenOptions { keys: vec![key()], ..token_options() });
    let scope = "repository:team/app:pull";
    let service = TokenOptions { keys: vec![key()], service: "other.example".to_owned(), ..token_options() };
    let other_key = TokenOptions { keys: vec![SigningKey::from_bytes(&[8; 32]).unwrap()], ..token_options() };
    for foreign in [over(service), over(other_key)] {
        let bearer = token(&foreign, "owner", scope).await;
        ask(&server, "GET", "/v2/team/app/tags/list", &bearer).await.expect_error(401, "UNAUTHORIZED");
        ask(&server, "GET", "/v2/", &bearer).await.expect_error(401, "UNAUTHORIZED");
    }
    let good = token(&server, "owner", scope).await;
    ask(&server, "GET", "/v2/team/app/tags/list", &good).await.expect(404);
    for wrong in [
        good.replacen("Bearer ", "Basic ", 1),
        good.replacen("Bearer ", "Bearer  x", 1),
        format!("{good}, {good}"),
        format!("{good}A"),
        good.replacen('.', "..", 1),
        good.to_lowercase(),
    ] {
        ask(&server, "GET", "/v2/team/app/tags/list", &wrong).await.expect_error(401, "UNAUTHORIZED");
    }
    // An access token fetches no tokens.
    let access = good.trim_start_matches("Bearer ");
    let form = format!("grant_type=refresh_token&refresh_token={access}&scope={scope}");
    let call = server.call("POST", "/token").header("content-type", "application/x-www-form-urlencoded").body(form);
    assert_eq!(call.send().await.expect(400).json()["error"], "invalid_grant");
}

#[tokio::test]
async fn scopes_that_are_not_scopes_give_nothing() {
    let server = over(token_options());
    let many = "repository:team/app:pull%20".repeat(2000);
    for scope in [
        "repository:*:pull",
        "repository:team/*:pull",
        "repository:../team/app:pull",
        "repository:team/app:*,*,*",
        "registry:catalog:*",
        "repository::pull",
        "repository:team/app",
        ":::",
        "%00",
        "repository:TEAM/app:pull",
        &many,
    ] {
        let path = format!("/token?scope={scope}");
        let reply = server.call("GET", &path).header("authorization", &by("reader")).send().await.expect(200);
        let granted: Value = reply.json();
        for scope in granted["scope"].as_str().unwrap().split(' ').filter(|scope| !scope.is_empty()) {
            assert_eq!(scope, "repository:team/app:pull", "a reader may no more");
        }
        assert!(reply.body.len() < 64 * 1024);
    }
}
