//! The thread that writes lines: a disk that hangs must not hang the requests that have nothing to tell.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;

use super::{AuditError, AuditSink};
use crate::options::FailureHook;

/// Most lines that wait to be written.
const LINES_MAX: usize = 1024;
/// How long a request waits for its line.
const PATIENCE: Duration = Duration::from_secs(5);

/// A line, and who waits for it.
struct Job {
    line: Vec<u8>,
    written: Option<oneshot::Sender<Result<(), AuditError>>>,
}

/// Lines on their way to a sink, in their order.
pub(super) struct Queue {
    jobs: Sender<Job>,
    sink: Arc<dyn AuditSink>,
    lost: Arc<AtomicU64>,
}

/// What the thread has.
struct Writer {
    sink: Arc<dyn AuditSink>,
    on_failure: Option<FailureHook>,
    lost: Arc<AtomicU64>,
    /// How many were lost before the failure that is going on; `None` while all is well.
    failing_since: Option<u64>,
}

impl Queue {
    /// Returns a queue whose thread ends with it, once it has written all that is in it.
    pub(super) fn new(sink: Arc<dyn AuditSink>, on_failure: Option<FailureHook>) -> Self {
        let (jobs, waiting) = channel(LINES_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let writer = Writer { sink: Arc::clone(&sink), on_failure, lost: Arc::clone(&lost), failing_since: None };
        std::thread::spawn(move || writer.run(waiting));
        Self { jobs, sink, lost }
    }

    /// Writes a line, and returns when that is done.
    ///
    /// # Errors
    /// [`AuditError`]; a line that is late may be written all the same.
    pub(super) async fn write(&self, line: Vec<u8>) -> Result<(), AuditError> {
        let (written, told) = oneshot::channel();
        let job = Job { line, written: Some(written) };
        let done = async {
            // Neither side goes before the other: the thread lives as long as the queue.
            self.jobs.send(job).await.map_err(|_| AuditError::Late)?;
            told.await.unwrap_or(Err(AuditError::Late))
        };
        tokio::time::timeout(PATIENCE, done).await.unwrap_or_else(|_| {
            self.lost.fetch_add(1, Ordering::Relaxed);
            Err(AuditError::Late)
        })
    }

    /// Writes a line for which nobody waits. Where there is no room for it, it is lost.
    pub(super) fn submit(&self, line: Vec<u8>) {
        if self.jobs.try_send(Job { line, written: None }).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub(super) fn reopen(&self) -> io::Result<()> {
        self.sink.reopen()
    }
}

impl Writer {
    fn run(mut self, mut waiting: Receiver<Job>) {
        while let Some(Job { line, written }) = waiting.blocking_recv() {
            let outcome = self.sink.write(&line).map_err(|error| AuditError::Failed(Arc::new(error)));
            self.note(&outcome);
            // What nobody waits for any more has been counted as late.
            let is_new = written.is_none_or(|written| written.send(outcome.clone()).is_ok());
            if is_new && outcome.is_err() {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Tells the operator when a failure begins, and what it has cost when it is over.
    fn note(&mut self, outcome: &Result<(), AuditError>) {
        let lost = self.lost.load(Ordering::Relaxed);
        match (outcome, self.failing_since) {
            (Ok(()), None) => {}
            (Ok(()), Some(before)) => {
                self.failing_since = None;
                self.tell(&Recovered(lost.saturating_sub(before)));
            }
            (Err(error), since) => {
                if since.is_none() {
                    self.failing_since = Some(lost);
                    self.tell(error);
                }
            }
        }
    }

    fn tell(&self, event: &(dyn std::error::Error + Send + Sync + 'static)) {
        if let Some(hook) = &self.on_failure {
            hook.call(event);
        }
    }
}

/// Lines are written again.
#[derive(Debug, thiserror::Error)]
#[error("the audit log is written again; {0} lines were lost")]
struct Recovered(u64);
