//! The thread that writes lines: a disk that hangs must not hang the requests that have nothing to tell.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;

use super::{AuditError, AuditSink};
use crate::options::FailureHook;

/// Most lines that wait to be written.
pub(super) const LINES_MAX: usize = 1024;
/// How long a request waits for its line.
const PATIENCE: Duration = Duration::from_secs(5);

/// A line, and who waits for it. An empty one is only waited for.
struct Job {
    line: Vec<u8>,
    written: Option<oneshot::Sender<Result<(), AuditError>>>,
}

/// Lines on their way to a sink, in their order.
pub(super) struct Queue {
    jobs: Sender<Job>,
    sink: Arc<dyn AuditSink>,
    state: Arc<State>,
}

/// How the writing goes.
struct State {
    on_failure: Option<FailureHook>,
    lost: AtomicU64,
    /// How many were lost before the failure that is going on; `None` while all is well.
    failing_since: Mutex<Option<u64>>,
}

impl Queue {
    /// Returns a queue whose thread ends with it, once it has written all that is in it.
    pub(super) fn new(sink: Arc<dyn AuditSink>, on_failure: Option<FailureHook>) -> Self {
        let (jobs, waiting) = channel(LINES_MAX);
        let state = Arc::new(State { on_failure, lost: AtomicU64::new(0), failing_since: Mutex::new(None) });
        let (writes_to, told) = (Arc::clone(&sink), Arc::clone(&state));
        std::thread::spawn(move || run(waiting, writes_to.as_ref(), &told));
        Self { jobs, sink, state }
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
            self.state.fails(&AuditError::Late);
            self.state.loses_one();
            Err(AuditError::Late)
        })
    }

    /// Writes a line for which nobody waits. Where there is no room for it, it is lost, unless some comes in time.
    pub(super) fn submit(&self, line: Vec<u8>) {
        let job = match self.jobs.try_send(Job { line, written: None }) {
            Ok(()) => return,
            Err(TrySendError::Full(job) | TrySendError::Closed(job)) => job,
        };
        let (jobs, state) = (self.jobs.clone(), Arc::clone(&self.state));
        let Ok(runtime) = Handle::try_current() else { return state.loses_one() };
        runtime.spawn(async move {
            if !matches!(tokio::time::timeout(PATIENCE, jobs.send(job)).await, Ok(Ok(()))) {
                state.loses_one();
            }
        });
    }

    /// Returns when everything that was in the queue has been written, or has not been for too long.
    pub(super) async fn flush(&self) {
        // Those who lost lines have said so.
        let _ = tokio::time::timeout(PATIENCE, async {
            let (written, told) = oneshot::channel();
            if self.jobs.send(Job { line: Vec::new(), written: Some(written) }).await.is_ok() {
                let _ = told.await;
            }
        })
        .await;
    }

    pub(super) fn lost(&self) -> u64 {
        self.state.lost.load(Ordering::Relaxed)
    }

    pub(super) fn reopen(&self) -> io::Result<()> {
        self.sink.reopen()
    }
}

/// Writes what comes, until nothing can come any more.
fn run(mut waiting: Receiver<Job>, sink: &dyn AuditSink, state: &State) {
    while let Some(Job { line, written }) = waiting.blocking_recv() {
        if line.is_empty() {
            let _ = written.map(|written| written.send(Ok(())));
            continue;
        }
        let outcome = sink.write(&line).map_err(|error| AuditError::Failed(Arc::new(error)));
        let is_in_time = written.as_ref().is_none_or(|written| !written.is_closed());
        match &outcome {
            // While others wait behind a line that was late, they may be late too.
            Ok(()) if is_in_time || waiting.is_empty() => state.is_well(),
            Ok(()) => {}
            Err(error) => state.fails(error),
        }
        // What nobody waits for any more has been counted as late.
        let is_new = written.is_none_or(|written| written.send(outcome.clone()).is_ok());
        if is_new && outcome.is_err() {
            state.loses_one();
        }
    }
}

impl State {
    fn loses_one(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells the operator when a failure begins.
    fn fails(&self, error: &AuditError) {
        let is_first = {
            let mut failing_since = self.failing_since.lock().unwrap_or_else(PoisonError::into_inner);
            let is_first = failing_since.is_none();
            failing_since.get_or_insert_with(|| self.lost.load(Ordering::Relaxed));
            is_first
        };
        if is_first {
            self.tell(error);
        }
    }

    /// Tells the operator what a failure has cost when it is over.
    fn is_well(&self) {
        let before = self.failing_since.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(before) = before {
            self.tell(&Recovered(self.lost.load(Ordering::Relaxed).saturating_sub(before)));
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex, mpsc};

    use super::{LINES_MAX, PATIENCE, Queue};
    use crate::audit_log::AuditSink;
    use crate::options::FailureHook;

    /// A disk that writes a line for each word that it is given.
    struct Hanging(Mutex<mpsc::Receiver<()>>);

    impl AuditSink for Hanging {
        fn write(&self, _line: &[u8]) -> io::Result<()> {
            self.0.lock().unwrap().recv().map_err(io::Error::other)
        }

        fn reopen(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn hanging() -> (Arc<Queue>, mpsc::Sender<()>, Arc<Mutex<Vec<String>>>) {
        let (lets, waits) = mpsc::channel();
        let told = Arc::<Mutex<Vec<String>>>::default();
        let hears = Arc::clone(&told);
        let hook = FailureHook::new(move |failure| hears.lock().unwrap().push(failure.to_string()));
        (Arc::new(Queue::new(Arc::new(Hanging(Mutex::new(waits))), Some(hook))), lets, told)
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_hangs_is_told_once_and_once_more_when_it_writes_again() {
        let (queue, lets, told) = hanging();
        for _ in 0..3 {
            assert!(queue.write(b"late\n".to_vec()).await.is_err());
        }
        assert_eq!(*told.lock().unwrap(), ["the audit log is not written in time"]);
        for _ in 0..4 {
            lets.send(()).unwrap();
        }
        // Real time: what is waited for is a thread.
        tokio::time::resume();
        queue.write(b"in time\n".to_vec()).await.unwrap();
        let again = "the audit log is written again; 3 lines were lost";
        assert_eq!(*told.lock().unwrap(), ["the audit log is not written in time", again]);
        assert_eq!(queue.lost(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_that_nobody_waits_for_waits_for_room() {
        let (queue, lets, _) = hanging();
        // One is with the thread or about to be.
        for _ in 0..LINES_MAX + 8 {
            queue.submit(b"abandoned\n".to_vec());
        }
        for _ in 0..LINES_MAX + 8 {
            lets.send(()).unwrap();
        }
        tokio::time::resume();
        while Arc::strong_count(&queue.state) > 2 {
            tokio::task::yield_now().await;
        }
        queue.flush().await;
        assert_eq!(queue.lost(), 0);
        // Each has had its word: the next waits for one more.
        lets.send(()).unwrap();
        queue.write(b"last\n".to_vec()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_for_which_no_room_comes_is_lost() {
        let (queue, _lets, _) = hanging();
        for _ in 0..LINES_MAX + 8 {
            queue.submit(b"abandoned\n".to_vec());
        }
        tokio::time::sleep(PATIENCE * 2).await;
        let lost = queue.lost();
        assert!((7..=8).contains(&lost), "{lost} lost");
    }
}
