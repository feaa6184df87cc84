//! Traces: what a request, or a round of upkeep, spent its time on, told to a collector of OpenTelemetry.
//!
//! ```text
//!   Watch ─▶ server span ─┐                      ┌─▶ SpanSender ─▶ POST …/v1/traces
//!   begin, within ─▶ children ─▶ queue ─▶ batch ─┘    (OTLP in JSON)
//!   Traces::follow ─▶ rounds ─┘
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `current` | the trace that the running task belongs to |
//! | `span` | one span |
//! | `state` | the header `tracestate` |
//! | `server` | the span of a request |
//! | `otlp` | spans as a document |
//! | `export` | batches of them on their way |
//!
//! Where nothing says where spans go, a request looks at one `Option`, and what could be a child at one variable of its task.

mod current;
mod export;
mod otlp;
mod server;
mod span;
mod state;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;

use crate::access::Secret;
use crate::observe::{Counter, Exposition, TraceContext, family};
use crate::storage::Clock;
pub(crate) use current::{Active, begin, carried, within};
pub(crate) use export::Exporting;
pub use export::SpansLost;
pub(crate) use server::{Ended, ServerSpan};
use span::Span;
pub(crate) use span::{Described, Kind};

/// How many bits at the end of a trace's name are random (W3C Trace Context, level 2). All who decide by them decide the same.
const RANDOM_BITS: u32 = 56;

/// How traces are taken, and where they go.
#[derive(Clone, Debug)]
pub struct TraceSettings {
    /// The URL to which spans are posted: that of the collector with `/v1/traces`.
    pub url: String,
    /// How many of the traces that begin here are taken.
    pub ratio: SampleRatio,
    /// Whether the caller's decision counts where there is one.
    pub follows_caller: bool,
    /// What is said of this process: names and values.
    pub resource: Vec<(String, String)>,
    /// Headers of every request to the collector.
    pub headers: Vec<(String, Secret)>,
    /// How long the collector may take to answer.
    pub timeout: Duration,
    /// Most spans that wait; further ones are dropped.
    pub queue_max: usize,
}

/// A part of all traces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleRatio(f64);

impl SampleRatio {
    /// All of them.
    pub const ALL: Self = Self(1.0);

    /// Returns a part between nothing (0) and all (1); `None` for another number.
    pub fn new(part: f64) -> Option<Self> {
        (0.0..=1.0).contains(&part).then_some(Self(part))
    }

    /// Returns the part as a number between 0 and 1.
    pub const fn part(self) -> f64 {
        self.0
    }

    /// Tells whether a trace belongs to the part. Of two parts the larger one has all that the smaller one has.
    fn has(self, trace: u128) -> bool {
        let all = 1_u64 << RANDOM_BITS;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "from 0 to 2^56"
        )]
        let (left_out, random) = (((1.0 - self.0) * all as f64) as u64, trace as u64 & (all - 1));
        random >= left_out
    }
}

/// A request to a collector.
#[derive(Clone, Debug)]
pub struct SpanRequest {
    /// Where it goes.
    pub url: String,
    /// Its headers. Their values are secret.
    pub headers: Vec<(String, Secret)>,
    /// Its body, OTLP in JSON.
    pub body: Bytes,
    /// How long the answer may take.
    pub timeout: Duration,
}

/// What a collector answered.
#[derive(Clone, Debug)]
pub struct SpanAnswer {
    /// The status.
    pub status: u16,
    /// What `Retry-After` said.
    pub retry_after: Option<Duration>,
    /// The beginning of the body, [`SpanAnswer::BODY_MAX_BYTES`] at most.
    pub body: Bytes,
}

impl SpanAnswer {
    /// Most bytes of an answer that are looked at.
    pub const BODY_MAX_BYTES: usize = 64 * 1024;
}

/// Why there was no answer. The URL and the headers are not in it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct SpanFailure(pub String);

/// What sends spans over the network.
#[async_trait]
pub trait SpanSender: fmt::Debug + Send + Sync {
    /// Sends a request once, and returns what was answered.
    ///
    /// # Errors
    /// When there was no answer in time.
    async fn send_spans(&self, request: SpanRequest) -> Result<SpanAnswer, SpanFailure>;
}

/// Traces that are taken. Cloning gives another handle to the same.
#[derive(Clone, Debug)]
pub struct Traces(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: TraceSettings,
    sender: Arc<dyn SpanSender>,
    queue: Mutex<VecDeque<Span>>,
    /// Is told when the first span waits, and when a batch is full.
    waiting: Notify,
    counts: Counts,
}

/// What has become of spans.
#[derive(Debug, Default)]
struct Counts {
    sent: Counter,
    /// There was no room in the queue.
    dropped: Counter,
    /// The collector did not take them.
    lost: Counter,
}

impl Traces {
    /// Returns traces that go where the settings say.
    pub fn new(settings: TraceSettings, sender: Arc<dyn SpanSender>) -> Self {
        let (queue, waiting, counts) = (Mutex::default(), Notify::new(), Counts::default());
        Self(Arc::new(Inner { settings, sender, queue, waiting, counts }))
    }

    /// Tells whether a request is recorded.
    pub(crate) fn has(&self, context: &TraceContext) -> bool {
        let settings = &self.0.settings;
        match context.sampled {
            Some(is_sampled) if settings.follows_caller => is_sampled,
            _ => settings.ratio.has(context.trace),
        }
    }

    /// Returns what comes of a round of upkeep, which is a trace of its own.
    pub(crate) async fn follow<T, E>(
        &self,
        clock: &Clock,
        name: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let context = TraceContext::of(None);
        if !self.has(&context) {
            return work.await;
        }
        let active = Active::begin(self, &context, None, clock);
        let outcome = Box::pin(active.scope(work)).await;
        active.end(
            None,
            Described { name: name.into(), kind: Kind::Internal, attributes: Vec::new() },
            outcome.is_err(),
        );
        outcome
    }

    /// Has a span sent, if there is room for it.
    fn push(&self, span: Span) {
        let mut queue = self.queue();
        if queue.len() >= self.0.settings.queue_max {
            drop(queue);
            self.0.counts.dropped.one();
            return;
        }
        queue.push_back(span);
        let count = queue.len();
        drop(queue);
        if count == 1 || count == export::BATCH_MAX {
            self.0.waiting.notify_one();
        }
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Span>> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what has become of spans.
    pub(crate) fn write(traces: Option<&Self>, exposition: &mut Exposition) {
        let none = Counts::default();
        let counts = traces.map_or(&none, |traces| &traces.0.counts);
        for (word, count) in [("sent", &counts.sent), ("dropped", &counts.dropped), ("lost", &counts.lost)] {
            exposition.labelled(&family::TRACE_SPANS, &[word], count.get());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SampleRatio;

    #[test]
    fn a_larger_part_has_all_of_a_smaller_one() {
        let part = |part| SampleRatio::new(part).unwrap();
        for (trace, least) in [(0, 1.0), (u128::MAX, 0.1), ((1 << 55) | (7 << 100), 0.5), ((1 << 55) - 1, 0.6)] {
            let parts = [0.0, 0.1, 0.5, 0.6, 1.0];
            let found: Vec<_> = parts.into_iter().filter(|number| part(*number).has(trace)).collect();
            let expected: Vec<_> = parts.into_iter().filter(|number| *number >= least).collect();
            assert_eq!(found, expected, "{trace:x}");
        }
        for wrong in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(SampleRatio::new(wrong), None);
        }
    }
}
