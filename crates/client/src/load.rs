//! How much one registry is asked at once.
//!
//! A registry that says it is asked too much (429, or 503 with `Retry-After`) is left alone by all for as long as it wants, and is
//! then asked half as much at once; each round of answers that are none of this allows one request more (additive increase,
//! multiplicative decrease).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

/// How much one registry is asked at once.
#[derive(Debug)]
pub(crate) struct Load {
    permits: Semaphore,
    state: Mutex<State>,
    /// Answers that were not "too much" so far.
    answered: AtomicU64,
}

#[derive(Debug)]
struct State {
    /// Most requests under way, as it is now and as it may be.
    limit: usize,
    most: usize,
    /// Permits that are out and will not be given out again.
    owed: usize,
    /// Answers since the limit last rose.
    answered: usize,
    /// Nobody asks before this.
    rests_until: Option<Instant>,
    /// Requests that began before this were part of what was too much.
    slowed: Option<Instant>,
}

/// What lets one request go. Dropped when its answer is there.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    load: &'a Load,
    turn: Option<SemaphorePermit<'a>>,
    began: Instant,
}

impl Load {
    pub(crate) fn new(most: usize) -> Self {
        let most = most.max(1);
        let state = State { limit: most, most, owed: 0, answered: 0, rests_until: None, slowed: None };
        Self { permits: Semaphore::new(most), state: Mutex::new(state), answered: AtomicU64::new(0) }
    }

    /// Waits until another request may be under way. One `without_turn` waits for the registry, not for other requests.
    pub(crate) async fn permit(&self, without_turn: bool) -> Permit<'_> {
        // The semaphore is never closed; without a permit the request goes out all the same.
        let turn = if without_turn { None } else { self.permits.acquire().await.ok() };
        while let Some(rest) = self.rest() {
            tokio::time::sleep(rest).await;
        }
        Permit { load: self, turn, began: Instant::now() }
    }

    fn rest(&self) -> Option<Duration> {
        let mut state = self.state();
        let rest = state.rests_until?.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero());
        if rest.is_none() {
            state.rests_until = None;
        }
        rest
    }

    /// Returns how many answers there were that were not "too much".
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole between two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// Takes note of an answer that is not "too much".
    pub(crate) fn answered(&self) {
        self.load.answered.fetch_add(1, Ordering::Relaxed);
        let mut state = self.load.state();
        if state.limit == state.most {
            return;
        }
        state.answered += 1;
        if state.answered < state.limit {
            return;
        }
        state.answered = 0;
        state.limit += 1;
        if state.owed > 0 {
            state.owed -= 1;
        } else {
            self.load.permits.add_permits(1);
        }
    }

    /// Takes note that the registry says it is asked too much, and wants to be left alone for so long. Requests that were under way
    /// together say it once.
    pub(crate) fn too_much(&self, rest: Duration) {
        let now = Instant::now();
        let mut state = self.load.state();
        state.rests_until = state.rests_until.max(now.checked_add(rest));
        if state.slowed.is_some_and(|slowed| self.began <= slowed) {
            return;
        }
        state.slowed = Some(now);
        state.answered = 0;
        let less = state.limit / 2;
        state.limit -= less;
        state.owed += less - self.load.permits.forget_permits(less);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let Some(turn) = self.turn.take() else { return };
        let mut state = self.load.state();
        if state.owed > 0 {
            state.owed -= 1;
            turn.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn available(load: &Load) -> usize {
        load.permits.available_permits()
    }

    #[tokio::test]
    async fn half_as_much_and_then_slowly_more() {
        let load = Load::new(8);
        let mut permits = Vec::new();
        for _ in 0..6 {
            permits.push(load.permit(false).await);
        }
        // Six were under way together: it is said once.
        for permit in &permits {
            permit.too_much(Duration::ZERO);
        }
        assert_eq!(load.state().limit, 4);
        drop(permits);
        assert_eq!(available(&load), 4);
        for round in [4, 5, 6, 7] {
            for _ in 0..round {
                load.permit(false).await.answered();
            }
            assert_eq!(available(&load), round + 1);
        }
        for _ in 0..100 {
            load.permit(false).await.answered();
        }
        assert_eq!((available(&load), load.state().owed), (8, 0));
        assert_eq!(load.answered(), 122);
    }

    #[tokio::test]
    async fn one_request_is_always_let_go() {
        let load = Load::new(3);
        for _ in 0..5 {
            // A moment later, so that it is not one of those before.
            tokio::time::sleep(Duration::from_millis(1)).await;
            load.permit(false).await.too_much(Duration::ZERO);
        }
        assert_eq!((available(&load), load.state().limit), (1, 1));
    }

    #[tokio::test]
    async fn everybody_waits_for_as_long_as_it_wants() {
        let load = Load::new(4);
        let began = Instant::now();
        load.permit(false).await.too_much(Duration::from_millis(30));
        load.permit(true).await.answered();
        load.permit(false).await.answered();
        assert!(began.elapsed() >= Duration::from_millis(30));
    }
}
