//! Who did what to what, from where, and how that was decided: a line of JSON for each.
//!
//! ```text
//!   a change ─▶ begin, waits until it is written ─▶ the change ─▶ end ─┐
//!   a token, a denied request ────────────────────────────────────────┴─▶ a thread that writes, behind a bounded queue
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `entry` | what a line says, and the words for what is changed |
//! | `queue` | the thread that writes lines, and how long is waited for it |
//! | `file` | a file that grows, and is opened again when it was rotated |

mod entry;
mod file;
mod queue;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::ApiError;
use crate::limits::Strangers;
use crate::options::FailureHook;
use crate::storage::Clock;

pub(crate) use entry::{Change, Doer, Entry, Outcome, What};
pub use file::AuditFile;
use queue::Queue;

/// Where lines of the audit log go. The thread that calls it does nothing else.
pub trait AuditSink: Send + Sync {
    /// Writes a line, which ends with a line end, at once and behind all others.
    ///
    /// # Errors
    /// What the place of the lines brings. What was written of the line then is no line.
    fn write(&self, line: &[u8]) -> io::Result<()>;

    /// Goes on in another file where the one that it wrote to has been given another name.
    ///
    /// # Errors
    /// What opening it brings; lines go on where they went before.
    fn reopen(&self) -> io::Result<()>;
}

/// What becomes of a change that cannot be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnAuditFailure {
    /// It is refused before anything is done.
    #[default]
    Refuse,
    /// It is done.
    Continue,
}

/// The audit log of a registry, where it keeps one.
#[derive(Clone, Default)]
pub struct AuditOptions(Option<(Arc<dyn AuditSink>, OnAuditFailure)>);

impl AuditOptions {
    /// Returns a log that is written to `sink`.
    pub fn to(sink: Arc<dyn AuditSink>, on_failure: OnAuditFailure) -> Self {
        Self(Some((sink, on_failure)))
    }
}

impl std::fmt::Debug for AuditOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AuditOptions").field(&self.0.as_ref().map(|(_, on_failure)| on_failure)).finish()
    }
}

/// A line that could not be written, or was not written in time.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum AuditError {
    #[error("the audit log cannot be written: {0}")]
    Failed(Arc<io::Error>),
    #[error("the audit log is not written in time")]
    Late,
}

/// Tells what is done, if there is an audit log. Cloning gives another handle to the same.
#[derive(Clone)]
pub(crate) struct AuditLog(Option<Arc<Inner>>);

struct Inner {
    queue: Queue,
    on_failure: OnAuditFailure,
    clock: Clock,
    /// What the next entry is called: the number of the process, and one more than the last.
    process: u32,
    next: AtomicU64,
    strangers: Strangers,
}

/// A change that has begun. Unless it is said how it ended, it was abandoned: then nobody knows here whether it was done.
pub(crate) struct Pending<'e> {
    log: Option<(Arc<Inner>, Entry<'e>, String)>,
}

impl AuditLog {
    pub(crate) fn new(options: &AuditOptions, clock: Clock, on_failure: Option<FailureHook>) -> Self {
        Self(options.0.as_ref().map(|(sink, policy)| {
            let queue = Queue::new(Arc::clone(sink), on_failure);
            let (process, next, strangers) = (rand::random(), AtomicU64::new(0), Strangers::new());
            Arc::new(Inner { queue, on_failure: *policy, clock, process, next, strangers })
        }))
    }

    /// Tells whether anything is told.
    pub(crate) const fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Returns how many lines were not written.
    pub(crate) fn lost(&self) -> u64 {
        self.0.as_ref().map_or(0, |inner| inner.queue.lost())
    }

    /// Returns how many lines about strangers were not to be written, for there were many.
    pub(crate) fn passed_over(&self) -> u64 {
        self.0.as_ref().map_or(0, |inner| inner.strangers.passed_over())
    }

    /// Tells whether something that was denied is to be told: what somebody does who is known always, of strangers only so much.
    pub(crate) fn hears_of(&self, doer: &Doer<'_>) -> bool {
        let is_known = doer.identity.is_some_and(|identity| !identity.is_anonymous());
        self.0.as_ref().is_some_and(|inner| is_known || inner.strangers.is_told(doer.client, inner.clock.now()))
    }

    /// Goes on in another file where the one that was written to has been given another name.
    ///
    /// # Errors
    /// What opening it brings.
    pub(crate) fn reopen(&self) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |inner| inner.queue.reopen())
    }

    /// Returns when all that was told has been written, or has not been for too long.
    pub(crate) async fn flush(&self) {
        if let Some(inner) = &self.0 {
            inner.queue.flush().await;
        }
    }

    /// Tells that a change begins. Nothing of it may be done before.
    ///
    /// # Errors
    /// 503 where that cannot be told, and it has to be.
    pub(crate) async fn begin<'e>(&self, entry: Entry<'e>) -> Result<Pending<'e>, ApiError> {
        let Some(inner) = &self.0 else { return Ok(Pending { log: None }) };
        let id = inner.id();
        let line = inner.line(&entry, &id, Some("begin"), None);
        // Made before the line is waited for: a client may go away meanwhile.
        let mut pending = Pending { log: Some((Arc::clone(inner), entry, id)) };
        let settled = inner.settle(inner.queue.write(line).await);
        if settled.is_err() {
            pending.log = None;
        }
        settled.map(|()| pending)
    }

    /// Tells of something that has come to its end at once.
    ///
    /// # Errors
    /// As [`AuditLog::begin`]. Of something that is denied in any case it does not matter.
    pub(crate) async fn tell(&self, entry: Entry<'_>, outcome: Outcome) -> Result<(), ApiError> {
        let Some(inner) = &self.0 else { return Ok(()) };
        inner.settle(inner.queue.write(inner.line(&entry, &inner.id(), None, Some(&outcome))).await)
    }
}

impl Inner {
    fn id(&self) -> String {
        format!("{:08x}-{}", self.process, self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn line(&self, entry: &Entry<'_>, id: &str, phase: Option<&'static str>, outcome: Option<&Outcome>) -> Vec<u8> {
        entry.line(self.clock.now(), id, phase, outcome)
    }

    /// Returns an error where what cannot be told is not to be done. It has no cause: the operator has heard of that from the queue, once for all.
    fn settle(&self, written: Result<(), AuditError>) -> Result<(), ApiError> {
        match (written, self.on_failure) {
            (Ok(()), _) | (Err(_), OnAuditFailure::Continue) => Ok(()),
            (Err(_), OnAuditFailure::Refuse) => Err(ApiError::unavailable_without_cause()),
        }
    }
}

impl Pending<'_> {
    /// Tells how a change ended. It is done or not whatever becomes of the line.
    pub(crate) async fn end(mut self, outcome: Outcome) {
        let Some((inner, entry, id)) = self.log.take() else { return };
        let line = inner.line(&entry, &id, Some("end"), Some(&outcome));
        // On a task of its own: a client who goes away while there is no room does not take the line with him.
        let written = tokio::spawn(async move { inner.queue.write(line).await });
        // Waited for, so that whoever has read the answer finds the line; the operator hears of a failure.
        let _ = written.await;
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Some((inner, entry, id)) = self.log.take() {
            inner.queue.submit(inner.line(&entry, &id, Some("end"), Some(&Outcome::Abandoned)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex, mpsc};

    use axum::http::Method;

    use super::queue::LINES_MAX;
    use super::{AuditLog, AuditOptions, AuditSink, Doer, Entry, OnAuditFailure, Outcome, What};
    use crate::storage::Clock;

    /// A disk that writes a line for each word that it is given.
    struct Hanging(Mutex<mpsc::Receiver<()>>, Mutex<Vec<String>>);

    impl AuditSink for Hanging {
        fn write(&self, line: &[u8]) -> io::Result<()> {
            self.0.lock().unwrap().recv().map_err(io::Error::other)?;
            self.1.lock().unwrap().push(String::from_utf8_lossy(line).into_owned());
            Ok(())
        }

        fn reopen(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn the_end_of_a_change_is_told_though_its_client_goes_away_while_there_is_no_room() {
        let (lets, waits) = mpsc::channel();
        let sink = Arc::new(Hanging(Mutex::new(waits), Mutex::default()));
        let options = AuditOptions::to(Arc::<Hanging>::clone(&sink), OnAuditFailure::Refuse);
        let log = AuditLog::new(&options, Clock::system(), None);
        lets.send(()).unwrap();
        let pending = log.begin(Entry::new(What::Token, Doer::default(), &Method::PUT)).await.map_err(drop).unwrap();
        let inner = Arc::clone(log.0.as_ref().unwrap());
        // The thread has taken one.
        for _ in 0..LINES_MAX + 2 {
            inner.queue.submit(b"{}\n".to_vec());
        }
        let mut ending = Box::pin(pending.end(Outcome::Abandoned));
        assert!(futures_util::poll!(&mut ending).is_pending());
        drop(ending);
        let is_ended = || sink.1.lock().unwrap().iter().any(|line| line.contains("\"phase\":\"end\""));
        while !is_ended() {
            lets.send(()).unwrap();
            tokio::task::yield_now().await;
        }
    }
}
