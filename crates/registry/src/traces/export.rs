//! Batches of spans on their way to a collector, as OTLP over HTTP has them tried again.

use std::time::Duration;

use rand::RngExt as _;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::span::Span;
use super::{SpanAnswer, SpanFailure, SpanRequest, Traces, otlp};
use crate::options::FailureHook;

/// Most spans of a batch.
pub(super) const BATCH_MAX: usize = 512;
/// How long spans gather.
const GATHER: Duration = Duration::from_secs(1);
/// How often a batch is tried.
const TRIES_MAX: u32 = 6;
/// How long to wait after the first failure; it doubles with each up to the second.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// Longest time that a collector may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(1);
/// What a collector answers that may take the same batch later.
const AGAIN: [u16; 4] = [429, 502, 503, 504];
/// How long what waits is given to be sent when the server ends.
const FINISH_MAX: Duration = Duration::from_secs(5);

/// What the operator hears of a collector. It is told once until the collector has taken something.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{count} spans of traces are lost, and further ones may be: {reason}")]
pub struct SpansLost {
    /// How many.
    pub count: u64,
    /// Why the collector has not taken them.
    pub reason: String,
}

/// Spans are being sent. Dropping it ends that at once.
#[derive(Debug)]
pub(crate) struct Exporting {
    end: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Exporting {
    /// Begins to send spans.
    pub(crate) fn begin(traces: &Traces, hook: Option<FailureHook>) -> Self {
        let (end, ends) = oneshot::channel();
        let exporter = Exporter { traces: traces.clone(), hook, has_told: false };
        Self { end: Some(end), task: tokio::spawn(exporter.run(ends)) }
    }

    /// Sends what waits, and ends.
    pub(crate) async fn finish(mut self, grace: Duration) {
        if let Some(end) = self.end.take() {
            // An error means that the task has ended.
            let _ = end.send(());
        }
        let _ = tokio::time::timeout(grace.min(FINISH_MAX), &mut self.task).await;
    }
}

impl Drop for Exporting {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Exporter {
    traces: Traces,
    hook: Option<FailureHook>,
    has_told: bool,
}

impl Exporter {
    async fn run(mut self, mut ends: oneshot::Receiver<()>) {
        let mut is_ending = false;
        loop {
            if !is_ending {
                // That the handle is gone means the same as a word from it.
                tokio::select! {
                    () = self.gather() => {}
                    _ = &mut ends => is_ending = true,
                }
            }
            let batch = self.take();
            if !batch.is_empty() {
                self.deliver(&batch).await;
            } else if is_ending {
                return;
            }
        }
    }

    /// Waits until there are spans, and some time for more of them.
    async fn gather(&self) {
        if self.waiting() == 0 {
            self.traces.0.waiting.notified().await;
        }
        let full = async {
            while self.waiting() < BATCH_MAX {
                self.traces.0.waiting.notified().await;
            }
        };
        // An error means that they are fewer than a batch.
        let _ = tokio::time::timeout(GATHER, full).await;
    }

    fn waiting(&self) -> usize {
        self.traces.queue().len()
    }

    fn take(&self) -> Vec<Span> {
        let mut queue = self.traces.queue();
        let count = queue.len().min(BATCH_MAX);
        queue.drain(..count).collect()
    }

    /// Sends a batch, again and again where that may help.
    async fn deliver(&mut self, batch: &[Span]) {
        let settings = &self.traces.0.settings;
        let body = otlp::body(settings, batch);
        let count = batch.len() as u64;
        let mut tries = 1;
        let reason = loop {
            let (url, headers, timeout) = (settings.url.clone(), settings.headers.clone(), settings.timeout);
            let request = SpanRequest { url, headers, body: body.clone(), timeout };
            let sent = tokio::time::timeout(timeout, self.traces.0.sender.send_spans(request)).await;
            let sent = sent.unwrap_or_else(|_| Err(SpanFailure("it has not answered in time".to_owned())));
            let (reason, retry_after) = match sent {
                Ok(SpanAnswer { status: 200..=299, body, .. }) => return self.taken(count, otlp::rejected(&body)),
                Ok(SpanAnswer { status, retry_after, .. }) => {
                    let reason = format!("the collector answered with status {status}");
                    if !AGAIN.contains(&status) {
                        break reason;
                    }
                    (reason, retry_after)
                }
                Err(failure) => (failure.to_string(), None),
            };
            if tries >= TRIES_MAX {
                break reason;
            }
            tokio::time::sleep(pause(tries, retry_after)).await;
            tries += 1;
        };
        self.lose(count, reason);
    }

    fn taken(&mut self, count: u64, rejected: u64) {
        let rejected = rejected.min(count);
        self.traces.0.counts.sent.add(count - rejected);
        if rejected > 0 {
            self.lose(rejected, "the collector rejected them".to_owned());
        } else {
            self.has_told = false;
        }
    }

    fn lose(&mut self, count: u64, reason: String) {
        self.traces.0.counts.lost.add(count);
        if !std::mem::replace(&mut self.has_told, true)
            && let Some(hook) = &self.hook
        {
            hook.call(&SpansLost { count, reason });
        }
    }
}

/// Returns how long to wait after so many failures: what the collector asks for, or a random time of at least half of what has doubled
/// with each, so that nodes that failed together do not come again together.
fn pause(failures: u32, retry_after: Option<Duration>) -> Duration {
    if let Some(wanted) = retry_after {
        return wanted.min(RETRY_AFTER_MAX);
    }
    let (first, longest) = PAUSE;
    let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let whole = first.saturating_mul(factor).min(longest);
    whole.mul_f64(rand::rng().random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_that_fails_is_left_alone_for_longer_or_as_long_as_it_asks() {
        for (failures, whole) in [(1, 500), (2, 1000), (3, 2000), (6, 16_000), (9, 30_000), (u32::MAX, 30_000)] {
            let pause = pause(failures, None).as_millis();
            assert!((whole / 2..=whole).contains(&pause), "{failures}: {pause}");
        }
        assert_eq!(pause(1, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(pause(1, Some(Duration::MAX)), RETRY_AFTER_MAX);
    }
}
