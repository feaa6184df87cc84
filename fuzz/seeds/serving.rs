//! What a server reads of strangers and of its operator: who sends a request, conditions, tokens, certificates, its journal.

use oci::Digest;
use serde_json::{Value, json};

use super::{Seeds, numbered};

/// A certificate of an authority that nobody trusts.
const CERTIFICATE: &str = include_str!("../../crates/testkit/certificates/server.pem");
const AUTHORITY: &str = include_str!("../../crates/testkit/certificates/authority.pem");
const KEY: &str = include_str!("../../crates/testkit/certificates/server.key");

pub fn caller() -> Seeds {
    numbered([
        "Basic Og==",
        "Basic Y2k6c3VwZXJjYXJnb19rZXlfMA==",
        "Basic YWRhOnN1cGVyY2FyZ29fa2V5XzA=",
        "bASIC  YWRhOnM6dA==",
        "Basic /////w==",
        "Basic YWRh",
        "Bearer supercargo_key_0",
        "Bearer  supercargo_key_0 ",
        "bearer supercargo_key_0\nBasic Og==",
        "Bearer sct1.e30.AAAA",
        "Bearer supercargo_key_00",
        "Digest username=\"ci\"",
        "Bearer",
        "\t \u{e9}",
    ])
}

pub fn condition() -> Seeds {
    let digest = Digest::sha256(b"content");
    numbered([
        format!("=\"{digest}\""),
        format!("\"{digest}\", W/\"{digest}\""),
        format!("W/\"{digest}\"\n=*"),
        format!("=\"sha256:zz\", {digest}\n=\"{digest}\"\n*"),
        "*".to_owned(),
        "=*, \"a\"".to_owned(),
        ",,\n=,\"\"".to_owned(),
        format!("={}", ["\"a\""; 101].join(",")),
        format!("={}", ["\"a\""; 100].join(",")),
        "=W/\"\u{e9}\"".to_owned(),
    ])
}

pub fn token() -> Seeds {
    let claims = |for_use: &str, bearer: Value, scopes: Value| {
        json!({
            "use": for_use, "audience": "registry.example", "issued_at": 1_000_000, "expires_at": 2_000_000,
            "bearer": bearer, "scopes": scopes,
        })
    };
    let bearer = json!({ "user": "ada", "key": "ci", "credential": "x" });
    let usual = claims("access", bearer.clone(), json!(["repository:app:pull,push"]));
    let mut other = claims("refresh", bearer, json!([]));
    other["audience"] = json!("other.example");
    let mut endless = claims("access", Value::Null, json!([]));
    (endless["issued_at"], endless["expires_at"]) = (json!(i64::MIN), json!(i64::MAX));
    let mut known_more = usual.clone();
    known_more["admin"] = json!(true);
    let many = claims("access", Value::Null, json!(vec!["repository:a:pull"; 101]));
    let changed = |claims: &Value, changes: &[u8]| [claims.to_string().as_bytes(), &[0], changes].concat();
    numbered([
        changed(&usual, &[]),
        changed(&usual, &[0, 0, 1]),
        changed(&usual, &[0, 8, 1, 1, 0, 32, 255, 255, 4]),
        changed(&usual, &[1, 200, 2]),
        changed(&other, &[0, 3, 1]),
        changed(&endless, &[0, 9, 2, 0, 9, 2]),
        changed(&known_more, &[]),
        changed(&many, &[]),
        b"sct1.e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_vec(),
        b"sct1.sct1...".to_vec(),
    ])
}

pub fn certificate() -> Seeds {
    let pair = |chain: &str, key: &str| format!("{chain}\0{key}");
    numbered([
        pair(CERTIFICATE, KEY),
        pair(&format!("{CERTIFICATE}{AUTHORITY}"), KEY),
        pair(&format!("text before\n{CERTIFICATE}"), &format!("{CERTIFICATE}{KEY}")),
        pair(AUTHORITY, KEY),
        pair(&CERTIFICATE.repeat(17), KEY),
        pair(CERTIFICATE, ""),
        pair(KEY, KEY),
        format!("{CERTIFICATE}{KEY}"),
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n".to_owned(),
        "-----BEGIN CERTIFICATE-----\n=\n-----END PRIVATE KEY-----\n".to_owned(),
        pair(CERTIFICATE, "-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----\n"),
        pair(CERTIFICATE, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n"),
    ])
}

/// Segments without their checksum, which the target adds; one with it; entries; names.
pub fn segment() -> Seeds {
    let digest = Digest::sha256(b"content");
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let entries = [
        json!({ "number": 1, "what": "repository", "repository": "team/app" }),
        json!({ "number": 2, "what": "blob", "digest": digest, "kept": { "size": 7, "place": "blobs/a" } }),
        json!({ "number": 3, "what": "blob", "digest": digest }),
        json!({ "number": 4, "what": "link", "repository": "app", "digest": digest, "is_there": true }),
        json!({
            "number": 5, "what": "manifest", "repository": "app", "digest": digest,
            "kept": { "media_type": kind, "at": 0, "place": "manifests/a" },
        }),
        json!({
            "number": 6, "what": "move", "repository": "app", "tag": "1.0", "move": 1, "digest": digest, "at": 0,
            "actor": "ada",
        }),
        json!({
            "number": 7, "what": "hold", "repository": "app", "digest": digest, "kind": "legal",
            "kept": { "reason": "x", "at": 0, "expires_at": i64::MAX },
        }),
    ];
    let header = |version: u64, entries: usize| {
        let header = json!({
            "format": "supercargo registry journal", "version": version, "epoch": 1, "entries": entries,
        });
        format!("{header}\n")
    };
    let lines: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
    let whole = format!("{}{lines}", header(1, entries.len()));
    let sum = json!({ "sha256": Digest::sha256(whole.as_bytes()).encoded() });
    let segments = [
        whole.clone(),
        format!("{whole}{sum}\n"),
        header(1, 0),
        format!("{}{lines}", header(1, 2)),
        header(2, 0),
        format!("{}{{\"number\":1,\"what\":\"repository\",\"repository\":\"../x\"}}\n", header(1, 1)),
        format!("{}{{\"number\":1,\"what\":\"other\"}}\n", header(1, 1)),
        format!("{}\r\n", header(1, 0)),
    ];
    let names = [
        "journal/0000000001/0000000000000000001-0000000000000000007-ab.jsonl",
        "journal/0000000001/0000000000000000007-checkpoint-ab-0000000000.jsonl",
        "journal/0000000001/0000000000000000007-checkpoint-ab-whole-1.jsonl",
        "journal/-1/-7-1-a.jsonl",
        "journal/1/1-checkpoint-checkpoint-1.jsonl",
        "journal/1/+1-2-/x.jsonl",
    ];
    let entries = entries.iter().map(ToString::to_string);
    numbered(segments.into_iter().chain(entries).chain(names.map(str::to_owned)))
}
