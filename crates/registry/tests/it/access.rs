//! Who may do what.

use std::time::Duration;

use base64::Engine as _;
use registry::{Access, Credentials, RegistryOptions};

use crate::people::TestClock;
use crate::server::{Call, Reply, Server};

fn credentials() -> Credentials {
    Credentials { user: "ada".to_owned(), password: "s3cret:with colon".to_owned() }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

fn right() -> String {
    basic("ada", "s3cret:with colon")
}

fn with(access: Access) -> Server {
    Server::with(RegistryOptions { access, ..RegistryOptions::default() })
}

fn bearer(anonymous_pull: bool) -> Server {
    with(Access::Bearer { credentials: credentials(), anonymous_pull, lifetime: Duration::from_mins(5) })
}

async fn token(server: &Server, scopes: &str, authorization: Option<&str>) -> String {
    let reply = ask_for_token(server, scopes, authorization).await.expect(200);
    let document = reply.json();
    assert_eq!(document["token"], document["access_token"]);
    assert_eq!(document["expires_in"], 300);
    format!("Bearer {}", document["token"].as_str().unwrap())
}

async fn ask_for_token(server: &Server, scopes: &str, authorization: Option<&str>) -> Reply {
    let call = server.call("GET", &format!("/token?service=supercargo&{scopes}"));
    match authorization {
        Some(authorization) => call.header("authorization", authorization).send().await,
        None => call.send().await,
    }
}

trait Authorized {
    async fn by(self, authorization: &str) -> Reply;
}

impl Authorized for Call {
    async fn by(self, authorization: &str) -> Reply {
        self.header("authorization", authorization).send().await
    }
}

#[test]
fn a_password_does_not_show() {
    let options = RegistryOptions { access: Access::Basic(credentials()), ..RegistryOptions::default() };
    let shown = format!("{options:?} {:?}", Server::with(options.clone()).0);
    assert!(shown.contains("ada") && !shown.contains("s3cret"), "{shown}");
}

#[tokio::test]
async fn basic_authentication() {
    let server = with(Access::Basic(credentials()));
    for path in ["/v2/", "/v2/app/tags/list"] {
        let reply = server.get(path).await.expect_error(401, "UNAUTHORIZED");
        assert_eq!(reply.header("www-authenticate"), "Basic realm=\"supercargo\"");
    }
    let wrong = [
        basic("ada", "wrong"),
        basic("eve", "s3cret:with colon"),
        basic("ada", ""),
        "Basic".to_owned(),
        "Basic !".to_owned(),
        right().replace("Basic", "Bearer"),
    ];
    for authorization in wrong {
        server.call("GET", "/v2/").by(&authorization).await.expect_error(401, "UNAUTHORIZED");
    }
    server.call("GET", "/v2/").by(&right()).await.expect(200);
    server.call("GET", "/v2/").by(&right().replace("Basic", "basic")).await.expect(200);
    server.call("POST", "/v2/app/blobs/uploads/").by(&right()).await.expect(202);
    server.get("/token").await.expect_error(404, "UNSUPPORTED");
}

#[tokio::test]
async fn the_challenge_says_where_and_for_what_to_ask() {
    let server = bearer(false);
    let digest = oci::Digest::sha256(b"");
    let realm = "Bearer realm=\"http://127.0.0.1:5000/token\",service=\"supercargo\"";
    let cases = [
        ("GET", "/v2/".to_owned(), String::new()),
        ("GET", "/v2/a/b/manifests/v1".to_owned(), ",scope=\"repository:a/b:pull\"".to_owned()),
        ("PUT", "/v2/a/b/manifests/v1".to_owned(), ",scope=\"repository:a/b:pull,push\"".to_owned()),
        ("POST", "/v2/app/blobs/uploads/".to_owned(), ",scope=\"repository:app:pull,push\"".to_owned()),
        ("DELETE", format!("/v2/app/blobs/{digest}"), ",scope=\"repository:app:delete\"".to_owned()),
        (
            "POST",
            format!("/v2/app/blobs/uploads/?mount={digest}&from=base"),
            ",scope=\"repository:app:pull,push repository:base:pull\"".to_owned(),
        ),
    ];
    for (method, path, scope) in cases {
        let reply = server.call(method, &path).header("host", "127.0.0.1:5000").send().await;
        assert_eq!(reply.expect_error(401, "UNAUTHORIZED").header("www-authenticate"), format!("{realm}{scope}"));
    }
    let hostile = server.call("GET", "/v2/").header("host", "x\",realm=\"http://evil").send().await.expect(401);
    assert!(hostile.header("www-authenticate").starts_with("Bearer realm=\"http://localhost/token\""));
}

#[tokio::test]
async fn a_token_is_good_for_its_scopes() {
    let server = bearer(false);
    let push = token(&server, "scope=repository:app:pull,push", Some(&right())).await;
    server.call("GET", "/v2/").by(&push).await.expect(200);
    server.call("POST", "/v2/app/blobs/uploads/").by(&push).await.expect(202);
    let reply = server.call("DELETE", "/v2/app/manifests/v1").by(&push).await.expect_error(401, "UNAUTHORIZED");
    assert!(reply.header("www-authenticate").ends_with(",error=\"insufficient_scope\""), "{reply:?}");
    server.call("POST", "/v2/app2/blobs/uploads/").by(&push).await.expect_error(401, "UNAUTHORIZED");

    let pull = token(&server, "scope=repository:app:pull", Some(&right())).await;
    server.call("GET", "/v2/app/tags/list").by(&pull).await.expect_error(404, "NAME_UNKNOWN");
    server.call("PUT", "/v2/app/manifests/v1").by(&pull).await.expect_error(401, "UNAUTHORIZED");
    let both = token(
        &server,
        "scope=repository:one:pull&scope=repository:two:pull%20repository:three:*+repository:four:pull",
        Some(&right()),
    )
    .await;
    server.call("GET", "/v2/two/tags/list").by(&both).await.expect(404);
    server.call("DELETE", "/v2/three/manifests/v1").by(&both).await.expect(404);
    server.call("GET", "/v2/four/tags/list").by(&both).await.expect(404);
    server.call("GET", "/v2/").by("Bearer 0000").await.expect_error(401, "UNAUTHORIZED");
    server.call("GET", "/v2/").by(&right()).await.expect_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn tokens_are_for_those_who_are_known() {
    let server = bearer(false);
    for authorization in [None, Some(basic("ada", "wrong")), Some("Bearer x".to_owned())] {
        let reply = ask_for_token(&server, "scope=repository:app:pull", authorization.as_deref()).await;
        assert_eq!(reply.expect_error(401, "UNAUTHORIZED").header("www-authenticate"), "Basic realm=\"supercargo\"");
    }
    server.call("PUT", "/token").send().await.expect_error(405, "UNSUPPORTED");
}

#[tokio::test]
async fn everybody_may_be_let_pull_and_nothing_else() {
    let server = bearer(true);
    server.get("/v2/app/tags/list").await.expect_error(401, "UNAUTHORIZED");
    let anonymous = token(&server, "scope=repository:app:*", None).await;
    server.call("GET", "/v2/app/tags/list").by(&anonymous).await.expect_error(404, "NAME_UNKNOWN");
    server.call("POST", "/v2/app/blobs/uploads/").by(&anonymous).await.expect_error(401, "UNAUTHORIZED");
    server.call("DELETE", "/v2/app/manifests/v1").by(&anonymous).await.expect_error(401, "UNAUTHORIZED");
    ask_for_token(&server, "", Some(&basic("ada", "wrong"))).await.expect_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn mounts_need_the_right_to_pull_from_the_source() {
    let server = bearer(false);
    let all = token(&server, "scope=repository:secret:*&scope=repository:public:*", Some(&right())).await;
    let content = oci::Digest::sha256(b"content");
    let put = server.call("POST", &format!("/v2/secret/blobs/uploads/?digest={content}")).body("content");
    put.by(&all).await.expect(201);

    let app = token(&server, "scope=repository:app:pull,push&scope=repository:public:pull", Some(&right())).await;
    let mount = |query: &str| server.call("POST", &format!("/v2/app/blobs/uploads/?mount={content}{query}"));
    mount("&from=secret").by(&app).await.expect_error(401, "UNAUTHORIZED");
    // That it is somewhere else does not show either.
    mount("").by(&app).await.expect(202);
    server.call("HEAD", &format!("/v2/app/blobs/{content}")).by(&app).await.expect(404);
    let put = server.call("POST", &format!("/v2/public/blobs/uploads/?digest={content}")).body("content");
    put.by(&all).await.expect(201);
    mount("").by(&app).await.expect(201);
}

#[tokio::test]
async fn tokens_expire() {
    let clock = TestClock::default();
    let access = Access::Bearer { credentials: credentials(), anonymous_pull: false, lifetime: Duration::from_mins(5) };
    let server = Server::over(clock.storage(), RegistryOptions { access, ..RegistryOptions::default() });
    let pull = token(&server, "scope=repository:app:pull", Some(&right())).await;
    clock.advance(Duration::from_secs(299));
    server.call("GET", "/v2/").by(&pull).await.expect(200);
    clock.advance(Duration::from_secs(1));
    server.call("GET", "/v2/").by(&pull).await.expect_error(401, "UNAUTHORIZED");
}
