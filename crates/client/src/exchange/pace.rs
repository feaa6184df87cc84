//! Waiting for a body that may be slow, but not too slow.

use std::time::{Duration, Instant};

use super::{Failure, within};

/// Watches a body that is being read.
#[derive(Debug)]
pub(crate) struct Pace(store::pace::Pace);

impl Pace {
    /// Returns a watch for a body of which, in any time of `limit`, some has to come.
    pub(crate) const fn new(limit: Duration) -> Self {
        Self(store::pace::Pace::new(limit))
    }

    /// Returns the time in which some has to come.
    pub(crate) const fn limit(&self) -> Duration {
        self.0.limit()
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
        let read = within(self.limit(), read).await?;
        self.0.add(began.elapsed(), count(&read) as u64).map_err(Failure::Slow)?;
        Ok(read)
    }
}
