//! Tokens: how clients get them, and what they are good for.

use std::time::Duration;

use registry::access::{AccessOptions, Action, ApiKey, SigningKey, TokenOptions, Users};
use registry::{RegistryOptions, Storage};

use crate::people::{TestClock, access, allowance, basic, by, options, token_options, with};
use crate::server::{Reply, Server};

const FORM: &str = "application/x-www-form-urlencoded";

fn issuing() -> AccessOptions {
    AccessOptions { tokens: Some(token_options()), ..options() }
}

async fn get(server: &Server, query: &str, authorization: Option<&str>) -> Reply {
    let call = server.call("GET", &format!("/token?service=registry.example&{query}"));
    match authorization {
        Some(authorization) => call.header("authorization", authorization).send().await,
        None => call.send().await,
    }
}

async fn post(server: &Server, form: &str) -> Reply {
    server.call("POST", "/token").header("content-type", FORM).body(form.to_owned()).send().await
}

fn bearer(reply: Reply) -> String {
    format!("Bearer {}", reply.expect(200).json()["token"].as_str().unwrap())
}

async fn status(server: &Server, authorization: &str, method: &str, path: &str) -> u16 {
    server.call(method, path).header("authorization", authorization).send().await.status.as_u16()
}

#[tokio::test]
async fn a_token_holds_what_was_asked_for_and_may_be_had() {
    let server = with(issuing());
    for (who, asked, granted) in [
        ("reader", "repository:team/app:pull,push,delete", "repository:team/app:pull"),
        ("updater", "repository:team/app:*", "repository:team/app:pull,push"),
        ("cleaner", "repository:team/app:*", "repository:team/app:pull,delete"),
        (
            "owner",
            "repository:team/app:pull+repository:public/a:push,pull",
            "repository:team/app:pull repository:public/a:pull",
        ),
        ("stranger", "repository:team/app:*", ""),
        ("blind", "repository:team/app:*", ""),
        ("owner", "registry:catalog:*", ""),
    ] {
        let reply = get(&server, &format!("scope={asked}"), Some(&by(who))).await.expect(200);
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(reply.json()["scope"], granted, "{who}");
        assert_eq!(reply.json()["expires_in"], 300);
    }
    let anonymous = get(&server, "scope=repository:public/app:pull,push", None).await.expect(200);
    assert_eq!(anonymous.json()["scope"], "repository:public/app:pull");
    get(&server, "", Some(&basic("reader", "wrong"))).await.expect_error(401, "UNAUTHORIZED");
    let closed = with(AccessOptions { rules: vec![], ..issuing() });
    get(&closed, "", None).await.expect_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn both_the_token_and_the_rules_must_allow() {
    let server = with(issuing());
    let pull = bearer(get(&server, "scope=repository:team/app:pull", Some(&by("owner"))).await);
    assert_eq!(status(&server, &pull, "GET", "/v2/team/app/tags/list").await, 404);
    let short = server.call("POST", "/v2/team/app/blobs/uploads/").header("authorization", &pull).send().await;
    let challenge = short.expect_error(401, "UNAUTHORIZED").header("www-authenticate").to_owned();
    assert!(challenge.ends_with("scope=\"repository:team/app:pull,push\",error=\"insufficient_scope\""), "{challenge}");
    // No token brings this one further, so he is not sent for another.
    let reader = bearer(get(&server, "scope=repository:team/app:*", Some(&by("reader"))).await);
    assert_eq!(status(&server, &reader, "POST", "/v2/team/app/blobs/uploads/").await, 403);
    assert_eq!(status(&server, &reader, "GET", "/v2/other/there/tags/list").await, 403);
    let fewer = issuing().rules.into_iter().filter(|rule| rule.subjects != [crate::people::user("reader")]).collect();
    server.0.reload_access(&access(AccessOptions { rules: fewer, ..issuing() }));
    assert_eq!(status(&server, &reader, "GET", "/v2/team/app/tags/list").await, 403);
}

#[tokio::test]
async fn a_password_is_taken_beside_tokens_unless_they_are_required() {
    let server = with(issuing());
    let path = "/v2/public/app/tags/list";
    assert_eq!(status(&server, &by("reader"), "GET", path).await, 404);
    server.get(path).await.expect(404);
    let challenge = server.get("/v2/").await.expect_error(401, "UNAUTHORIZED");
    assert!(challenge.header("www-authenticate").starts_with("Bearer "), "{challenge:?}");

    let tokens =
        TokenOptions { required: true, realm: Some("https://registry.example/token".to_owned()), ..token_options() };
    let server = with(AccessOptions { tokens: Some(tokens), ..options() });
    assert_eq!(status(&server, &by("reader"), "GET", path).await, 401);
    let challenge = server.get(path).await.expect_error(401, "UNAUTHORIZED");
    let expected = "Bearer realm=\"https://registry.example/token\",service=\"registry.example\",scope=\"repository:public/app:pull\"";
    assert_eq!(challenge.header("www-authenticate"), expected);
    let anonymous = bearer(get(&server, "scope=repository:public/app:pull", None).await);
    assert_eq!(status(&server, &anonymous, "GET", path).await, 404);
    assert_eq!(status(&server, &anonymous, "GET", "/v2/").await, 200);
}

#[tokio::test]
async fn the_form_gives_tokens_by_password_and_by_refresh_token() {
    let server = with(issuing());
    let form = "grant_type=password&client_id=containerd&service=registry.example&username=writer&password=word\
                &scope=repository%3Ateam%2Fapp%3Apull%2Cpush+repository:public/a:pull&access_type=offline";
    let reply = post(&server, form).await.expect(200).json();
    assert_eq!(reply["scope"], "repository:team/app:pull,push repository:public/a:pull");
    assert_eq!(reply["access_token"], reply["token"]);
    let refresh = reply["refresh_token"].as_str().unwrap();
    let again = format!("grant_type=refresh_token&scope=repository:team/app:pull&refresh_token={refresh}");
    let token = bearer(post(&server, &again).await);
    assert_eq!(status(&server, &token, "GET", "/v2/team/app/tags/list").await, 404);
    assert_eq!(status(&server, &token, "POST", "/v2/team/app/blobs/uploads/").await, 401);
    // Neither is the other.
    assert_eq!(status(&server, &format!("Bearer {refresh}"), "GET", "/v2/").await, 401);
    let access_token = reply["access_token"].as_str().unwrap();
    let swapped = post(&server, &format!("grant_type=refresh_token&refresh_token={access_token}")).await;
    assert_eq!(swapped.expect(400).json()["error"], "invalid_grant");

    assert!(post(&server, "grant_type=password&username=writer&password=word").await.json()["refresh_token"].is_null());
    let offline = get(&server, "offline_token=true&account=writer", Some(&by("writer"))).await.expect(200);
    assert!(offline.json()["refresh_token"].is_string());
    assert!(get(&server, "offline_token=true", None).await.expect(200).json()["refresh_token"].is_null());
    for wrong in ["username=writer&password=Word", "username=eve&password=word", ""] {
        post(&server, &format!("grant_type=password&{wrong}")).await.expect_error(401, "UNAUTHORIZED");
    }
    for grant_type in ["", "grant_type=client_credentials", "grant_type=authorization_code&code=x"] {
        assert_eq!(post(&server, grant_type).await.expect(400).json()["error"], "unsupported_grant_type");
    }
    server.call("POST", "/token").body("{}").send().await.expect_error(415, "UNSUPPORTED");
}

#[tokio::test]
async fn nodes_with_the_same_key_take_each_others_tokens() {
    let one = with(issuing());
    let two = with(issuing());
    let token = bearer(get(&one, "scope=repository:team/app:pull", Some(&by("reader"))).await);
    let path = "/v2/team/app/tags/list";
    assert_eq!(status(&two, &token, "GET", path).await, 404);
    let service = TokenOptions { service: "other.example".to_owned(), ..token_options() };
    let other = with(AccessOptions { tokens: Some(service), ..options() });
    assert_eq!(status(&other, &token, "GET", path).await, 401, "a token is for one service");
    let key = |byte| SigningKey::from_bytes(&[byte; 32]).unwrap();
    for (keys, expected) in [(vec![key(8)], 401), (vec![key(8), key(7)], 404)] {
        let rotated = with(AccessOptions { tokens: Some(TokenOptions { keys, ..token_options() }), ..options() });
        assert_eq!(status(&rotated, &token, "GET", path).await, expected);
    }
    let restarted = with(AccessOptions { tokens: None, ..options() });
    assert_eq!(status(&restarted, &token, "GET", path).await, 401);
}

#[tokio::test]
async fn a_token_ends_with_its_time_and_with_the_credential_it_was_given_for() {
    let clock = TestClock::default();
    let scope = vec![allowance("team/*", &[Action::Read])];
    let (key, secret) = ApiKey::generate("ci", "writer", scope, None);
    let all = AccessOptions { keys: vec![key.clone()], ..issuing() };
    let storage: Storage = clock.storage();
    let server = Server::over(storage, RegistryOptions { access: access(all.clone()), ..RegistryOptions::default() });
    let query = "offline_token=true&scope=repository:team/app:pull,push";
    let by_key = get(&server, query, Some(&basic("writer", secret.reveal()))).await.expect(200);
    assert_eq!(by_key.json()["scope"], "repository:team/app:pull", "as far as the key goes");
    let refresh = by_key.json()["refresh_token"].as_str().unwrap().to_owned();
    let by_key = bearer(by_key);
    let by_password = bearer(get(&server, query, Some(&by("writer"))).await);
    let path = "/v2/team/app/tags/list";
    let both = async || (status(&server, &by_key, "GET", path).await, status(&server, &by_password, "GET", path).await);
    assert_eq!(both().await, (404, 404));

    server.0.reload_access(&access(AccessOptions { keys: vec![], ..all.clone() }));
    assert_eq!(both().await, (401, 404), "the key was revoked");
    let again = format!("grant_type=refresh_token&refresh_token={refresh}");
    assert_eq!(post(&server, &again).await.expect(400).json()["error"], "invalid_grant");
    let (impostor, _) = ApiKey::generate("ci", "writer", key.scope.clone(), None);
    server.0.reload_access(&access(AccessOptions { keys: vec![impostor], ..all.clone() }));
    assert_eq!(both().await, (401, 404), "another key of the same name is another key");
    let hash = bcrypt::hash("word", 4).unwrap();
    let users = Users::parse(&format!("writer:{hash}\n")).unwrap();
    server.0.reload_access(&access(AccessOptions { users, ..all.clone() }));
    assert_eq!(both().await, (404, 401), "the password was set anew");
    server.0.reload_access(&access(AccessOptions { users: Users::default(), ..all.clone() }));
    assert_eq!(both().await, (404, 401), "the user was removed");
    server.0.reload_access(&access(all));
    assert_eq!(both().await, (404, 404));

    clock.advance(Duration::from_millis(299_999));
    assert_eq!(both().await, (404, 404));
    clock.advance(Duration::from_millis(1));
    assert_eq!(both().await, (401, 401));
    post(&server, &again).await.expect(200);
    clock.advance(Duration::from_hours(24));
    post(&server, &again).await.expect(400);
}
