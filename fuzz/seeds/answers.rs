//! What registries answer.

use super::{Seeds, numbered};

pub fn header() -> Seeds {
    numbered([
        r#"</v2/app/tags/list?n=2&last=b>; rel="next""#,
        r#"</p>; rel="prev", <https://other.example/x?a=1,2>; title="a, \"b; c"; REL=next"#,
        r#"Bearer realm="https://auth.example/token",service="registry",scope="repository:a:pull,push",error="x""#,
        r#"Negotiate, Basic realm="a \"b\"" , BEARER realm=https://h/t , service=s, Digest a b c"#,
        "Basic realm=\"open",
        "0-0",
        "bytes=0-1023",
        "0-18446744073709551615",
        "bytes 5-9/10",
        "bytes 0-18446744073709551615/*",
        "/v2/app/blobs/uploads/1?_state=a%2Fb%3D#f",
        "https://user:word@registry.example/",
        "http://[::1]:80/..//../%2e%2e/",
        "//127.0.0.1\\@other.example/",
        "http://127.1/",
        "javascript:alert(1)",
        "\thttps:registry.example\u{202e}/",
    ])
}

pub fn response_head() -> Seeds {
    numbered([
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDocker-Content-Digest: sha256:00\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: x, Close\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.0 404 \r\n\r\n",
        "HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: +1\r\n\r\n",
        "HTTP/1.1 200 OK\nA:b\n\n",
        "HTTP/1.1 101 Switching\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 999 \u{1b}[31m\r\n\u{fc}: b\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n",
    ])
}

pub fn chunked() -> Seeds {
    numbered([
        &b"\x014;x=y\r\nWiki\r\nB\r\npedia in \r\n\r\n0\r\nTrailer: t\r\n\r\nnext"[..],
        b"\x030\r\n\r\n",
        b"\x07ffffffffffffffff\r\nabc",
        b"\x0710000000000000000\r\n",
        b"\x02-1\r\n",
        b"\x051\r\nab\r\n",
        b"\x100005 ;a=\"b\"\r\nhello\r\n00\r\na: b\r\nc: d\r\n\r\n",
    ])
}

pub fn complaint() -> Seeds {
    let nested = format!("{{\"errors\":[{{\"detail\":{}{}}}]}}", "[".repeat(200), "]".repeat(200));
    numbered([
        r#"{"errors":[{"code":"DIGEST_INVALID","message":"no\u001b[31m","detail":{}}]}"#,
        r#"{"errors":[{"code":7,"message":null},{"code":"A"},{}]}"#,
        r#"{"errors":null}"#,
        r#"{"errors":[],"errors":[]}"#,
        r#"{"errors":[{"message":"\ud83d\ude00\u202e\u0000"}]}"#,
        "<html>",
        &nested,
    ])
}

/// A question, then answers.
pub fn exchange() -> Seeds {
    let answer = |status: &str, fields: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{fields}\r\n{body}", body.len())
    };
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let open = "HTTP/1.1 200 OK\r\n\r\n";
    let index = "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[]}";
    let index_type = "content-type: application/vnd.oci.image.index.v1+json\r\n";
    let referrer = r#"{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":1,"artifactType":"a/b"}"#;
    let referrers = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[{referrer}]}}"
    );
    let challenge = "www-authenticate: Bearer realm=\"http://~/token\",service=\"s\",scope=\"repository:app:pull\"\r\n";
    let token = answer("200 OK", "content-type: application/json\r\n", r#"{"token":"t","expires_in":60}"#);
    let tags = r#"{"name":"app","tags":["1.0","latest"]}"#;
    let page = "link: </v2/app/tags/list?last=b>; rel=\"next\"\r\n";
    let denied = answer("401 Unauthorized", challenge, "{}");
    let accepted = answer("202 Accepted", "location: /v2/app/blobs/uploads/1?_state=x\r\nrange: 0-0\r\n", "");
    let created = answer("201 Created", "location: /v2/app/blobs/sha256:00\r\n", "");
    let absent = answer("404 Not Found", "", r#"{"errors":[{"code":"BLOB_UNKNOWN","message":"m"}]}"#);
    let go_on = |first: &str, last: &str| {
        let page = format!("link: </v2/app/tags/list?last={last}>; rel=\"next\"\r\n");
        answer("200 OK", &page, &format!("{{\"tags\":[\"{first}\",\"{last}\"]}}"))
    };
    let end = answer("200 OK", "", r#"{"tags":["2.1"]}"#);
    let session = |question: char, answers: &[&str]| format!("{question}{}", answers.join("\0"));
    numbered([
        session('t', &[&answer("200 OK", page, tags), &answer("200 OK", "", r#"{"tags":null}"#)]),
        session('t', &[&format!("{chunked}{:x}\r\n{tags}\r\n0\r\n\r\n", tags.len())]),
        session('t', &[&denied, &token, &answer("200 OK", "", tags)]),
        session('t', &[&denied, &denied, &denied]),
        session('t', &[&answer("307 Temporary Redirect", "location: http://~/v2/app/tags/list\r\n", "")]),
        session('t', &[&format!("{open}<html>")]),
        session('r', &[&answer("200 OK", index_type, &referrers)]),
        session('r', &[&absent, &answer("200 OK", index_type, &referrers)]),
        session('m', &[&answer("200 OK", index_type, index), &answer("200 OK", index_type, index)]),
        session('m', &[&answer("200 OK", "", &"[".repeat(300))]),
        session('n', &[&answer("200 OK", &format!("{index_type}docker-content-digest: sha256:00\r\n"), index)]),
        session('n', &[&absent]),
        session('g', &[&answer("200 OK", "", "content"), &answer("200 OK", "", "content")]),
        session('g', &["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncontent"]),
        session('g', &[&answer("206 Partial Content", "content-range: bytes 3-6/7\r\n", "tent")]),
        session('p', &[&absent, &accepted, &created]),
        session('p', &[&absent, &answer("202 Accepted", "location: http://other.invalid/u\r\n", ""), &created]),
        session('p', &[&absent, &accepted, &answer("416 Range Not Satisfiable", "range: 0-3\r\n", ""), &created]),
        session('w', &[&answer("201 Created", "oci-subject: sha256:00\r\n", index), &created]),
        session('w', &[&answer("429 Too Many Requests", "retry-after: 99999\r\n", index)]),
        session('u', &[&go_on("1.0", "1.1"), &go_on("1.1", "2.0"), &absent, &end]),
        session('u', &[&go_on("1.0", "1.9"), &go_on("1.9", "2.0"), &go_on("2.0", "1.0"), &go_on("1.0", "1.9")]),
    ])
}
