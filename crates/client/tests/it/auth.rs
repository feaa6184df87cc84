//! Challenges, tokens, and where what is secret may go.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use bytes::Bytes;
use client::{Client, Credential, Credentials, Secret};
use oci::Digest;
use store::{Store as _, StoreError};

use crate::server::{Head, Reply, Server, options};

const PAGE: &str = r#"{"name":"app","tags":["a"]}"#;

pub(crate) fn password(user: &str, password: &str) -> Credential {
    Credential::Password { user: user.to_owned(), password: Secret::new(password.to_owned()) }
}

fn credentials(server: &Server, credential: Credential) -> Credentials {
    let mut credentials = Credentials::default();
    credentials.add(&server.address.to_string(), credential);
    credentials
}

/// A registry with a token service beside it (`/token`), whose tokens are numbered and good for `uses` requests.
fn with_tokens(uses: usize) -> (impl Fn(&Head, &Bytes) -> Reply + Send + Sync + 'static, Arc<AtomicUsize>) {
    let issued = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&issued);
    let left = Mutex::new(0);
    let service = move |head: &Head, _: &Bytes| {
        if head.path == "/token" {
            *left.lock().unwrap() = uses;
            let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
            return Reply::new(200).body(format!(r#"{{"token":"t{number}","expires_in":300}}"#));
        }
        let current = format!("Bearer t{}", counter.load(Ordering::SeqCst));
        let mut left = left.lock().unwrap();
        if head.header("authorization") == Some(&current) && *left > 0 {
            *left -= 1;
            return Reply::new(200).body(PAGE);
        }
        let realm = format!("http://{}/token", head.header("host").unwrap());
        Reply::new(401).with("www-authenticate", format!(r#"Bearer realm="{realm}",service="s & s""#))
    };
    (service, issued)
}

#[tokio::test]
async fn one_ping_and_one_token_for_many_requests_at_once() {
    let (service, issued) = with_tokens(1000);
    let server = Server::start(service).await;
    let repository = server.repository();
    let requests = (0..20).map(|_| repository.tags());
    for outcome in futures_util::future::join_all(requests).await {
        assert_eq!(outcome.unwrap().len(), 1);
    }
    assert_eq!((server.pings(), issued.load(Ordering::SeqCst)), (1, 1));
    let token = server.seen().into_iter().find(|head| head.path == "/token").unwrap();
    assert_eq!(token.query["scope"], "repository:app:pull");
    assert_eq!(token.query["service"], "s+%26+s");
    assert_eq!(token.header("authorization"), None);
}

#[tokio::test]
async fn a_password_goes_to_the_token_service() {
    let (service, _) = with_tokens(1000);
    let server = Server::start(service).await;
    let repository = server.repository_with(|options| {
        options.credentials = credentials(&server, password("user", "pass:word"));
    });
    repository.tags().await.unwrap();
    let token = server.seen().into_iter().find(|head| head.path == "/token").unwrap();
    assert_eq!(token.header("authorization"), Some("Basic dXNlcjpwYXNzOndvcmQ="));
}

#[tokio::test]
async fn a_refresh_token_is_posted() {
    let forms = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&forms);
    let server = Server::start(move |head: &Head, body: &Bytes| {
        if head.path == "/token" {
            seen.lock().unwrap().push((head.method.clone(), String::from_utf8(body.to_vec()).unwrap()));
            return Reply::new(200).body(r#"{"token":"","access_token":"x"}"#);
        }
        match head.header("authorization") {
            Some("Bearer x") => Reply::new(200).body(PAGE),
            _ => Reply::new(401).with("www-authenticate", r#"Bearer realm="/token",service="s""#),
        }
    })
    .await;
    let repository = server.repository_with(|options| {
        options.credentials = credentials(&server, Credential::Refresh(Secret::new("a+b".to_owned())));
    });
    repository.tags().await.unwrap();
    let expected =
        "grant_type=refresh_token&service=s&client_id=supercargo&scope=repository%3Aapp%3Apull&refresh_token=a%2Bb";
    assert_eq!(*forms.lock().unwrap(), [("POST".to_owned(), expected.to_owned())]);
}

#[tokio::test]
async fn a_token_that_ends_is_renewed_once() {
    let (service, issued) = with_tokens(2);
    let server = Server::start(service).await;
    let repository = server.repository();
    for _ in 0..6 {
        repository.tags().await.unwrap();
    }
    assert_eq!(issued.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_registry_that_never_lets_in_is_not_asked_for_ever() {
    let (service, issued) = with_tokens(0);
    let server = Server::start(service).await;
    let error = server.repository().tags().await.unwrap_err();
    assert!(matches!(error, StoreError::Denied { .. }), "{error}");
    assert_eq!((server.count("GET", "/tags/"), issued.load(Ordering::SeqCst)), (1, 1));

    let server = Server::start(|_: &Head, _: &Bytes| Reply::new(401).with("www-authenticate", "Basic realm=x")).await;
    let error = server.repository().tags().await.unwrap_err();
    assert!(matches!(error, StoreError::Denied { .. }), "{error}");
    assert!(error.to_string().contains("user name"), "{error}");
    let repository =
        server.repository_with(|options| options.credentials = credentials(&server, password("u", "geheim")));
    let error = repository.tags().await.unwrap_err();
    assert!(matches!(error, StoreError::Denied { .. }), "{error}");
    let shown = format!("{error} {error:?} {repository:?}");
    assert!(!shown.contains("geheim") && !shown.contains("dTpnZWhlaW0"), "{shown}");
    assert_eq!(server.count("GET", "/tags/"), 2);

    let server = Server::start(|_: &Head, _: &Bytes| Reply::new(401)).await;
    assert!(matches!(server.repository().tags().await, Err(StoreError::Denied { .. })));
    assert_eq!(server.count("GET", "/tags/"), 1);
}

#[tokio::test]
async fn a_scope_that_the_registry_names_itself_is_asked_for() {
    let server = Server::start(|head: &Head, _: &Bytes| {
        if head.path == "/token" {
            let named = head.query["scope"] == "repository:project/app:pull";
            return Reply::new(200).body(if named { r#"{"token":"right"}"# } else { r#"{"token":"wrong"}"# });
        }
        match head.header("authorization") {
            Some("Bearer right") => Reply::new(200).body(PAGE),
            _ => {
                Reply::new(401).with("www-authenticate", r#"Bearer realm="/token",scope="repository:project/app:pull""#)
            }
        }
    })
    .await;
    server.repository().tags().await.unwrap();
    assert_eq!(server.count("GET", "/token"), 2);
}

#[tokio::test]
async fn credentials_of_the_longest_prefix_are_shown() {
    let server = Server::start(|head: &Head, _: &Bytes| match head.header("authorization") {
        Some("Basic ZGVlcDp4") => Reply::new(200).body(PAGE),
        _ => Reply::new(401).with("www-authenticate", "Basic realm=x"),
    })
    .await;
    let mut credentials = credentials(&server, password("general", "x"));
    credentials.add(&format!("{}/app", server.address), password("deep", "x"));
    server.repository_with(|options| options.credentials = credentials).tags().await.unwrap();
}

#[tokio::test]
async fn a_token_service_that_does_not_show_who_it_is_gets_nothing() {
    let server = Server::start(|_: &Head, _: &Bytes| {
        Reply::new(401).with("www-authenticate", r#"Bearer realm="http://tokens.example/token""#)
    })
    .await;
    let repository =
        server.repository_with(|options| options.credentials = credentials(&server, password("u", "geheim")));
    let error = repository.tags().await.unwrap_err();
    assert!(matches!(error, StoreError::Denied { .. }), "{error}");
    assert!(error.to_string().contains("tokens.example is not reached over TLS"), "{error}");
}

#[tokio::test]
async fn answers_of_a_token_service_are_judged() {
    let cases: [(u16, String, &str); 6] = [
        (200, "<html>".to_owned(), "JSON"),
        (200, "{}".to_owned(), "no token"),
        (200, r#"{"token":"a\nb"}"#.to_owned(), "cannot be sent"),
        (200, format!(r#"{{"token":"{}"}}"#, "x".repeat(300_000)), "too many bytes"),
        (400, r#"{"error":"invalid_grant"}"#.to_owned(), "does not accept"),
        (403, String::new(), "403"),
    ];
    for (status, body, expected) in cases {
        let server = Server::start(move |head: &Head, _: &Bytes| match head.path.as_str() {
            "/token" => Reply::new(status).body(body.clone()),
            _ => Reply::new(401).with("www-authenticate", r#"Bearer realm="/token""#),
        })
        .await;
        let error = server.repository().tags().await.unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_carries_no_credentials() {
    let content = Bytes::from_static(b"content");
    let digest = Digest::sha256(&content);
    let elsewhere = Server::start(move |_: &Head, _: &Bytes| Reply::new(200).body(content.clone())).await;
    for status in [301, 302, 303, 307, 308] {
        let target = format!("http://{}/signed?s=1", elsewhere.address);
        let server = Server::start(move |head: &Head, _: &Bytes| match head.header("authorization") {
            None => Reply::new(401).with("www-authenticate", "Basic realm=x"),
            Some(_) => Reply::new(status).with("location", &target).with("set-cookie", "a=b"),
        })
        .await;
        let repository =
            server.repository_with(|options| options.credentials = credentials(&server, password("u", "geheim")));
        assert_eq!(repository.stat_blob(&digest).await.unwrap(), Some(7));
    }
    assert_eq!(elsewhere.seen().len(), 5);
    for head in elsewhere.seen() {
        assert_eq!((head.header("authorization"), head.header("cookie")), (None, None));
    }
}

#[tokio::test]
async fn another_host_cannot_ask_for_credentials() {
    let elsewhere =
        Server::start(|_: &Head, _: &Bytes| Reply::new(401).with("www-authenticate", "Basic realm=x")).await;
    let target = format!("http://{}/", elsewhere.address);
    let server = Server::start(move |head: &Head, _: &Bytes| match head.path.as_str() {
        "/v2/" => Reply::new(200),
        _ => Reply::new(307).with("location", &target),
    })
    .await;
    let mut known = credentials(&server, password("u", "geheim"));
    known.add(&elsewhere.address.to_string(), password("u", "geheim"));
    let repository = server.repository_with(|options| options.credentials = known);
    let error = repository.tags().await.unwrap_err();
    assert!(matches!(error, StoreError::Denied { .. }), "{error}");
    assert_eq!(elsewhere.seen().len(), 1);
}

#[tokio::test]
async fn the_users_of_a_real_registry() {
    use testkit::peers::{PASSWORD, PeerRegistry, USER};
    let Some(running) = PeerRegistry::Distribution.start_with_users() else { return };
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"));
    write!(file, r#"{{"auths":{{"{}":{{"auth":"{auth}"}}}}}}"#, running.host()).unwrap();
    let mut wrong = Credentials::default();
    wrong.add(running.host().as_str(), password(USER, "guess"));
    let cases =
        [(Credentials::from_files([file.path()]).unwrap(), true), (wrong, false), (Credentials::default(), false)];
    for (credentials, let_in) in cases {
        let client = Client::new(client::ClientOptions { credentials, ..options() });
        let repository = client.repository(&running.host(), &"app".parse().unwrap());
        match repository.tags().await {
            Ok(tags) => assert!(let_in && tags.is_empty()),
            Err(error) => assert!(!let_in && matches!(error, StoreError::Denied { .. }), "{error}"),
        }
    }
}

#[test]
fn a_file_of_credentials_that_cannot_be_used_is_named() {
    let missing = Credentials::from_files(["/nonexistent/auth.json"]).unwrap_err();
    assert!(matches!(missing, StoreError::File { .. }), "{missing}");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, r#"{{"auths":{{"h":{{"auth":geheim}}}}}}"#).unwrap();
    let error = Credentials::from_files([file.path()]).unwrap_err();
    assert!(matches!(error, StoreError::Format { .. }), "{error}");
    assert!(!format!("{error:?}").contains("geheim"));
}

#[tokio::test]
async fn what_a_loopback_registry_speaks_is_found_out_once() {
    let server = Server::start(|_: &Head, _: &Bytes| Reply::new(200).body(PAGE)).await;
    let client = Client::new(client::ClientOptions { plain_http: false, ..options() });
    let repository = client.repository(&server.host(), &"app".parse().unwrap());
    for _ in 0..3 {
        repository.tags().await.unwrap();
    }
    client.ping(&server.host()).await.unwrap();
    assert_eq!((server.pings(), server.count("GET", "/tags/")), (1, 3));
    // One connection asked for TLS, the other one was used for everything.
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_token_for_two_repositories_is_used_for_each_as_far_as_it_goes() {
    let issued = AtomicUsize::new(0);
    let server = Server::start(move |head: &Head, _: &Bytes| {
        if head.path == "/token" {
            // The first is asked for both repositories, and given for one.
            let token = if issued.fetch_add(1, Ordering::SeqCst) == 0 { "wide" } else { "narrow" };
            return Reply::new(200).body(format!(r#"{{"token":"{token}","expires_in":300}}"#));
        }
        let challenge = r#"Bearer realm="/token",service="s""#;
        match (head.path.as_str(), head.header("authorization")) {
            ("/v2/app/blobs/uploads/", Some("Bearer wide")) => Reply::new(400),
            ("/v2/app/tags/list", Some("Bearer wide")) | ("/v2/other/tags/list", Some("Bearer narrow")) => {
                Reply::new(200).body(PAGE)
            }
            _ => Reply::new(401).with("www-authenticate", challenge),
        }
    })
    .await;
    let client = Client::new(options());
    let other = client.repository(&server.host(), &"other".parse().unwrap());
    let repository = client.repository(&server.host(), &"app".parse().unwrap());
    let descriptor = oci::Descriptor::of(oci::MediaType::OCTET_STREAM, b"content");
    assert!(!repository.adopt_blob(&descriptor, &other.identity()).await.unwrap());
    for _ in 0..2 {
        repository.tags().await.unwrap();
        other.tags().await.unwrap();
    }
    assert_eq!(server.count("GET", "/token"), 2, "one for both, and one for what that was not good for");
    assert_eq!((server.count("GET", "/v2/app/tags/"), server.count("GET", "/v2/other/tags/")), (2, 3));
}
