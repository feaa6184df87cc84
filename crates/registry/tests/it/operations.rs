//! What a registry tells of itself: probes, metrics, and each request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use oci::Digest;
use registry::{
    Access, Credentials, FAMILIES, Kind, Registry, RegistryOptions, RequestHook, RunningOperations, RunningRegistry,
    Scrub,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::server::Server;

/// The page that tells operators of every metric.
const PAGE: &str = include_str!("../../../../docs/book/src/operations.md");

async fn answer(registry: &Registry, method: &str, path: &str) -> (u16, String) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let (parts, body) = registry.respond(request).await.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
}

async fn operate(registry: &Registry, path: &str) -> (u16, String) {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let (parts, body) = registry.operate(request).await.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
}

/// Metrics, by the name of the family: kind, and the number of every sample by its name with labels.
#[derive(Debug, Default)]
struct Parsed {
    kinds: BTreeMap<String, String>,
    samples: BTreeMap<String, f64>,
}

impl Parsed {
    fn number(&self, sample: &str) -> f64 {
        *self.samples.get(sample).unwrap_or_else(|| panic!("{sample} is missing: {:#?}", self.samples))
    }
}

/// Reads the text format as strictly as its description has it, and checks that every sample belongs to the family before it.
fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let (mut family, mut helped) = (String::new(), String::new());
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, meaning) = help.split_once(' ').unwrap();
            assert!(!meaning.is_empty() && !meaning.contains('\\'), "{line}");
            name.clone_into(&mut helped);
            continue;
        }
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, helped, "the kind follows the help");
            name.clone_into(&mut family);
            assert!(parsed.kinds.insert(family.clone(), kind.to_owned()).is_none(), "{name} is there twice");
            continue;
        }
        let (sample, number) = line.rsplit_once(' ').unwrap();
        let name = sample.split('{').next().unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'), "{line}");
        let suffix = name.strip_prefix(&family).unwrap_or_else(|| panic!("{line} is not of {family}"));
        let is_histogram = parsed.kinds[&family] == "histogram";
        assert_eq!(is_histogram, matches!(suffix, "_bucket" | "_sum" | "_count"), "{line}");
        assert!(is_histogram || suffix.is_empty(), "{line}");
        if let Some((_, labels)) = sample.split_once('{') {
            for label in labels.strip_suffix('}').unwrap().split(',') {
                let (name, value) = label.split_once('=').unwrap();
                assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()), "{line}");
                let value = value.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
                assert!(!value.is_empty() && !value.contains(['"', '\\']), "{line}");
            }
        }
        let number: f64 = number.parse().unwrap();
        assert!(number >= 0.0, "{line}");
        assert!(parsed.samples.insert(sample.to_owned(), number).is_none(), "{sample} is there twice");
    }
    parsed
}

#[tokio::test]
async fn probes_ask_nobody_who_he_is_and_metrics_are_public_only_when_asked_for() {
    let access = Access::Basic(Credentials { user: "ada".to_owned(), password: "secret".to_owned() });
    let closed = Server::with(RegistryOptions { access: access.clone(), ..RegistryOptions::default() }).0;
    assert_eq!(answer(&closed, "GET", "/livez").await, (200, "ok\n".to_owned()));
    assert_eq!(answer(&closed, "GET", "/readyz").await, (200, "database: ok\nblobs: ok\nserving: ok\n".to_owned()));
    assert_eq!(answer(&closed, "HEAD", "/readyz").await, (200, String::new()));
    assert_eq!(answer(&closed, "POST", "/readyz").await.0, 405);
    assert_eq!(answer(&closed, "GET", "/v2/").await.0, 401);
    assert_eq!(answer(&closed, "GET", "/metrics").await.0, 404);

    let metrics = RegistryOptions { access, metrics: true, probes: false, ..RegistryOptions::default() };
    let elsewhere = Server::with(metrics).0;
    assert_eq!(answer(&elsewhere, "GET", "/livez").await.0, 404);
    assert_eq!(answer(&elsewhere, "GET", "/metrics").await.0, 200);
    assert_eq!(operate(&elsewhere, "/livez").await.0, 200);
    assert_eq!(operate(&elsewhere, "/v2/").await.0, 404, "nothing of the registry is on that listener");
}

#[tokio::test]
async fn a_registry_that_drains_is_not_ready_and_answers_all_the_same() {
    let registry = Server::default().0;
    assert!(registry.readiness().await.is_ready());
    registry.drain();
    assert_eq!(answer(&registry, "GET", "/readyz").await.0, 503);
    assert_eq!(answer(&registry, "GET", "/livez").await.0, 200);
    assert_eq!(answer(&registry, "GET", "/v2/").await.0, 200);
    assert!((parse(&operate(&registry, "/metrics").await.1).number("supercargo_draining") - 1.0).abs() < 1e-9);
}

#[tokio::test]
async fn every_metric_is_there_and_in_the_book() {
    let server = Server::default();
    server.put_image("app", "1", "one").await;
    server.0.collect().await;
    server.0.scrub(&Scrub::default()).await;
    let parsed = parse(&operate(&server.0, "/metrics").await.1);
    let shown: BTreeMap<&str, &str> = parsed.kinds.iter().map(|(name, kind)| (name.as_str(), kind.as_str())).collect();
    let known: BTreeMap<&str, &str> = FAMILIES.iter().map(|family| (family.name, family.kind.word())).collect();
    assert_eq!(shown, known);
    let rows: BTreeSet<String> = PAGE
        .lines()
        .filter(|line| line.starts_with("| `supercargo_") || line.starts_with("| `process_"))
        .map(str::to_owned)
        .collect();
    let expected = FAMILIES.iter().map(|family| {
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{}` | {} | {} | {} |", family.name, family.kind.word(), labels.join(", "), family.help)
    });
    assert_eq!(rows, expected.collect::<BTreeSet<_>>(), "the table of docs/book/src/operations.md");
    for family in FAMILIES {
        assert_eq!(family.kind == Kind::Counter, family.name.ends_with("_total"), "{}", family.name);
    }
}

#[tokio::test]
async fn metrics_say_what_was_done() {
    let server = Server::with(RegistryOptions::default());
    server.put_image("some/where", "1", "one").await;
    let digest = server.put_blob("some/where", b"0123456789").await;
    for _ in 0..3 {
        server.get(&format!("/v2/some/where/blobs/{digest}")).await.expect(200);
    }
    server.head("/v2/some/where/manifests/1").await.expect(200);
    server.get("/v2/some/where/manifests/absent").await.expect(404);
    server.call("PROPFIND", "/v2/some/where/tags/list").send().await.expect(405);
    server.get("/elsewhere").await.expect(404);
    server.begin("some/where").await;
    server.0.collect().await;
    server.0.keep_journal().await;
    server.0.scrub(&Scrub::default()).await;
    let text = operate(&server.0, "/metrics").await.1;
    let parsed = parse(&text);
    for (sample, expected) in [
        (r#"supercargo_http_requests_total{route="blob",method="GET",status="2xx"}"#, 3.0),
        (r#"supercargo_http_requests_total{route="uploads",method="POST",status="2xx"}"#, 3.0),
        (r#"supercargo_http_requests_total{route="manifest",method="PUT",status="2xx"}"#, 1.0),
        (r#"supercargo_http_requests_total{route="manifest",method="HEAD",status="2xx"}"#, 1.0),
        (r#"supercargo_http_requests_total{route="manifest",method="GET",status="4xx"}"#, 1.0),
        (r#"supercargo_http_requests_total{route="tags",method="other",status="4xx"}"#, 1.0),
        (r#"supercargo_http_requests_total{route="other",method="GET",status="4xx"}"#, 1.0),
        (r#"supercargo_http_request_duration_seconds_count{route="blob",method="GET"}"#, 3.0),
        (r#"supercargo_http_request_duration_seconds_bucket{route="blob",method="GET",le="+Inf"}"#, 3.0),
        ("supercargo_http_requests_in_flight", 0.0),
        ("supercargo_http_broken_responses_total", 0.0),
        ("supercargo_uploads", 1.0),
        (r#"supercargo_access_decisions_total{decision="denied"}"#, 0.0),
        ("supercargo_database_up", 1.0),
        (r#"supercargo_database_failures_total{database="metadata",kind="write"}"#, 0.0),
        // Three downloads, and the scrub: two blobs, and the copy of the manifest.
        (r#"supercargo_blob_operation_duration_seconds_count{operation="open"}"#, 6.0),
        (r#"supercargo_collector_rounds_total{result="success"}"#, 1.0),
        ("supercargo_collector_due", 0.0),
        ("supercargo_journal_pending", 0.0),
        (r#"supercargo_scrub_read_total{what="blob"}"#, 2.0),
        (r#"supercargo_scrub_read_total{what="manifest"}"#, 1.0),
        (r#"supercargo_scrub_bad{what="blob"}"#, 0.0),
        ("supercargo_scrub_progress_ratio", 1.0),
        (r#"supercargo_failures_total{during="request"}"#, 0.0),
    ] {
        assert!((parsed.number(sample) - expected).abs() < 1e-9, "{sample} is {}", parsed.number(sample));
    }
    assert!(parsed.number("supercargo_http_sent_bytes_total") >= 30.0);
    assert!(parsed.number("supercargo_http_received_bytes_total") >= 12.0);
    assert!(parsed.number(r#"supercargo_database_commits_total{database="metadata"}"#) >= 3.0);
    assert!(parsed.number("process_resident_memory_bytes") > 1e6);
    assert!(parsed.number("process_open_fds") > 2.0);
    for secret in ["some/where", "sha256", &digest.to_string(), "absent"] {
        assert!(!text.contains(secret), "{secret} is a label");
    }
}

#[tokio::test]
async fn a_request_is_told_with_its_trace_and_without_its_query() {
    let (wanted, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    let hook = {
        let (wanted, told) = (Arc::clone(&wanted), Arc::clone(&told));
        RequestHook::new(
            move || wanted.load(Ordering::SeqCst),
            move |event| told.lock().unwrap().push(format!("{event:?}")),
        )
    };
    let server = Server::with(RegistryOptions { on_request: Some(hook), ..RegistryOptions::default() });
    let digest = server.put_blob("app", b"content").await;
    assert!(told.lock().unwrap().is_empty(), "nobody wanted to know");
    wanted.store(true, Ordering::SeqCst);
    let call = server.call("GET", &format!("/v2/app/blobs/{digest}?token=s3cret"));
    let call = call.header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    call.send().await.expect(200);
    let upload = server.begin("app").await;
    server.call("PATCH", &upload).body("bytes").send().await.expect(202);
    let told = told.lock().unwrap().clone();
    let trace = format!("trace: {}", 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128);
    for part in [&trace, "Blob", "\"GET\"", "anonymous", &digest.to_string(), "Some(200)", "sent: 7", "is_whole: true"]
    {
        assert!(told[0].contains(part), "{part}: {}", told[0]);
    }
    assert!(!told[0].contains("s3cret"), "{}", told[0]);
    let id = upload.rsplit('/').next().unwrap().split('?').next().unwrap();
    assert!(told[2].contains("received: 5") && !told[2].contains(id), "an upload's name is a key to it: {}", told[2]);
    assert_eq!(told.len(), 3);
}

/// Sends a request on a connection of its own, and returns all that comes back.
async fn ask(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_listener_for_probes_answers_until_the_last_request_has_ended() {
    let registry = Registry::in_memory(RegistryOptions::default());
    let local = "127.0.0.1:0".parse().unwrap();
    let operations = RunningOperations::start(local, registry.clone()).await.unwrap();
    let running = RunningRegistry::start(local, registry).await.unwrap();
    assert!(ask(operations.addr(), "/readyz").await.starts_with("HTTP/1.1 200"));
    assert!(ask(operations.addr(), "/v2/").await.starts_with("HTTP/1.1 404"));

    // A request is under way: its body is not complete.
    let digest = Digest::sha256(b"content");
    let mut pushing = TcpStream::connect(running.addr()).await.unwrap();
    let head = format!(
        "POST /v2/app/blobs/uploads/?digest={digest} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 7\r\n\r\n"
    );
    pushing.write_all(head.as_bytes()).await.unwrap();
    let mut continued = [0; 25];
    pushing.read_exact(&mut continued).await.unwrap();
    assert!(continued.starts_with(b"HTTP/1.1 100"), "{continued:?}");
    let metrics = ask(operations.addr(), "/metrics").await;
    assert!(metrics.contains("supercargo_http_requests_in_flight 1\n"), "{metrics}");
    assert!(metrics.contains("supercargo_http_connections 1\n"), "{metrics}");

    let ending = tokio::spawn(running.shutdown());
    while !ask(operations.addr(), "/readyz").await.starts_with("HTTP/1.1 503") {
        tokio::task::yield_now().await;
    }
    assert!(ask(operations.addr(), "/livez").await.starts_with("HTTP/1.1 200"));
    assert!(!ending.is_finished(), "the push is given time");
    pushing.write_all(b"content").await.unwrap();
    let mut created = String::new();
    pushing.read_to_string(&mut created).await.unwrap();
    assert!(created.starts_with("HTTP/1.1 201"), "{created}");
    ending.await.unwrap();
}
