//! When a failed request is repeated.

use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;
use rand::RngExt as _;

use crate::exchange::Answer;
use crate::options::RetryPolicy;

/// Counts the tries of one request and waits between them: exponential backoff with full jitter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    policy: RetryPolicy,
    tries: u32,
}

impl Backoff {
    pub(crate) const fn new(policy: RetryPolicy) -> Self {
        Self { policy, tries: 1 }
    }

    /// Waits for the time of the next try. Returns false at once when there is none. `wish` is what the other side asked for.
    pub(crate) async fn again(&mut self, wish: Option<Duration>) -> bool {
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

    /// Begins to count anew, because there was progress.
    pub(crate) const fn reset(&mut self) {
        self.tries = 1;
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

/// Returns how long the other side asks us to wait. A date is not read: that would need a clock both sides agree on.
pub(crate) fn wish(answer: &Answer) -> Option<Duration> {
    let seconds = answer.header(RETRY_AFTER)?.trim().parse::<u32>().ok()?;
    Some(Duration::from_secs(seconds.into()))
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
