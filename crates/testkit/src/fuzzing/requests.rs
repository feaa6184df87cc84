//! What clients ask our registry.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use oci::Digest;
use registry::access::{Groups, Scope, Users};
use registry::query::{Query, decode, encode};
use registry::range::{ContentRange, Requested};
use registry::route::{Resource, Route};
use registry::{Access, Configuration, Credentials, Registry, RegistryOptions};

use super::assert_printable;
use super::pieces::pieces_named_by;
use super::place::run;

/// Most bytes of a blob in these tests.
const BLOB_MAX_BYTES: u64 = 1 << 20;

/// Reads paths, queries and ranges. What is accepted can be written and read again.
pub fn request(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(route) = Route::parse(text) {
        assert_eq!(Route::parse(&path(&route)).as_ref(), Ok(&route), "{text}");
    }
    assert_eq!(decode(&encode(text)).as_deref(), Some(text));
    if let Ok(query) = Query::parse(text) {
        for key in ["n", "last", "digest", "mount", "from", "artifactType", "scope"] {
            assert_eq!(query.get(key), query.all(key).next());
        }
    }
    for size in [0, 1, 1000, u64::MAX] {
        if let Requested::Part { first, last } = Requested::parse(text, size) {
            assert!(first <= last && last < size);
        }
    }
    if let Ok(range) = text.parse::<ContentRange>() {
        assert!(range.length > 0);
        let last = range.first.checked_add(range.length).unwrap() - 1;
        assert_eq!(format!("{}-{last}", range.first).parse(), Ok(range));
    }
}

fn path(route: &Route) -> String {
    let (name, resource) = match route {
        Route::Ping => return "/v2/".to_owned(),
        Route::Extensions => return "/v2/_oci/ext/discover".to_owned(),
        Route::Repository { name, resource } => (name, resource),
    };
    let rest = match resource {
        Resource::Blob(digest) => format!("blobs/{digest}"),
        Resource::Uploads => "blobs/uploads/".to_owned(),
        Resource::Upload(id) => format!("blobs/uploads/{id}"),
        Resource::Manifest(name) => format!("manifests/{name}"),
        Resource::Tags => "tags/list".to_owned(),
        Resource::Referrers(digest) => format!("referrers/{digest}"),
        Resource::Extensions => "_oci/ext/discover".to_owned(),
        Resource::History(tag) => format!("_oci/tag-history/{tag}"),
        Resource::TagsThen => "_supercargo/tags".to_owned(),
        Resource::TagThen(tag) => format!("_supercargo/tags/{tag}"),
        Resource::Holds => "_supercargo/holds".to_owned(),
        Resource::Hold(digest) => format!("_supercargo/holds/{digest}"),
    };
    format!("/v2/{name}/{rest}")
}

/// Asks a registry in memory a series of requests, one a piece: `METHOD TARGET`, header fields, an empty line, the body.
/// `^` in a target stands for the last `Location`. The registry never fails, and what it serves under a digest is that.
///
/// The first byte says who may do what: `b` one user, `t` tokens, others everybody.
pub fn registry(data: &[u8]) {
    let Some((access, rest)) = data.split_first() else { return };
    let credentials = || Credentials { user: "user".to_owned(), password: "word".to_owned() };
    let access = match access {
        b'b' => Access::Basic(credentials()),
        b't' => Access::Bearer { credentials: credentials(), anonymous_pull: true, lifetime: Duration::from_mins(1) },
        _ => Access::Open,
    };
    let options =
        RegistryOptions { access, blob_max_bytes: BLOB_MAX_BYTES, uploads_max: 8, ..RegistryOptions::default() };
    let registry = Registry::in_memory(options);
    run(async {
        let mut location = String::new();
        for piece in pieces_named_by(rest, |piece| split(piece).1) {
            if let Some(request) = read(&piece, &location)
                && let Some(next) = ask(&registry, request).await
            {
                location = next;
            }
        }
    });
}

/// Splits a request into its head and its body.
fn split(piece: &[u8]) -> (&[u8], &[u8]) {
    match piece.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&piece[..end], &piece[end + 2..]),
        None => (piece, &[]),
    }
}

fn read(piece: &[u8], location: &str) -> Option<Request<Vec<u8>>> {
    let (head, body) = split(piece);
    let mut lines = std::str::from_utf8(head).ok()?.lines();
    let (method, target) = lines.next()?.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(target.replacen('^', location, 1));
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        request = request.header(name, value);
    }
    request.body(body.to_vec()).ok()
}

/// Returns the `Location` of the answer.
async fn ask(registry: &Registry, request: Request<Vec<u8>>) -> Option<String> {
    let asked = request.uri().clone();
    let is_head = request.method() == Method::HEAD;
    let is_whole = request.method() == Method::GET && !request.headers().contains_key(http::header::RANGE);
    let response = registry.respond(request.map(Into::into)).await;
    let (head, body) = response.into_parts();
    assert_ne!(head.status, StatusCode::INTERNAL_SERVER_ERROR, "{asked}");
    let body = body.collect().await.unwrap().to_bytes();
    assert!(!is_head || body.is_empty(), "{asked}");
    if let Some(length) = head.headers.get(http::header::CONTENT_LENGTH).filter(|_| !is_head) {
        assert_eq!(length.to_str().unwrap(), body.len().to_string(), "{asked}");
    }
    if (head.status.is_client_error() || head.status.is_server_error()) && !is_head && asked.path() != "/token" {
        check_error(&body);
    }
    if is_whole
        && head.status == StatusCode::OK
        && let Ok(Route::Repository { resource, .. }) = Route::parse(asked.path())
    {
        check_content(&resource, &body);
    }
    let location = head.headers.get(http::header::LOCATION)?.to_str().unwrap().to_owned();
    let path = location.split('?').next().unwrap_or_default();
    let leads_back = Route::parse(path).is_ok_and(|route| matches!(route, Route::Repository { .. }));
    assert!(leads_back, "{location} leads nowhere");
    Some(location)
}

fn check_content(resource: &Resource, body: &[u8]) {
    let matches = |digest: &Digest| assert!(digest.verify(body).is_ok(), "{digest} is something else");
    match resource {
        Resource::Blob(digest) | Resource::Manifest(registry::route::ManifestName::Digest(digest)) => matches(digest),
        Resource::Tags | Resource::Referrers(_) => drop(serde_json::from_slice::<serde_json::Value>(body).unwrap()),
        _ => {}
    }
}

/// An error is what the specification says that it is.
fn check_error(body: &[u8]) {
    let document: serde_json::Value = serde_json::from_slice(body).unwrap();
    let errors = document["errors"].as_array().unwrap();
    assert!(!errors.is_empty());
    for error in errors {
        assert!(error["code"].as_str().is_some_and(|code| !code.is_empty()), "{document}");
        assert!(error["message"].is_string(), "{document}");
    }
}

/// What is shown of a configuration is a file that says the same, but for passwords.
fn check_shown(configuration: &Configuration) {
    let settings = configuration.settings();
    let lines: Vec<String> = settings.iter().map(|setting| format!("{} = {}\n", setting.key, setting.value)).collect();
    let text = lines.concat();
    let again = Configuration::read(Some((&text, Path::new(""))), &BTreeMap::new());
    let again = again.unwrap_or_else(|error| panic!("{error}:\n{text}"));
    assert_eq!(again.settings(), settings);
}

/// Reads the files that an operator gives a server: its configuration, users, groups; and scopes, which clients send. What is refused is
/// refused with a message that can be shown.
pub fn serving(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Configuration::read(Some((text, Path::new("etc"))), &BTreeMap::new()) {
        Ok(configuration) => check_shown(&configuration),
        Err(error) => assert_printable(&error),
    }
    for name in ["SUPERCARGO_SERVE_LISTEN", "SUPERCARGO_SERVE_LIMITS_UPLOADS", "SUPERCARGO_SERVE_AUTH_ANONYMOUS"] {
        let variables = BTreeMap::from([(name.to_owned(), text.to_owned())]);
        if let Err(error) = Configuration::read(None, &variables) {
            assert_printable(&error);
        }
    }
    match Users::parse(text) {
        Ok(users) => {
            let lines = || text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
            assert_eq!(users.len(), lines().count());
            assert!(lines().all(|line| line.split_once(':').is_some_and(|(name, _)| users.has(name))));
            assert!(users.is_empty() || Users::parse(&format!("{text}\n{text}")).is_err(), "a user is there twice");
        }
        Err(error) => assert_printable(&error),
    }
    if let Err(error) = Groups::parse(text) {
        assert_printable(&error);
    }
    if let Some(scope) = Scope::parse(text) {
        assert_eq!(Scope::parse(&scope.to_string()), Some(scope));
    }
}
