//! Numbers that many requests change at once.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// A number that only grows. What it counts orders nothing else, so no more than the number itself is agreed on.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Counts one more.
    pub(crate) fn one(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that grows and shrinks.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicI64);

impl Gauge {
    pub(crate) fn add(&self, change: i64) {
        self.0.fetch_add(change, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of the buckets, in microseconds: from an answer out of memory to a large blob over a slow line.
pub(super) const BOUNDS: [u64; 16] = [
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    10_000_000,
    60_000_000,
    300_000_000,
];

/// How long something took, by buckets.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// One for each bound, and one for what is above all of them; each counts only what is above the bound before.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// A histogram at one time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Observed {
    /// How many there were up to each bound.
    pub(super) up_to: [u64; BOUNDS.len()],
    pub(super) all: u64,
    pub(super) seconds: f64,
}

impl Histogram {
    /// Counts something that took this long.
    pub(crate) fn observe(&self, took: Duration) {
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < microseconds);
        // There is one bucket more than bounds.
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.nanoseconds.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn observed(&self) -> Observed {
        let mut all = 0;
        let mut up_to = [0; BOUNDS.len()];
        for (bucket, count) in self.buckets.iter().enumerate() {
            all += count.load(Ordering::Relaxed);
            if let Some(up_to) = up_to.get_mut(bucket) {
                *up_to = all;
            }
        }
        Observed { up_to, all, seconds: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)).as_secs_f64() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_in_its_bucket_and_what_is_above_all_is_counted() {
        let histogram = Histogram::default();
        for microseconds in [250, 251, 400_000_000] {
            histogram.observe(Duration::from_micros(microseconds));
        }
        let observed = histogram.observed();
        assert_eq!((observed.up_to[0], observed.up_to[1], observed.up_to[15], observed.all), (1, 2, 2, 3));
        assert!((observed.seconds - 400.000_501).abs() < 1e-9, "{}", observed.seconds);
    }
}
