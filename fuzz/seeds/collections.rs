//! Plans of removals, package descriptors and the annotations that stand for them.

use oci::Digest;
use serde_json::{Value, json};

use super::{Seeds, numbered};

pub fn removal() -> Seeds {
    let digest = Digest::sha256(b"content");
    let empty = || json!({ "bytes": 0, "shared_bytes": 0, "tags": [], "manifests": [], "blobs": [] });
    let plan = |reachable: Value| {
        json!({
            "schema": "supercargo.gc.v1", "place": "oci:app",
            "rules": { "keep": 3, "keep_tags": ["v*"], "delete_tags": [], "older_than": "90d" },
            "bytes": 7, "reachable": reachable, "lists": empty(), "unreachable": empty(),
            "kept": [{ "tag": "v1", "digest": digest, "created": null, "reason": "it matches --keep-tag" }],
        })
    };
    let tag = json!({ "tag": "ci-1", "digest": digest, "created": "2026-01-12T00:00:00Z", "reason": "a", "manifest_stays": false });
    let removal = json!({ "digest": digest, "size": 7, "reason": "b" });
    let reachable =
        json!({ "bytes": 7, "shared_bytes": 1, "tags": [tag], "manifests": [removal], "blobs": [removal] });
    let mut other = plan(empty());
    other["schema"] = json!("supercargo.gc.v2\u{1b}[31m");
    let mut bad_tag = plan(reachable.clone());
    bad_tag["reachable"]["tags"][0]["tag"] = json!("../\u{1b}");
    numbered([plan(empty()), plan(reachable), other, bad_tag, json!({ "schema": 1 }), json!([])].map(|seed| seed.to_string()))
}

pub fn package() -> Seeds {
    let edges = json!([
        { "repository": "registry.example/api", "requirement": "^1.2 || 2.*", "platform": "linux/arm64/v8" },
        { "repository": "web" },
    ]);
    let documents = [
        json!({ "schema": "supercargo.package.v1" }),
        json!({
            "schema": "supercargo.package.v1", "name": "web", "version": "1.0", "license": "MIT", "supplier": "a", "source": "b",
            "created": "2026-01-12T00:00:00Z", "requires": edges, "conflicts": edges, "provides": edges,
            "supersedes": "registry.example/old", "later": true,
        }),
        json!({ "schema": "supercargo.package.v1", "requires": [{ "repository": "registry.example/api:1" }] }),
        json!({ "schema": "supercargo.package.v1", "requires": [{ "repository": "a", "requirement": " " }] }),
        json!({ "schema": "supercargo.package.v1", "created": "2026-13-01", "name": "x".repeat(5000) }),
        json!({ "schema": "\u{1b}[31m" }),
        json!([]),
    ];
    let annotations = [
        "registry.example/api ^1.2; web *;",
        "web",
        "web >=1, <2 || 3",
        "registry.example/api:1 *",
        ";;",
        "web \u{7f}",
    ];
    numbered(documents.iter().map(ToString::to_string).chain(annotations.map(str::to_owned)))
}
