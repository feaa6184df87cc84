//! All that a registry counts, as one text.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

use super::count::Counter;
use super::request::{Counts, DECISIONS, METHODS, RouteKind, STATUSES};
use super::{Exposition, Failures, Probe, family, process};
use crate::audit_log::AuditLog;
use crate::limits::Refusals;
use crate::storage::Storage;
use crate::traces::Traces;

/// How long the database is given to say what waits in it.
const WAITING_TIMEOUT: Duration = Duration::from_secs(2);

/// What a registry knows of itself.
#[derive(Debug)]
pub(crate) struct Observer {
    pub(crate) counts: Arc<Counts>,
    pub(crate) failures: Failures,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) probe: Probe,
    /// Rounds of the collector: those that came to their end, and those that failed.
    pub(crate) rounds: [Counter; 2],
    /// In milliseconds since 1970.
    began_at: i64,
    /// Held while the database is asked: whoever asks often waits, and the database does not.
    turn: Mutex<()>,
}

impl Observer {
    /// Begins at a time, in milliseconds since 1970.
    pub(crate) fn new(began_at: i64) -> Self {
        Self {
            counts: Arc::default(),
            refusals: Arc::default(),
            failures: Failures::default(),
            probe: Probe::default(),
            rounds: Default::default(),
            began_at,
            turn: Mutex::default(),
        }
    }

    /// Counts a round of the collector.
    pub(crate) fn collected(&self, is_well: bool) {
        let [well, failed] = &self.rounds;
        if is_well { well } else { failed }.one();
    }

    /// Returns every metric. Without an answer of the database what is read there is left out.
    pub(crate) async fn metrics(&self, storage: &Storage, audit: &AuditLog, traces: Option<&Traces>) -> String {
        let (waiting, uploads) = {
            let _turn = self.turn.lock().await;
            let asked = async { tokio::join!(storage.waiting(), storage.count_sessions()) };
            match timeout(WAITING_TIMEOUT, asked).await {
                Ok((waiting, uploads)) => (waiting.ok(), uploads.ok()),
                Err(_) => (None, None),
            }
        };
        let mut exposition = Exposition::default();
        exposition.labelled(&family::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1_u64);
        exposition.number(&family::DRAINING, self.probe.is_draining());
        self.write_requests(&mut exposition);
        if let Some(uploads) = uploads {
            exposition.number(&family::UPLOADS, uploads);
        }
        for (word, count) in DECISIONS.iter().zip(&self.counts.decisions) {
            exposition.labelled(&family::DECISIONS, &[word], count.get());
        }
        self.refusals.write(&mut exposition);
        exposition.number(&family::AUDIT_LOST, audit.lost());
        exposition.number(&family::AUDIT_PASSED_OVER, audit.passed_over());
        self.failures.write(&mut exposition);
        Traces::write(traces, &mut exposition);
        exposition.number(&family::DATABASE_UP, waiting.is_some());
        for (word, count) in ["success", "failure"].iter().zip(&self.rounds) {
            exposition.labelled(&family::COLLECTOR_ROUNDS, &[word], count.get());
        }
        storage.write_metrics(&mut exposition, waiting.as_ref());
        process::write(&mut exposition);
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds since 1970 are exact for longer than anything lasts"
        )]
        exposition.number(&family::PROCESS_START, self.began_at as f64 / 1000.0);
        exposition.into_text()
    }

    /// Writes what is counted of requests; combinations that never came are left out.
    fn write_requests(&self, exposition: &mut Exposition) {
        let counts = &self.counts;
        exposition.head(&family::HTTP_REQUESTS);
        for (route, methods) in RouteKind::ALL.iter().zip(&counts.requests) {
            for (method, statuses) in METHODS.iter().zip(methods) {
                for (status, count) in STATUSES.iter().zip(statuses) {
                    if count.get() > 0 {
                        exposition.labelled(&family::HTTP_REQUESTS, &[route.word(), method, status], count.get());
                    }
                }
            }
        }
        for (route, methods) in RouteKind::ALL.iter().zip(&counts.durations) {
            for (method, took) in METHODS.iter().zip(methods) {
                exposition.histogram(&family::HTTP_DURATION, &[route.word(), method], took);
            }
        }
        exposition.number(&family::HTTP_IN_FLIGHT, counts.in_flight.get());
        exposition.number(&family::HTTP_CONNECTIONS, counts.connections.get());
        exposition.number(&family::HTTP_RECEIVED, counts.received.get());
        exposition.number(&family::HTTP_SENT, counts.sent.get());
        exposition.number(&family::HTTP_BROKEN, counts.broken.get());
    }
}
