//! Whether the registry can serve.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::storage::{Storage, StorageError};

/// How long database and blobs are given to answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an answer counts, so that who asks again and again costs no more.
const REMEMBERED_FOR: Duration = Duration::from_secs(1);

/// Whether a registry can serve, part by part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Whether the server was told to end.
    pub is_draining: bool,
    /// Whether the database answered in time.
    pub database: bool,
    /// Whether the place of the blobs answered in time.
    pub blobs: bool,
}

impl Readiness {
    /// Tells whether requests should be sent here.
    pub const fn is_ready(&self) -> bool {
        self.database && self.blobs && !self.is_draining
    }
}

/// Asks database and blobs, one time after the other.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    is_draining: AtomicBool,
    last: Mutex<Option<(Instant, Readiness)>>,
}

impl Probe {
    /// Says from now on that the registry is not ready, for it will end.
    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// Returns whether the registry is ready. `report` is told of what fails that did not fail before.
    pub(crate) async fn readiness(&self, storage: &Storage, report: impl Fn(&StorageError)) -> Readiness {
        let is_draining = self.is_draining();
        let mut last = self.last.lock().await;
        if let Some((at, readiness)) = *last
            && at.elapsed() < REMEMBERED_FOR
        {
            return Readiness { is_draining, ..readiness };
        }
        let (database, blobs) = tokio::join!(
            timeout(CHECK_TIMEOUT, storage.check_database()),
            timeout(CHECK_TIMEOUT, storage.check_blobs())
        );
        let before = last.map(|(_, readiness)| readiness);
        // That no answer came in time says nothing more than that.
        let judge = |checked: Result<Result<(), StorageError>, _>, was_well: bool| match checked {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                if was_well {
                    report(&error);
                }
                false
            }
            Err(_) => {
                if was_well {
                    report(&StorageError::Silent);
                }
                false
            }
        };
        let readiness = Readiness {
            is_draining,
            database: judge(database, before.is_none_or(|before| before.database)),
            blobs: judge(blobs, before.is_none_or(|before| before.blobs)),
        };
        *last = Some((Instant::now(), readiness));
        readiness
    }
}
