//! Traces of requests and of upkeep, as a collector sees them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use oci::Digest;
use registry::{
    FailureHook, Registry, RegistryOptions, RunningRegistry, SampleRatio, SpanAnswer, SpanFailure, SpanRequest,
    SpanSender, TraceSettings, Traces,
};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A collector that gives its answers in their order, and 200 after them.
#[derive(Debug, Default)]
struct Collector {
    answers: Mutex<VecDeque<Result<u16, SpanFailure>>>,
    bodies: Mutex<Vec<Value>>,
}

#[async_trait]
impl SpanSender for Collector {
    async fn send_spans(&self, request: SpanRequest) -> Result<SpanAnswer, SpanFailure> {
        let status = self.answers.lock().unwrap().pop_front().unwrap_or(Ok(200))?;
        self.bodies.lock().unwrap().push(serde_json::from_slice(&request.body).unwrap());
        Ok(SpanAnswer { status, retry_after: Some(Duration::ZERO), body: bytes::Bytes::new() })
    }
}

impl Collector {
    /// Returns all spans of the bodies that were answered last.
    fn spans(&self) -> Vec<Value> {
        let bodies = self.bodies.lock().unwrap();
        let all = bodies.iter().flat_map(|body| body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap());
        all.cloned().collect()
    }
}

fn settings() -> TraceSettings {
    TraceSettings {
        url: "http://collector.example:4318/v1/traces".to_owned(),
        ratio: SampleRatio::ALL,
        follows_caller: true,
        resource: vec![("service.name".to_owned(), "test".to_owned())],
        headers: Vec::new(),
        timeout: Duration::from_secs(10),
        queue_max: 2048,
    }
}

/// A registry that is served, without upkeep, and how its traces are taken.
async fn start(
    settings: TraceSettings,
    collector: &Arc<Collector>,
    change: impl FnOnce(&mut RegistryOptions),
) -> RunningRegistry {
    let traces = Traces::new(settings, Arc::clone(collector) as Arc<dyn SpanSender>);
    let mut options = RegistryOptions {
        traces: Some(traces),
        journal: false,
        collect_period: None,
        scrub: None,
        metrics: true,
        ..RegistryOptions::default()
    };
    change(&mut options);
    RunningRegistry::start("127.0.0.1:0".parse().unwrap(), Registry::in_memory(options)).await.unwrap()
}

async fn ask(server: &RunningRegistry, request: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    let text = format!("{request} HTTP/1.1\r\nhost: registry.example:5000\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn attribute<'v>(span: &'v Value, name: &str) -> Option<&'v str> {
    let attributes = span["attributes"].as_array().unwrap();
    let value = &attributes.iter().find(|attribute| attribute["key"] == name)?["value"];
    value["stringValue"].as_str().or_else(|| value["intValue"].as_str())
}

fn number(span: &Value, name: &str) -> u64 {
    span[name].as_str().unwrap().parse().unwrap()
}

const CALLER: &str = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: rojo=1\r\n";

#[tokio::test]
async fn a_request_is_a_child_of_its_caller_and_has_children_of_its_own() {
    let collector = Arc::new(Collector::default());
    // The first batch is refused for now, and comes again.
    collector.answers.lock().unwrap().extend([Ok(503), Err(SpanFailure("reset".to_owned())), Ok(429)]);
    let server = start(settings(), &collector, |_| {}).await;
    let path = format!("POST /v2/team/app/blobs/uploads/?digest={}", Digest::sha256(b"content"));
    let answer = ask(&server, &path, &format!("{CALLER}content-length: 7\r\n\r\ncontent")).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    server.shutdown().await;
    let bodies = collector.bodies.lock().unwrap().clone();
    assert_eq!((bodies.len(), &bodies[0]), (3, &bodies[2]), "the same batch each time");
    let resource = &bodies[0]["resourceSpans"][0]["resource"]["attributes"];
    assert_eq!(resource[0]["value"]["stringValue"], "test");
    let spans = bodies[2]["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    let root = spans.iter().find(|span| span["kind"] == 2).unwrap();
    assert_eq!(root["name"], "POST /v2/{name}/blobs/uploads/");
    assert_eq!(root["parentSpanId"], "b7ad6b7169203331");
    assert_eq!(root["traceState"], "rojo=1");
    assert!(root.get("status").is_none(), "{root}");
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/v2/{name}/blobs/uploads/"),
        ("http.response.status_code", "201"),
        ("http.request.body.size", "7"),
        ("url.path", "/v2/team/app/blobs/uploads/"),
        ("url.scheme", "http"),
        ("server.address", "registry.example"),
        ("server.port", "5000"),
        ("client.address", "127.0.0.1"),
        ("network.protocol.version", "1.1"),
        ("supercargo.repository", "team/app"),
        ("supercargo.operation", "uploads"),
    ] {
        assert_eq!(attribute(root, name), Some(value), "{name}: {root}");
    }
    for span in spans {
        assert_eq!(span["traceId"], "0af7651916cd43dd8448eb211c80319c");
        assert!(span["spanId"].as_str().unwrap().len() == 16, "{span}");
        let parent = spans.iter().find(|parent| parent["spanId"] == span["parentSpanId"]);
        assert_eq!(parent.is_none(), span["spanId"] == root["spanId"], "{span}");
        assert!(number(span, "startTimeUnixNano") <= number(span, "endTimeUnixNano"));
        assert!(number(span, "startTimeUnixNano") >= number(root, "startTimeUnixNano"));
    }
    let body = spans.iter().find(|span| span["name"] == "receive body").unwrap();
    assert_eq!(body["parentSpanId"], root["spanId"]);
    for name in ["blob begin", "blob commit"] {
        assert!(spans.iter().any(|span| span["name"] == name), "{name}: {spans:#?}");
    }
    assert!(spans.iter().any(|span| attribute(span, "db.system.name") == Some("sqlite")), "{spans:#?}");
}

#[tokio::test]
async fn who_decides_is_the_caller_if_he_may_and_the_ratio_otherwise() {
    let unsampled = CALLER.replace("-01", "-00");
    let hostile = ["traceparent: 00-0-0-01\r\n".to_owned(), format!("{CALLER}{CALLER}")];
    let none = SampleRatio::new(0.0).unwrap();
    for (ratio, follows_caller, headers, expected) in [
        (SampleRatio::ALL, true, unsampled.as_str(), false),
        (SampleRatio::ALL, false, &unsampled, true),
        (none, true, CALLER, true),
        (none, false, CALLER, false),
        (none, true, "", false),
        (none, true, &hostile[0], false),
        (none, true, &hostile[1], false),
    ] {
        let collector = Arc::new(Collector::default());
        let server = start(TraceSettings { ratio, follows_caller, ..settings() }, &collector, |_| {}).await;
        assert!(ask(&server, "GET /v2/", headers).await.starts_with("HTTP/1.1 200 "));
        server.shutdown().await;
        assert_eq!(collector.spans().len(), usize::from(expected), "{ratio:?} {follows_caller} {headers}");
    }
}

#[tokio::test]
async fn the_name_of_an_upload_is_as_good_as_a_key_and_is_not_told() {
    let collector = Arc::new(Collector::default());
    let server = start(settings(), &collector, |_| {}).await;
    let answer = ask(&server, "POST /v2/app/blobs/uploads/", "content-length: 0\r\n").await;
    let location = answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap().to_owned();
    assert!(ask(&server, &format!("GET {location}"), "").await.starts_with("HTTP/1.1 204 "));
    ask(&server, &format!("GET {location}/more"), "").await;
    server.shutdown().await;
    let id = location.rsplit('/').next().unwrap();
    let spans = collector.spans();
    assert!(spans.iter().any(|span| attribute(span, "url.path") == Some("/v2/app/blobs/uploads/{id}")), "{spans:?}");
    assert!(spans.iter().all(|span| !span.to_string().contains(id)), "{spans:?}");
}

#[tokio::test]
async fn what_has_no_room_and_what_nobody_takes_is_counted_and_told_once() {
    let collector = Arc::new(Collector::default());
    collector.answers.lock().unwrap().extend([Ok(400), Ok(400), Ok(400)]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let hook = Arc::clone(&told);
    let registry = Arc::new(Mutex::new(None));
    let server = start(TraceSettings { queue_max: 1, ..settings() }, &collector, |options| {
        options.on_failure = Some(FailureHook::new(move |failure| hook.lock().unwrap().push(failure.to_string())));
        *registry.lock().unwrap() = options.traces.clone();
    })
    .await;
    ask(&server, "GET /v2/app/tags/list", "").await;
    while told.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let metrics = ask(&server, "GET /metrics", "").await;
    let count = |word: &str| -> u64 {
        let name = format!("supercargo_trace_spans_total{{result=\"{word}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
    };
    assert_eq!((count("sent"), count("lost")), (0, 1), "{metrics}");
    assert!(count("dropped") > 0, "the request and its questions to the database are more than one: {metrics}");
    ask(&server, "GET /v2/", "").await;
    server.shutdown().await;
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("the collector answered with status 400"), "{told:?}");
}

#[tokio::test]
async fn rounds_of_upkeep_are_traces_of_their_own() {
    let collector = Arc::new(Collector::default());
    let server = start(settings(), &collector, |options| {
        options.collect_period = Some(Duration::from_millis(10));
        options.journal = true;
    })
    .await;
    while !collector.spans().iter().any(|span| span["name"] == "collect") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.shutdown().await;
    let spans = collector.spans();
    for name in ["collect", "keep journal"] {
        let round = spans.iter().find(|span| span["name"] == name).unwrap();
        assert!(round.get("parentSpanId").is_none() && round["kind"] == 1, "{round}");
        assert!(spans.iter().any(|span| span["parentSpanId"] == round["spanId"]), "{name}: {spans:#?}");
    }
}
