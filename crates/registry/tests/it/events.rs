//! Events: every change is told to whoever wants to hear it, at least once and in order.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use oci::Digest;
use registry::{
    EventAnswer, EventEndpoint, EventFailure, EventKind, EventRequest, EventSender, Events, FailureHook, Keeping,
    Registry, RegistryOptions, RunningRegistry, Storage,
};
use resolve::retention::Pattern;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::backends::{Backend, new_schema, node, on_every_backend};
use crate::server::Server;

/// Takes events in place of a network.
#[derive(Debug, Default)]
struct Receiver {
    /// The URL and the document of every event that came, whatever was answered.
    heard: Mutex<Vec<(String, Value)>>,
    /// What is answered to the next requests to the first endpoint; 204 to all others.
    answers: Mutex<VecDeque<Result<EventAnswer, EventFailure>>>,
    came: Notify,
}

const FIRST: &str = "http://first.example/";
const SECOND: &str = "http://second.example/";

#[async_trait]
impl EventSender for Receiver {
    async fn send(&self, request: EventRequest) -> Result<EventAnswer, EventFailure> {
        let document = serde_json::from_slice(&request.body).unwrap();
        let answer = if request.url == FIRST { self.answers.lock().unwrap().pop_front() } else { None };
        self.heard.lock().unwrap().push((request.url, document));
        self.came.notify_waiters();
        answer.unwrap_or(Ok(EventAnswer { status: 204, retry_after: None }))
    }
}

impl Receiver {
    fn of(&self, url: &str) -> Vec<Value> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|(to, _)| to == url).map(|(_, document)| document.clone()).collect()
    }

    /// Waits until so many events have come to an endpoint.
    async fn wait(&self, url: &str, count: usize) -> Vec<Value> {
        let waiting = async {
            loop {
                let came = self.came.notified();
                tokio::pin!(came);
                came.as_mut().enable();
                let heard = self.of(url);
                if heard.len() >= count {
                    return heard;
                }
                came.await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), waiting).await.unwrap_or_else(|_| panic!("{:?}", self.of(url)))
    }
}

fn options(receiver: &Arc<Receiver>, endpoints: Vec<EventEndpoint>) -> RegistryOptions {
    let sender: Arc<dyn EventSender> = Arc::clone(receiver) as _;
    RegistryOptions { events: Events::new(endpoints, sender), ..RegistryOptions::default() }
}

fn everything() -> EventEndpoint {
    EventEndpoint { kinds: EventKind::ALL.to_vec(), ..EventEndpoint::new("first", FIRST) }
}

async fn run(registry: &Registry) -> RunningRegistry {
    RunningRegistry::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), registry.clone()).await.unwrap()
}

/// Returns what an event tells, in one line.
fn line(event: &Value) -> String {
    let kind = event["type"].as_str().unwrap().strip_prefix("supercargo.registry.").unwrap();
    let name = |field: &str| event["data"][field].as_str().unwrap_or("-").to_owned();
    format!("{kind} {} {} {} {}", name("repository"), name("tag"), name("digest"), name("previous"))
}

async fn every_change_is_told_in_its_order(backend: Backend) {
    let receiver = Arc::new(Receiver::default());
    let only = EventEndpoint {
        kinds: vec![EventKind::TagMoved],
        repositories: vec![Pattern::parse("oth*").unwrap()],
        ..EventEndpoint::new("second", SECOND)
    };
    let server = backend.server_with(options(&receiver, vec![everything(), only])).await;
    server.0.register_events().await.unwrap();
    let running = run(&server.0).await;
    let one = server.put_image("app", "latest", "one").await;
    let two = server.put_image("app", "latest", "two").await;
    let config = Digest::sha256(b"{}");
    server.post(&format!("/v2/other/blobs/uploads/?mount={config}&from=app")).await.expect(201);
    server.delete("/v2/app/manifests/latest").await.expect(202);
    server.delete(&format!("/v2/app/manifests/{two}")).await.expect(202);
    server.delete(&format!("/v2/other/blobs/{config}")).await.expect(202);
    let three = server.put_image("other", "1", "three").await;
    let heard = receiver.wait(FIRST, 12).await;
    let lines: Vec<String> = heard.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            format!("blob.pushed app - {config} -"),
            format!("manifest.pushed app - {one} -"),
            format!("tag.moved app latest {one} -"),
            format!("manifest.pushed app - {two} -"),
            format!("tag.moved app latest {two} {one}"),
            format!("blob.mounted other - {config} -"),
            format!("tag.deleted app latest - {two}"),
            format!("manifest.deleted app - {two} -"),
            format!("blob.deleted other - {config} -"),
            format!("blob.pushed other - {config} -"),
            format!("manifest.pushed other - {three} -"),
            format!("tag.moved other 1 {three} -"),
        ]
    );
    let of_second: Vec<String> = receiver.wait(SECOND, 1).await.iter().map(line).collect();
    assert_eq!(of_second, [format!("tag.moved other 1 {three} -")]);
    assert_eq!(receiver.of(SECOND)[0]["id"], heard[11]["id"], "one event, wherever it goes");
    assert_eq!(heard[0]["specversion"], "1.0");
    assert_eq!(heard[0]["data"]["size"], json!(2));
    running.shutdown().await;
}

async fn an_endpoint_that_fails_is_asked_again_and_holds_up_no_other(backend: Backend) {
    let receiver = Arc::new(Receiver::default());
    let later = EventAnswer { status: 503, retry_after: Some(Duration::from_secs(1)) };
    let away = EventFailure("nobody listens".to_owned());
    let refused = EventAnswer { status: 422, retry_after: None };
    receiver.answers.lock().unwrap().extend([Err(away), Ok(later), Ok(refused)]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let hook = FailureHook::new({
        let told = Arc::clone(&told);
        move |failure| told.lock().unwrap().push(failure.to_string())
    });
    let tags =
        |name: &str, url: &str| EventEndpoint { kinds: vec![EventKind::TagMoved], ..EventEndpoint::new(name, url) };
    let endpoints = vec![tags("first", FIRST), tags("second", SECOND)];
    let options = RegistryOptions { on_failure: Some(hook), ..options(&receiver, endpoints) };
    let server = backend.server_with(options).await;
    server.0.register_events().await.unwrap();
    server.put_image("app", "1", "one").await;
    server.put_image("app", "2", "two").await;
    let running = run(&server.0).await;
    assert_eq!(receiver.wait(SECOND, 2).await.len(), 2);
    let heard = receiver.wait(FIRST, 4).await;
    assert_eq!((&heard[0], &heard[0]), (&heard[1], &heard[2]), "the same until there is an answer");
    assert_eq!(heard[3]["data"]["tag"], "2", "what is refused is not sent again");
    running.shutdown().await;
    let told = told.lock().unwrap();
    assert!(told[0].contains("endpoint first") && told[0].contains("nobody listens"), "{told:?}");
    assert!(told[1].contains("2 times in a row: it answered with status 503"), "{told:?}");
    assert!(told[2].contains("refused event") && told[2].contains("422"), "{told:?}");
}

async fn what_is_too_much_is_dropped_and_told(backend: Backend) {
    let receiver = Arc::new(Receiver::default());
    let told = Arc::new(Mutex::new(Vec::new()));
    let hook = FailureHook::new({
        let told = Arc::clone(&told);
        move |failure| told.lock().unwrap().push(failure.to_string())
    });
    let few = EventEndpoint { kinds: vec![EventKind::TagMoved], events_max: 2, ..EventEndpoint::new("first", FIRST) };
    let options = RegistryOptions { on_failure: Some(hook), ..options(&receiver, vec![few]) };
    let server = backend.server_with(options).await;
    server.0.register_events().await.unwrap();
    for number in 1..=5 {
        server.put_image("app", &number.to_string(), &number.to_string()).await;
    }
    let running = run(&server.0).await;
    let heard = receiver.wait(FIRST, 2).await;
    let tags: Vec<&Value> = heard.iter().map(|event| &event["data"]["tag"]).collect();
    assert_eq!(tags, ["4", "5"]);
    assert_eq!(*told.lock().unwrap(), ["3 events of endpoint first are dropped: too old or too many"]);
    running.shutdown().await;
}

async fn what_an_endpoint_is_not_told_of_takes_no_room_in_its_queue(backend: Backend) {
    let receiver = Arc::new(Receiver::default());
    let only = EventEndpoint {
        kinds: vec![EventKind::TagMoved],
        repositories: vec![Pattern::parse("no*").unwrap(), Pattern::parse("other/*").unwrap()],
        events_max: 2,
        ..EventEndpoint::new("second", SECOND)
    };
    let server = backend.server_with(options(&receiver, vec![only])).await;
    server.0.register_events().await.unwrap();
    let one = server.put_image("other/app", "1", "one").await;
    for tag in ["1", "2", "3", "4"] {
        server.put_image("app", tag, "one").await;
    }
    let running = run(&server.0).await;
    let heard: Vec<String> = receiver.wait(SECOND, 1).await.iter().map(line).collect();
    assert_eq!(heard, [format!("tag.moved other/app 1 {one} -")]);
    drop(running);
}

on_every_backend!(
    every_change_is_told_in_its_order,
    what_an_endpoint_is_not_told_of_takes_no_room_in_its_queue,
    an_endpoint_that_fails_is_asked_again_and_holds_up_no_other,
    what_is_too_much_is_dropped_and_told,
);

#[tokio::test]
async fn what_waits_for_an_endpoint_goes_with_it() {
    let receiver = Arc::new(Receiver::default());
    let storage = Storage::in_memory();
    let begin = async |endpoints: Vec<EventEndpoint>| {
        let server = Server::over(storage.clone(), options(&receiver, endpoints));
        server.0.register_events().await.unwrap();
        server
    };
    begin(vec![everything()]).await.put_blob("app", b"one").await;
    begin(Vec::new()).await.put_blob("app", b"two").await;
    let server = begin(vec![everything()]).await;
    let three = server.put_blob("app", b"three").await;
    let running = run(&server.0).await;
    let heard = receiver.wait(FIRST, 1).await;
    assert_eq!(heard.iter().map(line).collect::<Vec<_>>(), [format!("blob.pushed app - {three} -")]);
    running.shutdown().await;
}

#[tokio::test]
async fn three_nodes_send_each_event_once() {
    let Some((postgres, schema)) = new_schema() else { return };
    let directory = tempfile::tempdir().unwrap();
    let receiver = Arc::new(Receiver::default());
    let mut running = Vec::new();
    let mut servers = Vec::new();
    for _ in 0..3 {
        let blobs = registry::BlobFiles::open(directory.path()).unwrap();
        let url = postgres.url(&schema).parse().unwrap();
        let storage = Storage::postgres(&url, Arc::new(blobs), Keeping::default()).await.unwrap();
        let server = Server::over(storage, options(&receiver, vec![everything()]));
        server.0.register_events().await.unwrap();
        running.push(run(&server.0).await);
        servers.push(server);
    }
    let pushes = servers.iter().enumerate().map(async |(number, server)| {
        for blob in 0..10 {
            server.put_blob(&format!("app{number}"), format!("{number} {blob}").as_bytes()).await;
        }
    });
    futures_util::future::join_all(pushes).await;
    let heard = receiver.wait(FIRST, 30).await;
    let ids: std::collections::BTreeSet<&str> = heard.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!((heard.len(), ids.len()), (30, 30));
    for running in running {
        running.shutdown().await;
    }
    let left = node(postgres, &schema, registry::BlobFiles::open(directory.path()).unwrap()).await;
    assert_eq!(left.miscounted().await.unwrap(), []);
}

/// Writes a file, and gives it a time in seconds since 1970.
fn write(path: &std::path::Path, content: &[u8], at: u64) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(at)).unwrap();
}

#[tokio::test]
async fn an_import_tells_what_changes_here_and_not_what_was_elsewhere() {
    let receiver = Arc::new(Receiver::default());
    let only = EventEndpoint { kinds: vec![EventKind::TagMoved], ..EventEndpoint::new("first", FIRST) };
    let storage = Storage::in_memory();
    let server = Server::of(vec![Registry::new(storage.clone(), options(&receiver, vec![only]))], None);
    server.0.register_events().await.unwrap();
    let source = tempfile::tempdir().unwrap();
    let root = source.path().join("docker/registry/v2");
    let documents = ["one", "two", "three"].map(|text| crate::server::image(&[], None, text).to_string());
    let config = Digest::sha256(b"{}");
    let repository = root.join("repositories/app");
    let link = |below: String, digest: &Digest, at| {
        write(&repository.join(below), digest.to_string().as_bytes(), at);
    };
    for bytes in documents.iter().map(String::as_bytes).chain([&b"{}"[..]]) {
        let hex = Digest::sha256(bytes).encoded();
        write(&root.join(format!("blobs/sha256/{}/{hex}/data", &hex[..2])), bytes, 1);
    }
    link(format!("_layers/sha256/{}/link", config.encoded()), &config, 1);
    let digests = documents.each_ref().map(|document| Digest::sha256(document.as_bytes()));
    for (digest, at) in digests.iter().zip(1000..) {
        link(format!("_manifests/revisions/sha256/{}/link", digest.encoded()), digest, at);
        link(format!("_manifests/tags/v1/index/sha256/{}/link", digest.encoded()), digest, at);
    }
    link("_manifests/tags/v1/current/link".to_owned(), &digests[2], 1002);
    let import = registry::Import {
        source: source.path().to_owned(),
        target: registry::ImportTarget::Same,
        way: registry::ImportWay::Copy,
        sparse: false,
        immutable: registry::Immutability::default(),
    };
    let imported = storage.import(&import).await.unwrap();
    assert_eq!((imported.manifests, imported.tags), (3, 1), "{imported:?}");
    let moves = server.get("/v2/app/_oci/tag-history/v1").await.expect(200).json();
    assert_eq!(moves.as_array().unwrap().len(), 3, "{moves}");
    let four = server.put_image("app", "v1", "four").await;
    let running = run(&server.0).await;
    let heard: Vec<String> = receiver.wait(FIRST, 2).await.iter().map(line).collect();
    let [_, two, three] = digests;
    assert_eq!(heard, [format!("tag.moved app v1 {three} {two}"), format!("tag.moved app v1 {four} {three}")]);
    drop(running);
}
