//! How much memory the requests of all clients may take together for what is not passed on piece by piece.

use std::sync::Arc;

use axum::body::HttpBody as _;
use axum::response::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// Bytes that everybody may have whoever else has how many. Nearly every manifest is shorter, and comes through whatever others do.
const SHORT_BYTES: usize = 64 * 1024;
/// What is counted at once, in bytes.
const UNIT_BYTES: usize = 64 * 1024;

/// Memory for what is longer than that. Cloning gives another handle to the same.
#[derive(Clone, Debug)]
pub(crate) struct Memory(Arc<Semaphore>);

impl Memory {
    /// Returns so much, in bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / UNIT_BYTES)))
    }

    /// Returns a share, with nothing in it yet.
    pub(crate) fn share(&self) -> Share {
        Share { memory: self.clone(), taken: None }
    }

    /// Returns the share of a response, to be had until it was sent.
    ///
    /// # Errors
    /// 503 when there is no memory left for it.
    pub(crate) fn share_of(&self, response: &Response) -> Result<Share, ApiError> {
        let bytes = usize::try_from(response.body().size_hint().lower()).unwrap_or(usize::MAX);
        let mut share = self.share();
        if share.grow(bytes) {
            Ok(share)
        } else {
            Err(ApiError::unavailable("there is no memory for another large answer"))
        }
    }
}

/// What one request has of the memory. It is given back when this is dropped.
pub(crate) struct Share {
    memory: Memory,
    taken: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Takes as much as `bytes` need in all. Returns false when there is no more. Nobody waits here: those who have some would wait for
    /// each other.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let wanted = bytes.saturating_sub(SHORT_BYTES).div_ceil(UNIT_BYTES);
        let taken = self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Ok(more) = u32::try_from(wanted.saturating_sub(taken)) else { return false };
        if more == 0 {
            return true;
        }
        let Ok(more) = Arc::clone(&self.memory.0).try_acquire_many_owned(more) else { return false };
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            empty => *empty = Some(more),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Memory, SHORT_BYTES, UNIT_BYTES};

    #[test]
    fn what_is_short_is_never_refused_and_what_is_long_is_given_back() {
        let memory = Memory::new(4 * UNIT_BYTES);
        let mut first = memory.share();
        assert!(first.grow(SHORT_BYTES) && first.grow(SHORT_BYTES + 1) && first.grow(SHORT_BYTES + 3 * UNIT_BYTES));
        let mut second = memory.share();
        assert!(second.grow(SHORT_BYTES + UNIT_BYTES));
        assert!(!second.grow(SHORT_BYTES + UNIT_BYTES + 1) && !memory.share().grow(usize::MAX));
        assert!(memory.share().grow(SHORT_BYTES));
        drop(first);
        assert!(second.grow(SHORT_BYTES + 4 * UNIT_BYTES) && !second.grow(SHORT_BYTES + 5 * UNIT_BYTES));
    }
}
