//! How many large blobs move at once.
//!
//! Where each connection is slow, every further one adds to what moves. Where they are fast, the processors and disks at the
//! three places are the limit: more at once then only lets every blob wait for the others, and the destination brings none to
//! its disk before all have come. So a few begin, and more join as long as those that move are slow.

use std::time::Duration;

use store::Meter;

/// Blobs from this size on take time by what they hold, and not by what is said about them.
pub(super) const LARGE_MIN_BYTES: u64 = 4 * 1024 * 1024;

/// How often it is looked how far the large blobs have come.
pub(super) const STEP: Duration = Duration::from_millis(100);

/// Large blobs that begin at once.
const BEGINNING: usize = 2;

/// All together are fast when they move this many bytes in a [`STEP`]: 250 MB in a second.
const FAST_STEP_BYTES: u64 = 25_000_000;

/// Decides when another large blob may begin.
#[derive(Debug)]
pub(super) struct Pace {
    limit: usize,
    most: usize,
    moving: usize,
    meters: Vec<Meter>,
    before: u64,
}

impl Pace {
    /// Returns a pace that never lets more than `most` move at once.
    pub(super) fn new(most: usize) -> Self {
        Self { limit: BEGINNING.min(most), most, moving: 0, meters: Vec::new(), before: 0 }
    }

    /// Returns one that lets `most` move at once, however fast they are.
    pub(super) fn fixed(most: usize) -> Self {
        Self { limit: most, ..Self::new(most) }
    }

    pub(super) const fn admits(&self) -> bool {
        self.moving < self.limit
    }

    /// Tells whether [`Pace::step`] may change anything.
    pub(super) const fn may_grow(&self) -> bool {
        self.limit < self.most
    }

    /// Takes note of a large blob that begins.
    pub(super) fn begin(&mut self, meter: &Meter) {
        self.moving += 1;
        if self.may_grow() {
            self.meters.push(meter.clone());
        }
    }

    /// Takes note of one that has ended.
    pub(super) const fn end(&mut self) {
        self.moving -= 1;
    }

    /// Looks how far they have come since the last step; where that is slow, twice as many may move.
    pub(super) fn step(&mut self) {
        let bytes = self.meters.iter().fold(0, |sum: u64, meter| sum.saturating_add(meter.bytes()));
        if bytes.saturating_sub(self.before) < FAST_STEP_BYTES {
            self.limit = (self.limit * 2).min(self.most);
        }
        self.before = bytes;
    }
}

#[cfg(test)]
mod tests {
    use store::Meter;

    use super::{FAST_STEP_BYTES, Pace};

    fn begin(pace: &mut Pace) -> Vec<Meter> {
        let mut meters = Vec::new();
        while pace.admits() {
            let meter = Meter::default();
            pace.begin(&meter);
            meters.push(meter);
        }
        meters
    }

    #[test]
    fn more_join_as_long_as_they_are_slow() {
        let mut pace = Pace::new(32);
        let meters = begin(&mut pace);
        assert_eq!(meters.len(), 2);
        meters[0].advance(FAST_STEP_BYTES / 2);
        meters[1].advance(FAST_STEP_BYTES / 2);
        pace.step();
        assert!(!pace.admits());
        meters[0].advance(FAST_STEP_BYTES - 1);
        pace.step();
        assert_eq!(begin(&mut pace).len(), 2);
        pace.step();
        assert_eq!(begin(&mut pace).len(), 4);
    }

    #[test]
    fn there_is_a_most() {
        let mut pace = Pace::new(3);
        assert_eq!(begin(&mut pace).len(), 2);
        pace.step();
        assert_eq!(begin(&mut pace).len(), 1);
        assert!(!pace.may_grow());
        pace.end();
        assert_eq!(begin(&mut pace).len(), 1);
        assert_eq!((begin(&mut Pace::new(1)).len(), begin(&mut Pace::fixed(5)).len()), (1, 5));
    }
}
