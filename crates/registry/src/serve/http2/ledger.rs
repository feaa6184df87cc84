//! The streams of a connection: which of them wait for the client, and how many it has given up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::Instant;

/// How many more requests a client may give up than it takes answers (CVE-2023-44487). A request that is given up has cost work and no
/// room, so nothing else bounds how many there are.
const GIVEN_UP_MAX: u32 = 128;
/// Stands for a stream that does not wait for the client.
const AT_WORK: u64 = u64::MAX;

/// The streams of one connection.
#[derive(Debug)]
pub(super) struct Ledger {
    began: Instant,
    state: Mutex<State>,
    abused: Notify,
}

#[derive(Debug)]
struct State {
    /// Since when each waits for the client, in milliseconds since the connection began; [`AT_WORK`] where it does not.
    streams: Vec<Weak<AtomicU64>>,
    /// When the last one began or ended.
    changed: Instant,
    given_up: u32,
}

/// How a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Something is under way.
    Busy,
    /// Nothing has been for too long.
    Idle,
    /// A client has taken nothing of an answer for too long, of which the socket alone says nothing: it grants the stream no room.
    Stalled,
}

impl Default for Ledger {
    fn default() -> Self {
        let began = Instant::now();
        let state = State { streams: Vec::new(), changed: began, given_up: 0 };
        Self { began, state: Mutex::new(state), abused: Notify::new() }
    }
}

impl Ledger {
    /// Begins a stream.
    pub(super) fn open(self: &Arc<Self>) -> Stream {
        let waits_since = Arc::new(AtomicU64::new(AT_WORK));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.streams.retain(|stream| stream.strong_count() > 0);
        state.streams.push(Arc::downgrade(&waits_since));
        state.changed = Instant::now();
        drop(state);
        Stream { ledger: Arc::clone(self), waits_since, permit: None, is_answered: false }
    }

    /// Returns how the connection stands.
    pub(super) fn standing(&self, most: Duration) -> Standing {
        let now = self.milliseconds();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.streams.retain(|stream| stream.strong_count() > 0);
        let is_stalled = |since: u64| u128::from(now.saturating_sub(since)) >= most.as_millis();
        let mut waiting = state.streams.iter().filter_map(Weak::upgrade).map(|since| since.load(Ordering::Relaxed));
        if waiting.any(|since| since != AT_WORK && is_stalled(since)) {
            return Standing::Stalled;
        }
        if state.streams.is_empty() && state.changed.elapsed() >= most { Standing::Idle } else { Standing::Busy }
    }

    /// Waits until the client has given up too many requests.
    pub(super) async fn is_abused(&self) {
        self.abused.notified().await;
    }

    fn ended(&self, is_answered: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.changed = Instant::now();
        if is_answered {
            state.given_up = state.given_up.saturating_sub(1);
            return;
        }
        state.given_up += 1;
        if state.given_up > GIVEN_UP_MAX {
            self.abused.notify_one();
        }
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(AT_WORK - 1)
    }
}

/// A stream that is under way.
#[derive(Debug)]
pub(super) struct Stream {
    ledger: Arc<Ledger>,
    waits_since: Arc<AtomicU64>,
    /// Its room among those of all connections.
    permit: Option<OwnedSemaphorePermit>,
    is_answered: bool,
}

impl Stream {
    /// Takes room, until the stream ends.
    pub(super) fn take(&mut self, permit: Option<OwnedSemaphorePermit>) {
        self.permit = permit;
    }

    /// Says that the client is to take something now.
    pub(super) fn waits(&self) {
        self.waits_since.store(self.ledger.milliseconds(), Ordering::Relaxed);
    }

    /// Says that the client has taken what there was.
    pub(super) fn works(&self) {
        self.waits_since.store(AT_WORK, Ordering::Relaxed);
    }

    /// Says that the client has taken the answer.
    pub(super) const fn is_answered(&mut self) {
        self.is_answered = true;
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.ledger.ended(self.is_answered);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_waits_too_long_for_its_client_stalls_the_connection() {
        let ledger = Arc::new(Ledger::default());
        let stream = ledger.open();
        tokio::time::advance(MOST * 2).await;
        assert_eq!(ledger.standing(MOST), Standing::Busy, "the server works as long as it likes");
        stream.waits();
        tokio::time::advance(MOST.saturating_sub(Duration::from_millis(1))).await;
        assert_eq!(ledger.standing(MOST), Standing::Busy);
        stream.works();
        tokio::time::advance(MOST).await;
        assert_eq!(ledger.standing(MOST), Standing::Busy);
        stream.waits();
        tokio::time::advance(MOST).await;
        assert_eq!(ledger.standing(MOST), Standing::Stalled);
        drop(stream);
        assert_eq!(ledger.standing(MOST), Standing::Busy, "something has just ended");
        tokio::time::advance(MOST).await;
        assert_eq!(ledger.standing(MOST), Standing::Idle);
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_are_taken_make_up_for_requests_that_are_given_up() {
        let ledger = Arc::new(Ledger::default());
        let is_abused = async || tokio::time::timeout(MOST, ledger.is_abused()).await.is_ok();
        for _ in 0..GIVEN_UP_MAX {
            drop(ledger.open());
        }
        assert!(!is_abused().await);
        for _ in 0..10 {
            ledger.open().is_answered();
        }
        for _ in 0..10 {
            drop(ledger.open());
        }
        assert!(!is_abused().await);
        drop(ledger.open());
        assert!(is_abused().await);
    }
}
