//! How slow bytes may come, and how few at a time.

use std::time::Duration;

/// Fewest bytes a second that count as moving: a modem has a hundred times as many.
const LEAST_BYTES_PER_SECOND: u64 = 64;

/// Fewest bytes of a transfer that count as progress when it breaks off: with them its tries count anew, and less is not worth another
/// request without end.
pub const PROGRESS_BYTES: u64 = 16 * 1024;

/// Watches bytes that are waited for. Only the time that is spent waiting counts, not what is done with them.
#[derive(Debug)]
pub struct Pace {
    limit: Duration,
    waited: Duration,
    bytes: u64,
}

/// Next to nothing came for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("only {bytes} bytes came in {} seconds", .waited.as_secs_f32())]
pub struct TooSlow {
    /// How much did.
    pub bytes: u64,
    /// How long that took.
    pub waited: Duration,
}

impl Pace {
    /// Returns a watch for bytes of which some have to come in any time of `limit` that is spent waiting.
    pub const fn new(limit: Duration) -> Self {
        Self { limit, waited: Duration::ZERO, bytes: 0 }
    }

    /// Returns the time in which some have to come.
    pub const fn limit(&self) -> Duration {
        self.limit
    }

    /// Adds what came after so much waiting.
    ///
    /// # Errors
    /// [`TooSlow`] when that was next to nothing.
    pub fn add(&mut self, waited: Duration, bytes: u64) -> Result<(), TooSlow> {
        self.waited += waited;
        self.bytes += bytes;
        if self.waited < self.limit {
            return Ok(());
        }
        if self.bytes < self.limit.as_secs().max(1).saturating_mul(LEAST_BYTES_PER_SECOND) {
            return Err(TooSlow { bytes: self.bytes, waited: self.waited });
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
        assert!(matches!(pace.add(Duration::from_secs(1), 63), Err(TooSlow { bytes: 630, .. })));
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
