//! How slow a body may be.

use std::time::{Duration, Instant};

use super::{Failure, within};

/// Fewest bytes a second that count as moving: a modem has a hundred times as many.
const LEAST_BYTES_PER_SECOND: u64 = 64;

/// Watches a body that is being read. Only the time that is spent waiting for it counts, not what its reader takes.
#[derive(Debug)]
pub(crate) struct Pace {
    limit: Duration,
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// Returns a watch for a body of which, in any time of `limit`, some has to come.
    pub(crate) const fn new(limit: Duration) -> Self {
        Self { limit, waited: Duration::ZERO, bytes: 0 }
    }

    /// Returns the time in which some has to come.
    pub(crate) const fn limit(&self) -> Duration {
        self.limit
    }

    /// Waits for the next bytes, as long as that takes less than the limit.
    ///
    /// # Errors
    /// [`Failure::Stalled`] when nothing came, [`Failure::Slow`] when next to nothing did.
    pub(crate) async fn wait<T>(
        &mut self,
        read: impl Future<Output = T>,
        count: impl Fn(&T) -> usize,
    ) -> Result<T, Failure> {
        let began = Instant::now();
        let read = within(self.limit, read).await?;
        self.add(began.elapsed(), count(&read) as u64)?;
        Ok(read)
    }

    /// Adds what came after so much waiting.
    fn add(&mut self, waited: Duration, bytes: u64) -> Result<(), Failure> {
        self.waited += waited;
        self.bytes += bytes;
        if self.waited < self.limit {
            return Ok(());
        }
        if self.bytes < self.limit.as_secs().max(1).saturating_mul(LEAST_BYTES_PER_SECOND) {
            return Err(Failure::Slow { bytes: self.bytes, waited: self.waited });
        }
        *self = Self::new(self.limit);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_to_nothing_is_not_enough() {
        let mut pace = Pace::new(Duration::from_secs(10));
        for _ in 0..9 {
            pace.add(Duration::from_secs(1), 63).unwrap();
        }
        assert!(matches!(pace.add(Duration::from_secs(1), 63), Err(Failure::Slow { bytes: 630, .. })));
    }

    #[test]
    fn what_moves_may_take_its_time() {
        let mut pace = Pace::new(Duration::from_secs(10));
        for _ in 0..100 {
            // Nothing for a while, and then something.
            pace.add(Duration::from_secs(9), 0).unwrap();
            pace.add(Duration::from_secs(1), 640).unwrap();
        }
        // What comes at once is not too little.
        for _ in 0..100 {
            pace.add(Duration::ZERO, 1).unwrap();
        }
    }
}
