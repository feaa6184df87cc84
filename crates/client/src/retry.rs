//! When a failed request is repeated.

use std::time::Duration;

use http::StatusCode;
use http::header::{DATE, RETRY_AFTER};
use rand::RngExt as _;

use crate::exchange::Answer;
use crate::load::Load;
use crate::options::RetryPolicy;

/// Counts the tries of one request and waits between them: exponential backoff with full jitter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    policy: RetryPolicy,
    tries: u32,
    /// How much the registry had answered when this last counted anew because of that, and how often that was.
    heard: u64,
    heeded: u32,
}

/// How often the tries are counted anew because others were answered.
const HEEDED_MAX: u32 = 20;

impl Backoff {
    pub(crate) const fn new(policy: RetryPolicy) -> Self {
        Self { policy, tries: 1, heard: 0, heeded: 0 }
    }

    /// Waits for the time of the next try. Returns false at once when there is none. `wish` is what the other side asked for.
    pub(crate) async fn again(&mut self, wish: Option<Duration>) -> bool {
        if self.tries == 0 && wish.is_none() {
            // It has just gone well.
            self.tries = 1;
            return true;
        }
        if self.tries >= self.policy.attempts {
            return false;
        }
        let delay = match wish {
            Some(wish) => wish.min(self.policy.retry_after_cap),
            None => self.bound().mul_f64(rand::rng().random::<f64>()),
        };
        self.tries += 1;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        true
    }

    /// Begins to count anew, because there was progress. The next try comes at once.
    pub(crate) const fn reset(&mut self) {
        self.tries = 0;
    }

    /// Begins to count anew if the registry, which is asked too much now, has answered others since the last time.
    pub(crate) fn heed(&mut self, load: &Load) {
        let heard = load.answered();
        if heard != self.heard && self.heeded < HEEDED_MAX {
            self.heard = heard;
            self.heeded += 1;
            self.tries = 1;
        }
    }

    /// Returns how long a registry is left alone that says it is asked too much.
    pub(crate) fn rest(self, wish: Option<Duration>) -> Duration {
        wish.map_or_else(|| self.bound(), |wish| wish.min(self.policy.retry_after_cap))
    }

    /// Returns the upper bound of the next delay.
    fn bound(&self) -> Duration {
        let factor = 1_u32 << self.tries.saturating_sub(1).min(16);
        self.policy.base.saturating_mul(factor).min(self.policy.cap)
    }
}

/// Tells whether an answer with this status may be another one next time.
pub(crate) fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// Tells whether an answer says that the registry is asked too much.
pub(crate) fn is_too_much(answer: &Answer) -> bool {
    match answer.status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::SERVICE_UNAVAILABLE => answer.headers.contains_key(RETRY_AFTER),
        _ => false,
    }
}

/// Returns how long the other side asks us to wait (RFC 9110 section 10.2.3). A date counts from the other side's own.
pub(crate) fn wish(answer: &Answer) -> Option<Duration> {
    let wish = answer.header(RETRY_AFTER)?.trim();
    if let Ok(seconds) = wish.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let until = httpdate::parse_http_date(wish).ok()?;
    let now = httpdate::parse_http_date(answer.header(DATE)?.trim()).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Backoff;
    use crate::options::RetryPolicy;

    fn policy(attempts: u32) -> RetryPolicy {
        RetryPolicy {
            attempts,
            base: Duration::from_millis(100),
            cap: Duration::from_millis(350),
            retry_after_cap: Duration::ZERO,
        }
    }

    #[test]
    fn bounds_double_up_to_the_cap() {
        let mut backoff = Backoff::new(policy(40));
        let bounds: Vec<_> = (1..=4)
            .map(|tries| {
                backoff.tries = tries;
                backoff.bound().as_millis()
            })
            .collect();
        assert_eq!(bounds, [100, 200, 350, 350]);
        backoff.tries = 40;
        assert_eq!(backoff.bound().as_millis(), 350);
    }

    #[tokio::test]
    async fn ends_after_the_last_try() {
        let mut backoff = Backoff::new(policy(3));
        let wish = Some(Duration::from_hours(1));
        assert!(backoff.again(wish).await);
        assert!(backoff.again(wish).await);
        assert!(!backoff.again(wish).await);
        backoff.reset();
        assert!(backoff.again(wish).await);
    }
}
