//! Who sends a request, what it expects to find, and tokens.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use oci::Digest;
use registry::access::{AccessOptions, Action, Allowance, ApiKey, KEY_PREFIX, Rule, SigningKey, Subject, TokenOptions};
use registry::fuzzing::{self, Caller};
use registry::{Access, Registry, RegistryOptions};

use super::place::run;

/// What tokens of these tests are for.
const AUDIENCE: &str = "registry.example";
/// What comes after [`KEY_PREFIX`] in the only key.
const KEY_REST: &str = "0";
/// The user of the key.
const KEY_USER: &str = "ci";

/// Reads `Authorization` headers, one a line, and asks a registry with them. What is read can be written and read again, and nobody comes in
/// but by the key.
pub fn caller(data: &[u8]) {
    let headers = headers(data, &[AUTHORIZATION]);
    let said = fuzzing::caller(&headers);
    let written = match &said {
        Caller::Nobody => Some("Basic Og==".to_owned()),
        Caller::User(user, password) => {
            assert!(!user.contains(':'), "{user}");
            assert!(!user.is_empty() || !password.is_empty(), "nobody has come in");
            Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
        }
        Caller::Bearer(token) => Some(format!("Bearer {token}")),
        Caller::Malformed => None,
    };
    if let Some(written) = written {
        let value = HeaderValue::try_from(written).unwrap();
        assert_eq!(fuzzing::caller(&HeaderMap::from_iter([(AUTHORIZATION, value)])), said);
    }
    let key = format!("{KEY_PREFIX}{KEY_REST}");
    let is_his = match &said {
        Caller::User(user, password) => user == KEY_USER && *password == key,
        Caller::Bearer(token) => *token == key,
        Caller::Nobody | Caller::Malformed => false,
    };
    let status = thread_registry(|registry| {
        let mut request = Request::builder().uri("/v2/").body(Vec::new()).unwrap();
        *request.headers_mut() = headers;
        run(registry.respond(request.map(Into::into))).status()
    });
    assert_eq!(status, if is_his { StatusCode::OK } else { StatusCode::UNAUTHORIZED }, "{said:?}");
}

/// Lends a registry with a single key and no user.
fn thread_registry<T>(ask: impl FnOnce(&Registry) -> T) -> T {
    thread_local! {
        static REGISTRY: Registry = one_key();
    }
    REGISTRY.with(ask)
}

fn one_key() -> Registry {
    let everywhere = || vec![resolve::glob::Glob::parse("*").unwrap()];
    let allowance = Allowance { repositories: everywhere(), actions: vec![Action::Read] };
    let key = ApiKey {
        id: "key".to_owned(),
        user: KEY_USER.to_owned(),
        hash: ApiKey::hash_of(&format!("{KEY_PREFIX}{KEY_REST}")),
        scope: vec![allowance.clone()],
        expires_at: Some(Duration::MAX),
    };
    let options = AccessOptions {
        keys: vec![key],
        rules: vec![Rule { subjects: vec![Subject::Authenticated], allowance }],
        tokens: Some(TokenOptions::new(signing_key(1), AUDIENCE)),
        ..AccessOptions::default()
    };
    Registry::in_memory(RegistryOptions { access: Access::Rules(Box::new(options)), ..RegistryOptions::default() })
}

fn signing_key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32]).unwrap()
}

/// Reads conditions, one header a line: `=` begins an `If-Match`, all others are an `If-None-Match`. What they say of a change is
/// what they say of a download, wherever both speak of the same content.
pub fn condition(data: &[u8]) {
    let headers = headers(data, &[IF_NONE_MATCH, IF_MATCH]);
    let digests: Vec<Digest> = std::str::from_utf8(data)
        .into_iter()
        .flat_map(|text| text.split(['"', ',', '\n']))
        .filter_map(|text| text.parse().ok())
        .take(4)
        .chain([Digest::sha256(b"")])
        .collect();
    for digest in &digests {
        let change = fuzzing::is_expected(&headers, Some(digest));
        let download = fuzzing::unwanted(&headers, digest);
        match (headers.contains_key(IF_MATCH), headers.contains_key(IF_NONE_MATCH)) {
            (false, false) => assert_eq!((change, download), (Ok(true), Ok(None))),
            (true, false) => match change {
                Ok(true) => assert_eq!(download, Ok(None)),
                Ok(false) => assert_eq!(download, Err(StatusCode::PRECONDITION_FAILED)),
                Err(status) => assert_eq!((download, status), (Err(status), StatusCode::BAD_REQUEST)),
            },
            (false, true) => match change {
                Ok(true) => assert_eq!(download, Ok(None)),
                Ok(false) => assert_eq!(download, Ok(Some(StatusCode::NOT_MODIFIED))),
                Err(status) => assert_eq!((download, status), (Err(status), StatusCode::BAD_REQUEST)),
            },
            // A change looks at the first of the two alone.
            (true, true) => {
                if change == Ok(false) {
                    assert_eq!(download, Err(StatusCode::PRECONDITION_FAILED));
                }
            }
        }
        // What one is, its name in quotes says.
        let own = HeaderValue::try_from(format!("\"{digest}\"")).unwrap();
        let own = |header: HeaderName| HeaderMap::from_iter([(header, own.clone())]);
        assert_eq!(fuzzing::is_expected(&own(IF_MATCH), Some(digest)), Ok(true));
        assert_eq!(fuzzing::is_expected(&own(IF_MATCH), None), Ok(false));
        assert_eq!(fuzzing::is_expected(&own(IF_NONE_MATCH), Some(digest)), Ok(false));
        assert_eq!(fuzzing::unwanted(&own(IF_NONE_MATCH), digest), Ok(Some(StatusCode::NOT_MODIFIED)));
    }
}

/// Makes headers of lines: of the first name, or of the one whose number the count of `=` at the beginning of the line is.
fn headers(data: &[u8], names: &[HeaderName]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).take(8) {
        let (name, value) = match (line.split_first(), names.get(1)) {
            (Some((b'=', rest)), Some(second)) => (second, rest),
            _ => (&names[0], line),
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    headers
}

/// Reads a token, and makes one of claims in JSON, which are the input up to a zero byte. A token that was sealed says what was sealed; one in which
/// any bit was changed says nothing. What comes after the zero byte are such changes: two bytes for the place, one for the bits.
pub fn token(data: &[u8]) {
    let (claims, changes) = match data.iter().position(|byte| *byte == 0) {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &[][..]),
    };
    let keys = [signing_key(1), signing_key(2)];
    let moments = [0, 1_500_000, i64::MAX];
    let open = |text: &str, keys: &[SigningKey]| -> Vec<Vec<u8>> {
        let uses = [false, true].into_iter();
        let both = uses.flat_map(|is_refresh| moments.map(|now| fuzzing::open(text, keys, is_refresh, AUDIENCE, now)));
        both.flatten().collect()
    };
    if let Ok(text) = std::str::from_utf8(claims) {
        assert!(open(text, &keys).is_empty(), "a token that nobody has sealed");
    }
    let Some(token) = fuzzing::seal(claims, &keys[1]) else { return };
    let said: serde_json::Value = serde_json::from_slice(claims).unwrap();
    for opened in open(&token, &keys) {
        let opened: serde_json::Value = serde_json::from_slice(&opened).unwrap();
        assert_eq!((&opened["use"], &opened["audience"]), (&said["use"], &said["audience"]));
        assert_eq!((&opened["scopes"], &opened["expires_at"]), (&said["scopes"], &said["expires_at"]));
        assert_eq!(opened["audience"], AUDIENCE);
    }
    assert!(open(&token, &keys[..1]).is_empty(), "another key has sealed it");
    let mut other = token.clone().into_bytes();
    for change in changes.chunks_exact(3) {
        let place = usize::from(u16::from_be_bytes([change[0], change[1]])) % other.len();
        other[place] ^= change[2];
    }
    if let Ok(other) = String::from_utf8(other)
        && other != token
    {
        assert!(open(&other, &keys).is_empty(), "{other} was {token}");
    }
}
