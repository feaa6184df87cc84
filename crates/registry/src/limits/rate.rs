//! A bucket of tokens as one number: the moment at which it is full again (the generic cell rate algorithm). Nothing has to be done as time passes.

use std::time::Duration;

use super::RateLimit;

/// Longest time that is reckoned with, in microseconds: sums of a few never overflow.
const TIME_MAX: i64 = i64::MAX / 8;

/// How fast a bucket fills, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// The time in which one request's room comes.
    each: i64,
    /// The time in which all of it comes.
    all: i64,
}

/// How long it takes until there is room for a request, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait(i64);

impl Wait {
    /// Returns the whole seconds after which there is room; at least one.
    pub(crate) fn seconds(self) -> u32 {
        u32::try_from(self.0.div_euclid(1_000_000).saturating_add(1)).unwrap_or(u32::MAX)
    }
}

impl Rate {
    pub(super) fn of(limit: &RateLimit) -> Self {
        let micros = i64::try_from(limit.period.min(Duration::from_micros(TIME_MAX.unsigned_abs())).as_micros());
        let requests = i64::try_from(limit.requests.max(1)).unwrap_or(i64::MAX);
        let each = (micros.unwrap_or(TIME_MAX) / requests).max(1);
        let burst = i64::try_from(limit.burst.max(1)).unwrap_or(i64::MAX);
        Self { each, all: each.saturating_mul(burst).min(TIME_MAX) }
    }

    /// Takes one out of a bucket that is full at `full_at`, or says how long that has to wait. The time `now` is in milliseconds since 1970.
    ///
    /// # Errors
    /// [`Wait`], and the bucket is as it was.
    pub(super) fn take(self, full_at: i64, now: i64) -> Result<i64, Wait> {
        let now = microseconds(now);
        // A clock that went back must not keep a bucket empty for longer than it takes to fill.
        let full_at = full_at.clamp(now, now + self.all);
        let taken = full_at + self.each;
        let over = taken - now - self.all;
        if over > 0 { Err(Wait(over)) } else { Ok(taken) }
    }

    /// Puts one back into a bucket.
    pub(super) const fn give_back(self, full_at: i64) -> i64 {
        full_at.saturating_sub(self.each)
    }
}

/// Tells whether a bucket is full, and so like one that was never there.
pub(super) fn is_full(full_at: i64, now: i64) -> bool {
    full_at <= microseconds(now)
}

fn microseconds(now: i64) -> i64 {
    now.saturating_mul(1000).clamp(-TIME_MAX, TIME_MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Rate, Wait, is_full};
    use crate::limits::{Per, RateLimit, Requests};

    fn rate(requests: u64, period: Duration, burst: u64) -> Rate {
        let (of, per, repositories) = (Requests::Pulls, Per::Address, Vec::new());
        Rate::of(&RateLimit { of, per, repositories, requests, period, burst })
    }

    #[test]
    fn a_bucket_lets_a_burst_pass_and_then_the_rate() {
        let rate = rate(10, Duration::from_mins(1), 3);
        let mut full_at = 0;
        for _ in 0..3 {
            full_at = rate.take(full_at, 1000).unwrap();
        }
        assert_eq!(rate.take(full_at, 1000), Err(Wait(6_000_000)));
        assert_eq!(rate.take(full_at, 6999), Err(Wait(1000)));
        full_at = rate.take(full_at, 7000).unwrap();
        assert_eq!(rate.take(full_at, 7000).unwrap_err().seconds(), 7, "never too early");
        assert!(!is_full(full_at, 24_999) && is_full(full_at, 25_000));
        assert_eq!(rate.take(rate.give_back(full_at), 7000), Ok(full_at));
    }

    #[test]
    fn a_clock_that_goes_back_empties_a_bucket_and_no_more() {
        let rate = rate(10, Duration::from_mins(1), 3);
        let full_at = rate.take(0, 1_800_000_000_000).unwrap();
        assert_eq!(rate.take(full_at, 1000).unwrap_err().seconds(), 7);
    }

    proptest::proptest! {
        #[test]
        fn no_number_is_too_large(
            requests: u64, period in 0..u64::MAX, burst: u64, full_at: i64, now: i64,
        ) {
            let rate = rate(requests, Duration::from_secs(period), burst);
            if let Err(wait) = rate.take(full_at, now) {
                proptest::prop_assert!(wait.seconds() > 0);
            }
        }

        #[test]
        fn in_any_time_no_more_pass_than_the_burst_and_the_rate(steps in proptest::collection::vec(0_i64..3000, 1..200)) {
            let rate = rate(10, Duration::from_secs(10), 5);
            let (mut now, mut full_at, mut passed) = (0, 0, 0);
            for step in steps {
                now += step;
                if let Ok(taken) = rate.take(full_at, now) {
                    (full_at, passed) = (taken, passed + 1);
                }
                proptest::prop_assert!(passed <= 5 + now / 1000, "{passed} by {now}");
            }
        }
    }
}
