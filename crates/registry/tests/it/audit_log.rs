//! Who did what, as it is told line by line.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use oci::Digest;
use registry::access::AccessOptions;
use registry::{AuditOptions, AuditSink, FailureHook, OnAuditFailure, Peer, RegistryOptions};
use serde_json::{Value, json};

use crate::people::{self, basic, by};
use crate::server::{Call, MANIFEST, Server, digest, image};

/// Lines in memory, which can be made to fail.
#[derive(Default)]
struct Lines {
    written: Mutex<Vec<String>>,
    is_failing: AtomicBool,
}

impl AuditSink for Lines {
    fn write(&self, line: &[u8]) -> io::Result<()> {
        if self.is_failing.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.written.lock().unwrap().push(String::from_utf8(line.to_vec()).unwrap());
        Ok(())
    }

    fn reopen(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn take(&self) -> Vec<Value> {
        let lines = std::mem::take(&mut *self.written.lock().unwrap());
        let parse = |line: &String| {
            assert!(line.ends_with("}\n") && line.matches('\n').count() == 1, "{line}");
            assert!(!line.contains("word") && !line.contains("sct1."), "no password and no token: {line}");
            let mut line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["event"], "audit");
            assert!(line["time"].is_string() && line["address"] == "192.0.2.1", "{line}");
            for member in ["event", "time", "address"] {
                line.as_object_mut().unwrap().remove(member);
            }
            line
        };
        lines.iter().map(parse).collect()
    }

    fn words(&self) -> Vec<String> {
        let word = |line: &Value| {
            let member = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
            format!("{} {} {} {}", member("what"), member("phase"), member("user"), member("outcome"))
        };
        self.take().iter().map(word).collect()
    }
}

fn audited(on_failure: OnAuditFailure) -> (Server, Arc<Lines>, Arc<Mutex<Vec<String>>>) {
    let (lines, told) = (Arc::<Lines>::default(), Arc::<Mutex<Vec<String>>>::default());
    let hears = Arc::clone(&told);
    let access = AccessOptions { tokens: Some(people::token_options()), ..people::options() };
    let options = RegistryOptions {
        access: people::access(access),
        audit: AuditOptions::to(lines.clone(), on_failure),
        on_failure: Some(FailureHook::new(move |failure| hears.lock().unwrap().push(failure.to_string()))),
        ..RegistryOptions::default()
    };
    (Server::with(options), lines, told)
}

impl Call {
    fn of(self, user: &str) -> Self {
        self.extension(Peer::new("192.0.2.1".parse().unwrap())).header("authorization", &by(user))
    }
}

async fn push(server: &Server, user: &str, text: &str) -> (u16, u16) {
    let config = format!("/v2/team/app/blobs/uploads/?digest={}", Digest::sha256(b"{}"));
    let blob = server.call("POST", &config).of(user).body("{}").send().await.status.as_u16();
    let call = server.call("PUT", "/v2/team/app/manifests/v1").of(user).header("content-type", MANIFEST);
    (blob, call.body(image(&[], None, text).to_string()).send().await.status.as_u16())
}

#[tokio::test]
async fn a_change_is_told_before_it_is_done_and_after() {
    let (server, lines, _) = audited(OnAuditFailure::Refuse);
    assert_eq!(push(&server, "owner", "one").await, (201, 201));
    let told = lines.take();
    let [blob, _, begin, end] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((&blob["what"], &blob["phase"]), (&json!("blob.put"), &json!("begin")));
    let id = begin["id"].as_str().unwrap();
    let expected = json!({
        "id": id, "phase": "begin", "what": "manifest.put", "user": "owner", "method": "PUT", "repository": "team/app", "reference": "v1",
    });
    assert_eq!(*begin, expected);
    let mut expected = expected;
    let document = image(&[], None, "one");
    expected["phase"] = json!("end");
    expected["outcome"] = json!("done");
    expected["status"] = json!(201);
    expected["digest"] = json!(digest(&document));
    assert_eq!(*end, expected);
    server.call("GET", "/v2/team/app/manifests/v1").of("owner").send().await.expect(200);
    server.call("POST", "/v2/team/app/blobs/uploads/").of("owner").send().await.expect(202);
    assert_eq!(lines.words(), [""; 0], "who reads, and an upload that is no blob yet, changes nothing");
    let hold = format!("/v2/team/app/_supercargo/holds/{}", digest(&document));
    let body = json!({ "kind": "legal", "reason": "case 17" }).to_string();
    server.call("PUT", &hold).of("owner").body(body).send().await.expect(201);
    server.call("DELETE", "/v2/team/app/manifests/v1").of("owner").send().await.expect(403);
    server.call("PUT", "/v2/team/app/_supercargo/tags/v1?number=1").of("owner").send().await;
    assert_eq!(
        lines.words()[..4],
        [
            "hold.put begin owner -",
            "hold.put end owner done",
            "tag.delete begin owner -",
            "tag.delete end owner refused"
        ]
    );
}

#[tokio::test]
async fn what_is_denied_and_every_token_is_told_and_no_secret_with_it() {
    let (server, lines, _) = audited(OnAuditFailure::Refuse);
    server.call("DELETE", "/v2/team/app/manifests/v1").of("reader").send().await.expect(403);
    let told = lines.take();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["what"], &told[0]["user"], &told[0]["method"], &told[0]["repository"], &told[0]["status"]),
        (&json!("denied"), &json!("reader"), &json!("DELETE"), &json!("team/app"), &json!(403))
    );
    assert!(told[0]["why"].is_string());
    let wrong = async |user: &str| {
        let call = server.call("GET", "/v2/team/app/tags/list?_state=password");
        let call = call.extension(Peer::new("192.0.2.1".parse().unwrap()));
        call.header("authorization", &basic(user, "pass-wrong")).send().await.expect(401);
    };
    wrong("reader").await;
    wrong("typed-my-secret-here").await;
    let told = lines.take();
    assert_eq!(told[0]["claimed"], "reader");
    assert!(told[1].get("claimed").is_none() && told[1].get("user").is_none(), "{told:?}");
    let scope = "/token?service=registry.example&scope=repository:team/app:pull,push,delete";
    let token = server.call("GET", scope).of("reader").send().await.expect(200).json()["token"].clone();
    let told = lines.take();
    assert_eq!((&told[0]["what"], &told[0]["scope"]), (&json!("token.issue"), &json!("repository:team/app:pull")));
    let token = format!("Bearer {}", token.as_str().unwrap());
    let call = server.call("DELETE", "/v2/team/app/manifests/v1").header("authorization", &token);
    call.extension(Peer::new("192.0.2.1".parse().unwrap())).send().await;
    assert_eq!(lines.words(), ["denied - reader refused"]);
    // Whoever has said nothing of himself is only asked who he is.
    server.get("/v2/").await.expect(401);
    server.delete("/v2/team/app/manifests/v1").await.expect(401);
    assert_eq!(lines.words(), [""; 0]);
}

#[tokio::test]
async fn strangers_do_not_fill_the_log() {
    let (server, lines, _) = audited(OnAuditFailure::Refuse);
    let ask = async |address: &str, path: &str| {
        let call = server.call("GET", path).header("authorization", "Bearer x");
        call.extension(Peer::new(address.parse().unwrap())).send().await.expect(401);
    };
    for path in ["/v2/", "/token", "/v2/team/app/tags/list"] {
        for _ in 0..10 {
            ask("192.0.2.1", path).await;
        }
    }
    assert_eq!(lines.take().len(), 20);
    ask("192.0.2.2", "/v2/").await;
    assert_eq!(std::mem::take(&mut *lines.written.lock().unwrap()).len(), 1, "another address");
    // Who is known is told of however often.
    for _ in 0..30 {
        server.call("DELETE", "/v2/team/app/manifests/v1").of("reader").send().await.expect(403);
    }
    assert_eq!(lines.words(), ["denied - reader refused"; 30]);
    let metrics = server.0.operate(axum::http::Request::get("/metrics").body(axum::body::Body::empty()).unwrap()).await;
    let text = http_body_util::BodyExt::collect(metrics.into_body()).await.unwrap().to_bytes();
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert!(text.contains("supercargo_audit_passed_over_lines_total 10\n"), "{text}");
}

#[tokio::test]
async fn what_cannot_be_told_is_not_done_unless_that_was_chosen() {
    for (policy, expected) in [(OnAuditFailure::Refuse, (503, 503)), (OnAuditFailure::Continue, (201, 201))] {
        let (server, lines, told) = audited(policy);
        assert_eq!(push(&server, "owner", "one").await, (201, 201));
        lines.take();
        lines.is_failing.store(true, Ordering::SeqCst);
        assert_eq!(push(&server, "owner", "two").await, expected);
        let read = server.call("GET", "/v2/team/app/manifests/v1").of("owner").send().await.expect(200);
        let is_second = read.header("docker-content-digest") == digest(&image(&[], None, "two")).to_string();
        assert_eq!(is_second, policy == OnAuditFailure::Continue);
        let denied = server.call("DELETE", "/v2/team/app/manifests/v1").of("reader").send().await;
        denied.expect(403);
        lines.is_failing.store(false, Ordering::SeqCst);
        assert_eq!(push(&server, "owner", "three").await, (201, 201));
        assert_eq!(lines.words().len(), 4);
        let told = told.lock().unwrap();
        assert!(told[0].starts_with("the audit log cannot be written: "), "{told:?}");
        let lost = if policy == OnAuditFailure::Refuse { 3 } else { 5 };
        let over = format!("the audit log is written again; {lost} lines were lost");
        assert!(told.contains(&over), "{told:?}");
    }
}

#[tokio::test]
async fn a_change_whose_client_goes_away_is_told_to_have_been_abandoned() {
    let (server, lines, _) = audited(OnAuditFailure::Refuse);
    let (sender, body) = tokio::sync::mpsc::channel::<Result<bytes::Bytes, io::Error>>(1);
    let body = futures_util::stream::unfold(body, async |mut body| Some((body.recv().await?, body)));
    let path = format!("/v2/team/app/blobs/uploads/?digest={}", Digest::sha256(b"{}"));
    let call = server.call("POST", &path).of("owner").body(axum::body::Body::from_stream(body));
    let request = tokio::spawn(call.send());
    while lines.written.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    drop(sender);
    while lines.written.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(lines.words(), ["blob.put begin owner -", "blob.put end owner abandoned"]);
}
