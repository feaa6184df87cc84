//! Every method on every kind of reference, by everybody, in a repository of one's own, of others, and where there is none.

use std::sync::LazyLock;

use axum::http::StatusCode;
use oci::Digest;
use registry::RegistryOptions;
use registry::access::{AccessOptions, Action, ApiKey, JwsAlgorithm, KEY_PREFIX, Subject};
use resolve::glob::Glob;
use serde_json::{Value, json};

use crate::assertions::{Signer, claims, issuer_of};
use crate::people::{self, PEOPLE, access, allowance, basic, by, filled, rule, token_options};
use crate::server::{MANIFEST, Reply, Server, digest, image};
use crate::workloads::workload;

const METHODS: [&str; 7] = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"];

/// What the path ends with; `D` is the digest of a manifest, `B` that of a blob, `U` an upload.
const PATHS: [&str; 15] = [
    "manifests/v1",
    "manifests/latest",
    "manifests/D",
    "manifests/D?tag=v1",
    "blobs/B",
    "blobs/uploads/",
    "blobs/uploads/U",
    "tags/list",
    "referrers/D",
    "_oci/ext/discover",
    "_oci/tag-history/v1",
    "_supercargo/tags?at=2000-01-01T00:00:00Z",
    "_supercargo/tags/v1?number=1",
    "_supercargo/holds",
    "_supercargo/holds/D",
];

/// Repositories: of the people's rules, there and absent; of nobody's, there and absent.
const OWN: [&str; 2] = ["team/there", "team/blank"];
const FOREIGN: [&str; 2] = ["other/there", "other/blank"];

/// What is needed, as it was written down from the specification: any of the letters of a word lets one in, and every word must.
///
/// | | manifest by tag | by digest | by digest with tags | blob | uploads | list of tags, referrers |
/// |---|---|---|---|---|---|---|
/// | GET, HEAD | r | r | r | r | c | r |
/// | PUT | cu | c | c cu | r (405) | c | r (405) |
/// | DELETE | d | d | d | d | c | r (405) |
/// | others | r (405) | r (405) | r (405) | r (405) | c | r (405) |
///
/// Of the extensions a tag as of a time needs what the tag does, and holds are set and ended by those who may delete.
fn needed(method: &str, path: &str) -> &'static [&'static str] {
    match (method, path) {
        (_, "blobs/uploads/" | "blobs/uploads/U") | ("PUT", "manifests/D") => &["c"],
        ("PUT", "manifests/v1" | "manifests/latest" | "_supercargo/tags/v1?number=1") => &["cu"],
        ("DELETE", "_supercargo/tags/v1?number=1") => &["d"],
        ("PUT" | "DELETE", path) if path.starts_with("_supercargo/holds") => &["d"],
        ("PUT", "manifests/D?tag=v1") => &["c", "cu"],
        ("DELETE", path) if path.starts_with("manifests/") || path == "blobs/B" => &["d"],
        _ => &["r"],
    }
}

/// What somebody has in `team/*`.
fn has(who: Option<&str>) -> &'static str {
    match who {
        Some("reader" | "job:reader" | "exchanged:reader" | "certificate:reader") => "r",
        Some("creator" | "creator's key" | "job:creator" | "exchanged:creator" | "certificate:creator") => "rc",
        Some("updater") => "ru",
        Some("writer") => "rcu",
        Some("cleaner") => "rd",
        Some("owner") => "rcud",
        // Who may not read may not change either.
        _ => "",
    }
}

/// Those who are no users: jobs with an assertion of their issuer, with a token for one, and holders of certificates. Those who are called owner are
/// in no group of users.
const OTHERS: [&str; 9] = [
    "job:reader",
    "job:creator",
    "job:owner",
    "exchanged:reader",
    "exchanged:creator",
    "exchanged:owner",
    "certificate:reader",
    "certificate:creator",
    "certificate:owner",
];

static ISSUER: LazyLock<Signer> = LazyLock::new(|| Signer::new(JwsAlgorithm::EdDsa));

/// An assertion about a job, good for longer than the tests run.
fn job(name: &str) -> String {
    let mut claims = claims("acme/app");
    claims["job"] = json!(name);
    for claim in ["iat", "nbf"] {
        claims[claim] = json!(0);
    }
    claims["exp"] = json!(99_999_999_999_u64);
    ISSUER.assertion(&claims)
}

async fn exchanged(server: &Server, name: &str) -> String {
    let scopes = OWN.into_iter().chain(FOREIGN).map(|repository| format!("repository:{repository}:*"));
    let path = format!("/token?scope={}", scopes.collect::<Vec<_>>().join("+"));
    let call = server.call("GET", &path).header("authorization", &basic("ci", &job(name)));
    format!("Bearer {}", call.send().await.expect(200).json()["token"].as_str().unwrap())
}

/// The rules of the people, and the same for some jobs and certificates.
fn everybodys() -> AccessOptions {
    use Action::{Create, Read};
    let mut all = AccessOptions { issuers: vec![issuer_of(&ISSUER)], tokens: Some(token_options()), ..options() };
    for (name, actions) in [("reader", &[Read][..]), ("creator", &[Read, Create])] {
        all.rules.push(rule(workload(&[("job", name), ("repository", "acme/*")]), "team/*", actions));
        all.rules.push(rule(Subject::Certificate(Glob::parse(name).unwrap()), "team/*", actions));
    }
    all
}

fn document() -> Value {
    image(&[], None, "image")
}

/// Keys of the owner, and what may be done by them.
const KEYS: [(&str, &[Action]); 2] = [
    ("creator's key", &[Action::Read, Action::Create]),
    // By which nothing may be done, for nobody changes what he may not read.
    ("blind key", &[Action::Create, Action::Update, Action::Delete]),
];

fn secret(key: &str) -> String {
    format!("{KEY_PREFIX}{}", key.len())
}

fn authorization(who: &str) -> String {
    if KEYS.iter().any(|(key, _)| *key == who) { format!("Bearer {}", secret(who)) } else { by(who) }
}

/// The people's rules, and the keys.
fn options() -> AccessOptions {
    let key = |(id, actions): (&str, &[Action])| ApiKey {
        id: id.to_owned(),
        user: "owner".to_owned(),
        hash: ApiKey::hash_of(&secret(id)),
        scope: vec![allowance("*", actions)],
        expires_at: None,
    };
    AccessOptions { keys: KEYS.map(key).to_vec(), ..people::options() }
}

async fn ask(server: &Server, who: Option<&str>, method: &str, repository: &str, path: &str) -> Reply {
    let path = path
        .replace('D', &digest(&document()).to_string())
        .replace('B', &Digest::sha256(b"{}").to_string())
        .replace('U', "00000000-0000-4000-8000-000000000000");
    let mut call = server.call(method, &format!("/v2/{repository}/{path}")).header("host", "registry.example");
    match who.map(|who| who.split_once(':').unwrap_or(("user", who))) {
        None => {}
        Some(("job", name)) => call = call.header("authorization", &format!("Bearer {}", job(name))),
        Some(("exchanged", name)) => call = call.header("authorization", &exchanged(server, name).await),
        Some(("certificate", name)) => call = call.certificate(name),
        Some((_, name)) => call = call.header("authorization", &authorization(name)),
    }
    if method == "PUT" && path.starts_with("manifests/") {
        call = call.header("content-type", MANIFEST).body(document().to_string());
    }
    call.send().await
}

fn everybody() -> Vec<Option<&'static str>> {
    let keys = KEYS.into_iter().map(|(key, _)| key);
    std::iter::once(None).chain(PEOPLE.into_iter().chain(keys).chain(OTHERS).map(Some)).collect()
}

#[tokio::test]
async fn the_table_of_who_may_do_what() {
    let options = RegistryOptions { access: access(everybodys()), ..RegistryOptions::default() };
    let mut cases = 0;
    for who in everybody() {
        let server = filled(&["team/there", "other/there"], options.clone()).await;
        for method in METHODS {
            for path in PATHS {
                for repository in OWN.into_iter().chain(FOREIGN) {
                    let rights = if OWN.contains(&repository) { has(who) } else { "" };
                    let has_one = |word: &&str| word.chars().any(|letter| rights.contains(letter));
                    let is_let_in = needed(method, path).iter().all(has_one);
                    let reply = ask(&server, who, method, repository, path).await;
                    let case = format!("{who:?} {method} {repository}/{path}: {reply:?}");
                    let creates =
                        path.starts_with("manifests/") && (repository, path) != ("team/there", "manifests/v1");
                    let is_refused_later = (who, needed(method, path)) == (Some("updater"), &["cu"]) && creates;
                    let refusal = if who.is_none() { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
                    if is_let_in && !is_refused_later {
                        assert!(![401, 403].contains(&reply.status.as_u16()), "{case}");
                    } else {
                        assert_eq!(reply.status, refusal, "{case}");
                    }
                    cases += 1;
                }
            }
        }
    }
    assert_eq!(cases, 20 * 7 * 15 * 4);
}

/// The whole answer, with the name of the repository taken out.
fn told(reply: &Reply, repository: &str) -> (StatusCode, Vec<(String, String)>, String) {
    let blank = |text: &str| text.replace(repository, "REPOSITORY");
    let mut headers: Vec<_> =
        reply.headers.iter().map(|(name, value)| (name.to_string(), blank(value.to_str().unwrap()))).collect();
    headers.sort();
    (reply.status, headers, blank(std::str::from_utf8(&reply.body).unwrap()))
}

#[tokio::test]
async fn who_may_not_read_cannot_tell_what_is_there() {
    for tokens in [None, Some(token_options())] {
        let access = access(AccessOptions { tokens, ..options() });
        let options = RegistryOptions { access, ..RegistryOptions::default() };
        for who in [None, Some("stranger"), Some("blind"), Some("blind key"), Some("owner")] {
            let server = filled(&["other/there", "team/there"], options.clone()).await;
            let pairs = if who == Some("owner") { vec![FOREIGN] } else { vec![FOREIGN, OWN] };
            for [there, absent] in pairs {
                for method in METHODS {
                    for path in PATHS {
                        let of_there = ask(&server, who, method, there, path).await;
                        let of_absent = ask(&server, who, method, absent, path).await;
                        assert_eq!(told(&of_there, there), told(&of_absent, absent), "{who:?} {method} {path}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn wrong_credentials_are_worth_less_than_none() {
    let server =
        filled(&["public/app"], RegistryOptions { access: access(options()), ..RegistryOptions::default() }).await;
    let path = "/v2/public/app/tags/list";
    server.get(path).await.expect(200);
    for wrong in [basic("reader", "wrong"), basic("eve", "word"), "Bearer x".to_owned()] {
        server.call("GET", path).header("authorization", &wrong).send().await.expect_error(401, "UNAUTHORIZED");
    }
    server.call("GET", path).header("authorization", &by("stranger")).send().await.expect(200);
    // Some clients send an empty name and password when they have none.
    server.call("GET", path).header("authorization", "Basic Og==").send().await.expect(200);
    server.call("GET", "/v2/").header("authorization", "Basic Og==").send().await.expect_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_mount_takes_only_what_the_caller_may_read() {
    let options = RegistryOptions { access: access(options()), ..RegistryOptions::default() };
    let blob = Digest::sha256(b"{}");
    for (source, by_name, from_anywhere) in
        [("team/other", 201, 201), ("public/base", 201, 201), ("other/there", 202, 202), ("other/blank", 202, 202)]
    {
        for (query, expected) in [(format!("&from={source}"), by_name), (String::new(), from_anywhere)] {
            let there = if source == "other/blank" { "else/where" } else { source };
            let server = filled(&[there], options.clone()).await;
            let path = format!("/v2/team/app/blobs/uploads/?mount={blob}{query}");
            let post = |who| server.call("POST", &path).header("authorization", &by(who)).send();
            post("writer").await.expect(expected);
            post("reader").await.expect_error(403, "DENIED");
        }
    }
}
