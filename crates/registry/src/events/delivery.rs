//! Sending events to one endpoint, again and again until it has them.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use tokio::time::Instant;

use super::{EventAnswer, EventEndpoint, EventFailure, EventSender};
use crate::options::FailureHook;
use crate::storage::{Settled, Storage, StorageError};

/// For how long one node goes on sending before it lets others have a turn.
const TURN: Duration = Duration::from_secs(15);
/// How much longer than a turn and its last request an endpoint is claimed: clocks differ, and machines stand still.
const MARGIN: Duration = Duration::from_secs(15);
/// How often it is looked for events that other nodes have left.
const INTERVAL: Duration = Duration::from_secs(5);
/// How often it is looked for events that are kept for too long.
const DROP_INTERVAL: Duration = Duration::from_mins(1);
/// How long to wait when the database cannot be asked.
const STORAGE_PAUSE: Duration = Duration::from_secs(5);
/// How long to wait after the first failure of an endpoint; it doubles with each up to the second.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));
/// Longest time that an endpoint may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);
/// What an endpoint answers to an event that it will never take.
const REFUSALS: [u16; 4] = [400, 413, 415, 422];

/// What the operator hears of an endpoint.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EventTrouble {
    /// It has not taken an event; it is tried again.
    #[error("the events of endpoint {endpoint} wait, it failed {failures} times in a row: {reason}")]
    Late {
        /// The endpoint.
        endpoint: String,
        /// How often.
        failures: u32,
        /// Why it failed last.
        reason: String,
    },
    /// It will not have an event, which is dropped.
    #[error("endpoint {endpoint} refused event {id} with status {status}; it is dropped")]
    Refused {
        /// The endpoint.
        endpoint: String,
        /// The event.
        id: String,
        /// What was answered.
        status: u16,
    },
    /// Events were dropped that could not be sent for too long, or were too many.
    #[error("{count} events of endpoint {endpoint} are dropped: too old or too many")]
    Dropped {
        /// The endpoint.
        endpoint: String,
        /// How many.
        count: u64,
    },
}

/// Sends to one endpoint as long as the future is polled. Dropping it loses nothing.
pub(crate) async fn deliver(
    storage: Storage,
    endpoint: EventEndpoint,
    sender: Arc<dyn EventSender>,
    hook: Option<FailureHook>,
) {
    let delivery = Delivery { storage, endpoint, sender, hook };
    let mut changes = delivery.storage.changes();
    let mut dropped_at: Option<Instant> = None;
    let mut again_at: Option<Instant> = None;
    loop {
        changes.borrow_and_update();
        let round = async {
            if dropped_at.is_none_or(|at| at.elapsed() >= DROP_INTERVAL) {
                delivery.drop_old().await?;
                dropped_at = Some(Instant::now());
            }
            delivery.round().await
        };
        match round.await {
            Ok(Round::Sent) => again_at = None,
            Ok(Round::Failed(pause)) => again_at = Some(Instant::now() + pause),
            Ok(Round::Nothing) => {
                let now = Instant::now();
                let again = again_at.filter(|at| *at > now).map_or(INTERVAL, |at| INTERVAL.min(at - now));
                // An error means that nothing has changed for so long.
                let _ = tokio::time::timeout(again, changes.changed()).await;
            }
            Err(error) => {
                delivery.tell(&error);
                tokio::time::sleep(STORAGE_PAUSE).await;
            }
        }
    }
}

/// What came of a turn.
enum Round {
    /// Nothing waits, or it is not time for it, or another node sends.
    Nothing,
    /// What was taken was sent; there may be more.
    Sent,
    /// The endpoint failed, and is tried again after this.
    Failed(Duration),
}

struct Delivery {
    storage: Storage,
    endpoint: EventEndpoint,
    sender: Arc<dyn EventSender>,
    hook: Option<FailureHook>,
}

impl Delivery {
    /// Sends what waits.
    async fn round(&self) -> Result<Round, StorageError> {
        let holder = format!("{:032x}", rand::random::<u128>());
        let lease = milliseconds(TURN + MARGIN + self.endpoint.timeout);
        let name = &self.endpoint.name;
        // Before it is claimed, so that the turn ends before the claim does.
        let begun = Instant::now();
        let Some(failures) = self.storage.claim_endpoint(name, &holder, lease).await? else {
            return Ok(Round::Nothing);
        };
        let mut settled = Settled { endpoint: name.clone(), holder, numbers: Vec::new(), failures, pause: 0 };
        for event in self.storage.waiting_events(name).await? {
            if !self.endpoint.is_for(&event.repository) {
                settled.numbers.push(event.number);
                continue;
            }
            if begun.elapsed() > TURN {
                break;
            }
            let request = event.request(&self.endpoint);
            let sent = tokio::time::timeout(self.endpoint.timeout, self.sender.send(request)).await;
            let sent = sent.unwrap_or_else(|_| Err(EventFailure("it has not answered in time".to_owned())));
            match sent {
                Ok(EventAnswer { status: 200..=299, .. }) => {
                    settled.numbers.push(event.number);
                    settled.failures = 0;
                }
                Ok(EventAnswer { status, .. }) if REFUSALS.contains(&status) => {
                    settled.numbers.push(event.number);
                    settled.failures = 0;
                    self.tell(&EventTrouble::Refused { endpoint: name.clone(), id: event.id, status });
                }
                Ok(EventAnswer { status, retry_after }) => {
                    self.fail(&mut settled, format!("it answered with status {status}"), retry_after);
                    break;
                }
                Err(failure) => {
                    self.fail(&mut settled, failure.to_string(), None);
                    break;
                }
            }
        }
        let pause = u64::try_from(settled.pause).unwrap_or_default();
        let round = if pause > 0 { Round::Failed(Duration::from_millis(pause)) } else { Round::Sent };
        self.storage.settle_events(settled).await?;
        Ok(round)
    }

    /// Has the endpoint tried again later.
    fn fail(&self, settled: &mut Settled, reason: String, retry_after: Option<Duration>) {
        settled.failures = settled.failures.saturating_add(1);
        let pause = jittered(backoff(settled.failures));
        settled.pause = milliseconds(retry_after.map_or(pause, |wanted| wanted.min(RETRY_AFTER_MAX)));
        // Not each of them: an endpoint may be away for days.
        if settled.failures.is_power_of_two() {
            let (endpoint, failures) = (self.endpoint.name.clone(), settled.failures);
            self.tell(&EventTrouble::Late { endpoint, failures, reason });
        }
    }

    async fn drop_old(&self) -> Result<(), StorageError> {
        let count = self.storage.drop_events(&self.endpoint).await?;
        if count > 0 {
            self.tell(&EventTrouble::Dropped { endpoint: self.endpoint.name.clone(), count });
        }
        Ok(())
    }

    fn tell(&self, trouble: &(dyn std::error::Error + Send + Sync + 'static)) {
        if let Some(hook) = &self.hook {
            hook.call(trouble);
        }
    }
}

/// Returns how long to wait after so many failures in a row.
fn backoff(failures: u32) -> Duration {
    let (first, longest) = PAUSE;
    let factor = 1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(longest)
}

/// Returns a random time of at least half of this: nodes that failed together are not to come again together.
fn jittered(pause: Duration) -> Duration {
    let whole = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(rand::rng().random_range(whole / 2..=whole))
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_that_fails_is_left_alone_for_longer_and_longer() {
        let pauses = [0, 1, 2, 3, 9, 10, 32, 33, u32::MAX].map(|failures| backoff(failures).as_secs());
        assert_eq!(pauses, [1, 1, 2, 4, 256, 300, 300, 300, 300]);
        for _ in 0..100 {
            let pause = jittered(Duration::from_secs(4));
            assert!((2..=4).contains(&pause.as_secs()), "{pause:?}");
        }
    }
}
