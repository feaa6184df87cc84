//! One JSON document for each event, for programs that show progress themselves.

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use oci::{Descriptor, Digest};
use ops::{BlobOutcome, Meter, Progress};
use serde::Serialize;

use super::Sink;
use crate::printer::escape_controls;

/// How often the bytes of blobs under way are told.
const INTERVAL: Duration = Duration::from_secs(1);

const SCHEMA: &str = "supercargo.progress.v1";

/// An event. The names of the fields are a public interface.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Planned { blobs: usize, bytes: u64, manifests: usize },
    BlobStarted { digest: Digest, bytes: u64 },
    BlobProgress { digest: Digest, bytes: u64, bytes_moved: u64 },
    BlobFinished { digest: Digest, bytes: u64, outcome: &'a str },
    ManifestPut { digest: Digest },
    RootFinished { destination: &'a str, digest: Digest },
}

#[derive(Serialize)]
struct Line<'a> {
    schema: &'static str,
    #[serde(flatten)]
    event: Event<'a>,
}

type Running = Mutex<BTreeMap<Digest, (u64, Meter)>>;

struct Teller {
    sink: Sink,
    running: Running,
}

/// Tells of every event, and of blobs under way once a second.
pub(crate) struct Json {
    teller: Arc<Teller>,
    stop: Option<Sender<()>>,
    ticker: Option<JoinHandle<()>>,
}

impl Json {
    pub(crate) fn new(sink: Sink) -> Self {
        let teller = Arc::new(Teller { sink, running: Mutex::default() });
        let (stop, stopped) = channel();
        let ticking = Arc::clone(&teller);
        let ticker = std::thread::spawn(move || {
            while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                ticking.tick();
            }
        });
        Self { teller, stop: Some(stop), ticker: Some(ticker) }
    }
}

impl Drop for Json {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(ticker) = self.ticker.take() {
            // A ticker that panicked has told its last.
            let _ = ticker.join();
        }
    }
}

impl Teller {
    fn tell(&self, event: Event<'_>) {
        if let Ok(line) = serde_json::to_string(&Line { schema: SCHEMA, event }) {
            (self.sink)(&escape_controls(&line));
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<Digest, (u64, Meter)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self) {
        let moved: Vec<(Digest, u64, u64)> =
            self.running().iter().map(|(digest, (bytes, meter))| (*digest, *bytes, meter.bytes())).collect();
        for (digest, bytes, bytes_moved) in moved {
            self.tell(Event::BlobProgress { digest, bytes, bytes_moved });
        }
    }
}

impl Progress for Json {
    fn planned(&self, blobs: usize, bytes: u64, manifests: usize) {
        self.teller.tell(Event::Planned { blobs, bytes, manifests });
    }

    fn blob_started(&self, descriptor: &Descriptor, meter: &Meter) {
        self.teller.running().insert(descriptor.digest, (descriptor.size, meter.clone()));
        self.teller.tell(Event::BlobStarted { digest: descriptor.digest, bytes: descriptor.size });
    }

    fn blob_finished(&self, descriptor: &Descriptor, outcome: BlobOutcome) {
        self.teller.running().remove(&descriptor.digest);
        let outcome = match outcome {
            BlobOutcome::Moved => "moved",
            BlobOutcome::Adopted => "adopted",
            BlobOutcome::Present => "present",
        };
        self.teller.tell(Event::BlobFinished { digest: descriptor.digest, bytes: descriptor.size, outcome });
    }

    fn manifest_put(&self, digest: &Digest) {
        self.teller.tell(Event::ManifestPut { digest: *digest });
    }

    fn root_finished(&self, destination: &str, digest: &Digest) {
        self.teller.tell(Event::RootFinished { destination, digest: *digest });
    }
}

#[cfg(test)]
mod tests {
    use oci::MediaType;

    use super::*;

    #[test]
    fn every_event_is_a_document() {
        let told = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&told);
        let json = Json::new(Box::new(move |line| sink.lock().unwrap().extend([line, "\n"])));
        let blob = Descriptor::of(MediaType::OCI_LAYER, b"one");
        let meter = Meter::default();
        json.planned(1, 3, 1);
        json.blob_started(&blob, &meter);
        meter.advance(2);
        json.teller.tick();
        json.blob_finished(&blob, BlobOutcome::Moved);
        json.teller.tick();
        json.manifest_put(&Digest::sha256(b"{}"));
        json.root_finished("h.example/a", &Digest::sha256(b"{}"));
        drop(json);
        insta::assert_snapshot!(told.lock().unwrap(), @r#"
        {"schema":"supercargo.progress.v1","event":"planned","blobs":1,"bytes":3,"manifests":1}
        {"schema":"supercargo.progress.v1","event":"blob_started","digest":"sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed","bytes":3}
        {"schema":"supercargo.progress.v1","event":"blob_progress","digest":"sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed","bytes":3,"bytes_moved":2}
        {"schema":"supercargo.progress.v1","event":"blob_finished","digest":"sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed","bytes":3,"outcome":"moved"}
        {"schema":"supercargo.progress.v1","event":"manifest_put","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}
        {"schema":"supercargo.progress.v1","event":"root_finished","destination":"h.example/a","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}
        "#);
    }
}
