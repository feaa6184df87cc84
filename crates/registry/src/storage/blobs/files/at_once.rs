//! Leave to write to the disk on a thread that serves requests.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// A write into the memory of the kernel takes some tens of microseconds; one that takes so long has waited for the disk.
const WAITED: Duration = Duration::from_millis(20);

/// How long a disk for which somebody had to wait is left to threads that may wait.
const DISTRUSTED: Duration = Duration::from_secs(1);

/// How many threads that serve requests write, and whether the disk is fast enough for that.
///
/// To give bytes to another thread and to be woken by it costs more than to write them, as long as the kernel takes them into its memory.
/// When it does not, because the disk is too slow for what it was given, the writer waits; so one of the threads never writes, and all are
/// spared once one has waited.
#[derive(Debug)]
pub(super) struct AtOnce {
    writing: AtomicUsize,
    began: Instant,
    /// Milliseconds since the beginning.
    trusted_from: AtomicU64,
}

impl AtOnce {
    pub(super) fn new() -> Self {
        Self { writing: AtomicUsize::new(0), began: Instant::now(), trusted_from: AtomicU64::new(0) }
    }

    /// Runs `write` if this thread may wait for as long as it should take; returns `None` otherwise.
    pub(super) fn run(&self, write: impl FnOnce() -> io::Result<()>) -> Option<io::Result<()>> {
        let others = Handle::try_current().ok()?.metrics().num_workers().saturating_sub(1);
        self.run_beside(others, write)
    }

    /// Runs `write` if fewer than `most` run.
    fn run_beside(&self, most: usize, write: impl FnOnce() -> io::Result<()>) -> Option<io::Result<()>> {
        let began = Instant::now();
        if self.milliseconds(began) < self.trusted_from.load(Ordering::Relaxed) {
            return None;
        }
        if self.writing.fetch_add(1, Ordering::Relaxed) >= most {
            self.writing.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let written = write();
        self.writing.fetch_sub(1, Ordering::Relaxed);
        let ended = Instant::now();
        if ended.duration_since(began) > WAITED {
            self.trusted_from.store(self.milliseconds(ended + DISTRUSTED), Ordering::Relaxed);
        }
        Some(written)
    }

    fn milliseconds(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.began).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn one_thread_never_writes() {
        let at_once = AtOnce::new();
        assert!(at_once.run_beside(0, || Ok(())).is_none());
        let mut inner = None;
        let outer = at_once.run_beside(1, || {
            inner = Some(at_once.run_beside(1, || Ok(())).is_none());
            Ok(())
        });
        assert!(outer.is_some_and(|written| written.is_ok()));
        assert_eq!(inner, Some(true), "there was room for one");
        assert!(at_once.run_beside(1, || Ok(())).is_some(), "it ended");
    }

    #[test]
    fn a_disk_that_made_somebody_wait_is_left_alone() {
        let at_once = AtOnce::new();
        let written = at_once.run_beside(1, || {
            thread::sleep(WAITED * 2);
            Ok(())
        });
        assert!(written.is_some());
        assert!(at_once.run_beside(1, || Ok(())).is_none());
        at_once.trusted_from.store(0, Ordering::Relaxed);
        assert!(at_once.run_beside(1, || Ok(())).is_some());
    }

    #[test]
    fn a_thread_of_no_runtime_may_not() {
        assert!(AtOnce::new().run(|| Ok(())).is_none());
    }
}
