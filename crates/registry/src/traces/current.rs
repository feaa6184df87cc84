//! The trace to which the task that runs belongs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::Traces;
use super::span::{Described, Span, Value};
use crate::observe::TraceContext;
use crate::storage::Clock;

/// Most spans of a trace, beside the one that it begins with: a request may ask its database a thousand times.
const SPANS_MAX: u32 = 64;
const NANOSECONDS: u64 = 1_000_000;

tokio::task_local! {
    static CURRENT: Active;
}

/// A span that is under way, as whatever begins within it sees it.
#[derive(Clone, Debug)]
pub(crate) struct Active {
    trace: Arc<Trace>,
    span: u64,
}

/// A trace, as far as this process takes part in it.
#[derive(Debug)]
struct Trace {
    traces: Traces,
    id: u128,
    state: Option<Arc<str>>,
    began: Instant,
    /// The same, in nanoseconds since 1970.
    began_at: u64,
    spans: AtomicU32,
}

impl Active {
    /// Begins a trace, or takes part in one.
    pub(super) fn begin(traces: &Traces, context: &TraceContext, state: Option<Arc<str>>, clock: &Clock) -> Self {
        let began_at = u64::try_from(clock.now()).unwrap_or_default().saturating_mul(NANOSECONDS);
        let (traces, began, spans) = (traces.clone(), Instant::now(), AtomicU32::new(0));
        let trace = Trace { traces, id: context.trace, state, began, began_at, spans };
        Self { trace: Arc::new(trace), span: context.span }
    }

    /// Returns what comes of `work`, whose spans are children of this one.
    pub(crate) async fn scope<F: Future>(&self, work: F) -> F::Output {
        CURRENT.scope(self.clone(), work).await
    }

    /// Ends the trace in this process.
    pub(super) fn end(&self, parent: Option<u64>, mut described: Described, has_failed: bool) {
        let Trace { traces, id, state, began, began_at, spans } = &*self.trace;
        let left_out = spans.load(Ordering::Relaxed).saturating_sub(SPANS_MAX);
        if left_out > 0 {
            described.attributes.push(("supercargo.spans.left_out", Value::Number(left_out.into())));
        }
        traces.push(Span {
            trace: *id,
            id: self.span,
            parent,
            state: state.clone(),
            described,
            began_at: *began_at,
            ended_at: after(*began_at, *began, Instant::now()),
            has_failed,
        });
    }

    /// Begins a child.
    fn child(&self, described: Described) -> Option<Open> {
        let is_left_out = self.trace.spans.fetch_add(1, Ordering::Relaxed) >= SPANS_MAX;
        (!is_left_out).then(|| Open {
            parent: self.clone(),
            span: rand::random::<u64>().max(1),
            began: Instant::now(),
            described,
        })
    }
}

/// Returns the time in nanoseconds since 1970 that is so long after the beginning of a trace.
fn after(began_at: u64, began: Instant, now: Instant) -> u64 {
    let passed = now.saturating_duration_since(began).as_nanos();
    began_at.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
}

/// A child that is under way, if anything takes it. Dropping it without an end says that it was given up.
#[must_use]
pub(crate) struct Begun(Option<Box<Open>>);

struct Open {
    parent: Active,
    span: u64,
    began: Instant,
    described: Described,
}

/// Begins a child of the span that is under way; where none is, `describe` is not called.
pub(crate) fn begin(describe: impl FnOnce() -> Described) -> Begun {
    Begun(CURRENT.try_with(|active| active.child(describe())).ok().flatten().map(Box::new))
}

/// Returns what comes of `work`, which is a child of the span that is under way, and whose spans are its children.
pub(crate) async fn within<T, E>(
    describe: impl FnOnce() -> Described,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let begun = begin(describe);
    let outcome = match &begun.0 {
        Some(open) => {
            let active = Active { trace: Arc::clone(&open.parent.trace), span: open.span };
            Box::pin(active.scope(work)).await
        }
        None => work.await,
    };
    begun.end(outcome.is_err());
    outcome
}

/// Returns a future that belongs to the trace of this task, on whichever task it runs.
pub(crate) fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let active = CURRENT.try_with(Clone::clone).ok();
    async move {
        match active {
            Some(active) => active.scope(work).await,
            None => work.await,
        }
    }
}

impl Begun {
    /// Ends the child.
    pub(crate) fn end(mut self, has_failed: bool) {
        if let Some(open) = self.0.take() {
            open.end(has_failed, None);
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(open) = self.0.take() {
            open.end(true, Some("cancelled"));
        }
    }
}

impl Open {
    fn end(self, has_failed: bool, why: Option<&'static str>) {
        let Self { parent, span, began, mut described } = self;
        if let Some(why) = why.or(has_failed.then_some("failure")) {
            described.attributes.push(("error.type", why.into()));
        }
        let Trace { traces, id, state, began: first, began_at, .. } = &*parent.trace;
        traces.push(Span {
            trace: *id,
            id: span,
            parent: Some(parent.span),
            state: state.clone(),
            described,
            began_at: after(*began_at, *first, began),
            ended_at: after(*began_at, *first, Instant::now()),
            has_failed,
        });
    }
}
