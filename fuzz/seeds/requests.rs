//! What clients ask our registry.

use super::{Seeds, numbered};

const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

pub fn request() -> Seeds {
    numbered([
        "/v2/".to_owned(),
        format!("/v2/a/b/blobs/{EMPTY}"),
        format!("/v2/a/b/blobs/{}", EMPTY.replace(':', "%3A")),
        "/v2/blobs/uploads/blobs/uploads/".to_owned(),
        "/v2/a/blobs/uploads/01234567-89ab-4cde-8f01-23456789abcd".to_owned(),
        "/v2/a/manifests/v1.0-rc_1".to_owned(),
        "/v2/tags/list/tags/list".to_owned(),
        format!("/v2/a/referrers/{EMPTY}"),
        "/v2/../a%2Fb/tags/list".to_owned(),
        format!("mount={EMPTY}&from=a/b&digest=%ff"),
        "n=5&last=%F0%9F%98%80&artifactType=application/vnd.x+json&&flag".to_owned(),
        "bytes=2-5".to_owned(),
        "bytes=-18446744073709551616".to_owned(),
        "bytes=5-,7-".to_owned(),
        "0-18446744073709551615".to_owned(),
        "0-1023".to_owned(),
        "/v2/_oci/ext/discover".to_owned(),
        "/v2/a/_oci/tag-history/v1".to_owned(),
        "/v2/a/_supercargo/tags/v1".to_owned(),
        format!("/v2/a/_supercargo/holds/{EMPTY}"),
        "/v2/a/_supercargo/tags".to_owned(),
    ])
}

/// Who may do what, then requests.
pub fn registry() -> Seeds {
    let session = |access: char, requests: &[&str]| format!("{access}{}", requests.join("\0"));
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let index = "application/vnd.oci.image.index.v1+json";
    let config = "{\"mediaType\":\"application/vnd.oci.empty.v1+json\",$0}";
    let image = format!(
        "PUT /v2/app/manifests/1.0\nContent-Type: {kind}\n\n{{\"schemaVersion\":2,\"mediaType\":\"{kind}\",\"config\":{config},\"layers\":[{config}]}}"
    );
    let artifact = format!(
        "PUT /v2/app/manifests/@2\nContent-Type: {kind}\n\n{{\"schemaVersion\":2,\"mediaType\":\"{kind}\",\"artifactType\":\"a/b\",\"config\":{config},\"layers\":[],\"subject\":{{\"mediaType\":\"{kind}\",$1}}}}"
    );
    let tagged = artifact.replace("@2", "latest");
    let post = "POST /v2/app/blobs/uploads/?digest=@0\nContent-Length: 2\n\n{}";
    // Pieces name those before them, so a body that is needed later stands first.
    let blob = "GET /v2/\n\n{}";
    numbered([
        session(
            'o',
            &[
                blob,
                post,
                "HEAD /v2/app/blobs/@0",
                "GET /v2/app/blobs/@0\nRange: bytes=1-",
                "GET /v2/app/tags/list",
                "GET /v2/app/referrers/@0?artifactType=a/b",
                "POST /v2/other/blobs/uploads/?mount=@0&from=app",
                "DELETE /v2/app/blobs/@0",
            ],
        ),
        session(
            'o',
            &[
                blob,
                post,
                &image,
                &tagged,
                "GET /v2/app/manifests/@2",
                "GET /v2/app/manifests/1.0\nAccept: */*",
                "GET /v2/app/referrers/@2",
                "GET /v2/app/tags/list?n=1",
                "GET /v2/app/tags/list?n=1&last=1.0",
                "DELETE /v2/app/manifests/1.0",
                "DELETE /v2/app/manifests/@3",
            ],
        ),
        session(
            'o',
            &[
                "GET /v2/\n\nhello world",
                "POST /v2/app/blobs/uploads/",
                "PATCH ^\nContent-Range: 0-5\nContent-Length: 6\n\nhello ",
                "GET ^",
                "PATCH ^\nContent-Range: 9-10\n\nxx",
                "PATCH ^\nContent-Range: 6-10\nContent-Length: 5\n\nworld",
                "PUT ^?digest=@0",
                "GET /v2/app/blobs/@0",
            ],
        ),
        session('o', &["POST /v2/app/blobs/uploads/", "DELETE ^", "GET ^", "PUT ^?digest=sha256:zz\n\nx"]),
        session(
            'o',
            &[&format!(
                "PUT /v2/app/manifests/x\nContent-Type: {index}\n\n{{\"schemaVersion\":2,\"manifests\":[{{\"mediaType\":\"{kind}\",\"digest\":\"{EMPTY}\",\"size\":1}}]}}"
            )],
        ),
        session(
            'b',
            &[
                "GET /v2/\nAuthorization: Basic dXNlcjp3b3Jk",
                "GET /v2/app/tags/list\nAuthorization: Basic ====",
                "GET /v2/",
            ],
        ),
        session(
            't',
            &[
                "GET /v2/app/tags/list",
                "GET /token?service=s&scope=repository:app:pull,push&scope=repository:b:*\nAuthorization: Basic dXNlcjp3b3Jk",
                "POST /token\nContent-Type: application/x-www-form-urlencoded\n\ngrant_type=password",
                "GET /v2/app/tags/list\nAuthorization: Bearer x",
            ],
        ),
        session(
            'o',
            &[
                blob,
                post,
                &image,
                "PUT /v2/app/_supercargo/holds/@2\n\n{\"kind\":\"legal\",\"reason\":\"x\"}",
                "DELETE /v2/app/manifests/1.0\nIf-Match: \"@2\"",
                "GET /v2/app/_supercargo/holds?n=1",
                "DELETE /v2/app/_supercargo/holds/@2?kind=legal",
                "GET /v2/app/_oci/tag-history/1.0?n=1&before=2999-01-01T00:00:00Z",
                "PUT /v2/app/_supercargo/tags/1.0?number=1\nIf-None-Match: *",
                "HEAD /v2/app/_supercargo/tags/1.0?at=2999-01-01T00:00:00Z",
                "GET /v2/app/_supercargo/tags?at=2999-01-01T00:00:00Z",
                "GET /v2/app/_oci/ext/discover",
            ],
        ),
        session(
            'o',
            &["GET /v2/..%2f/tags/list", "OPTIONS *", "BREW /v2/app/tags/list?%", "GET /v2/app/manifests/\u{7f}"],
        ),
    ])
}

/// A configuration, users, groups, scopes.
pub fn serving() -> Seeds {
    numbered([
        "listen = \"127.0.0.1:0\"\nroot = \"data\"\n[collect]\nuntagged = \"keep\"\n[limits]\nidle-timeout = \"30s\"\nuploads = 7\n",
        "[auth]\nanonymous = \"read\"\n[[auth.rules]]\nusers = [\"ada\"]\nrepositories = [\"team/*\"]\nactions = [\"read\"]\n",
        "listen = \"0.0.0.0:5000\"\n",
        "[log]\nformat = \"json\"\n[tls]\ncertificate = \"a\"\nkey = \"b\"\n",
        "ada:$2y$04$zzzzzzzzzzzzzzzzzzzzzuzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\n",
        "ada:$argon2id$v=19$m=4294967295,t=4294967295,p=16777215$c2FsdHNhbHQ$aGFzaA\n",
        "# nobody\n\nada:{SHA}x\nada:",
        "owners: ada bob\nowners: eve\n: x",
        "repository:team/app:pull,push,delete",
        "repository(plugin):a:*",
        "[auth]\nhtpasswd = \"users\"\ngroups = { \"a b\" = [\"ada\"] }\n[[rules]]\nrepositories = [\"*\"]\ngroups = [\"a\"]\nactions = [\"read\", \"create\"]\n",
        "[auth]\nhtpasswd = \"u\"\ngroups = { owners = [\"ada\"] }\nremember = \"1m\"\n[auth.tokens]\nservice = \"s\"\nrequired = true\n[[auth.keys]]\nid = \"ci\"\nuser = \"ci\"\nhash = \"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\nrepositories = [\"*\"]\nactions = [\"read\"]\n[[rules]]\nrepositories = [\"*\"]\nkeys = [\"ci\"]\nactions = [\"read\"]\n",
        "[database]\nurl = \"postgresql://ada:secret@db.example/registry\"\n[blobs]\nurl = \"s3://bucket/prefix\"\nregion = \"eu\"\n[scrub]\nenabled = false\n[metrics]\nlisten = \"127.0.0.1:9\"\n",
        "[[immutable]]\nrepositories = [\"*\"]\ntags = [\"v*\"]\n[[quotas]]\nrepositories = [\"*\"]\nbytes = 7\n[[events]]\nurl = \"https://hook.example/\"\n",
    ])
}

/// An assertion, a line end, and a set of keys.
pub fn assertion() -> Seeds {
    let ed25519 = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"one","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let rsa = format!(r#"{{"keys":[{{"kty":"RSA","use":"sig","n":"{}","e":"AQAB"}}]}}"#, "w".repeat(342));
    // {"alg":"EdDSA","kid":"one"} and {"iss":"https://issuer.example","aud":"registry.example","exp":1800000600}
    let (header, claims) = (
        "eyJhbGciOiJFZERTQSIsImtpZCI6Im9uZSJ9",
        "eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoicmVnaXN0cnkuZXhhbXBsZSIsImV4cCI6MTgwMDAwMDYwMH0",
    );
    let signature = "A".repeat(86);
    numbered([
        format!("{header}.{claims}.{signature}\n{ed25519}"),
        // {"alg":"none"}
        format!("eyJhbGciOiJub25lIn0.{claims}.\n{ed25519}"),
        // {"alg":"RS256","crit":["b64"]}
        format!("eyJhbGciOiJSUzI1NiIsImNyaXQiOlsiYjY0Il19.{claims}.{signature}\n{rsa}"),
        // {"alg":"RS256"}
        format!("eyJhbGciOiJSUzI1NiJ9.{claims}.{}\n{rsa}", "w".repeat(342)),
        // {"a":1,"a":2}
        format!("{header}.eyJhIjoxLCJhIjoyfQ.{signature}\n{ed25519}"),
        format!("{header}.{}.{signature}\n{{\"keys\":[]}}", "W1tb".repeat(2000)),
        "....\n{\"keys\":{}}".to_owned(),
    ])
}
