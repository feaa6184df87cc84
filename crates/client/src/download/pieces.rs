//! Memory for the pieces of parts, used again by whoever reads next.
//!
//! Pieces are read by one thread and written by another. The allocator would keep what either has freed for that thread alone.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;

/// Bytes of a piece.
pub(super) const PIECE_BYTES: usize = 128 * 1024;

/// The memory of one registry, as long as anybody uses it.
#[derive(Debug, Default)]
pub(crate) struct Pieces(Mutex<Weak<Free>>);

/// Buffers that hold nothing now.
#[derive(Debug, Default)]
pub(super) struct Free(Mutex<Vec<Vec<u8>>>);

/// A buffer that comes back when the last bytes of it are dropped.
struct Lent {
    bytes: Vec<u8>,
    home: Arc<Free>,
}

impl Pieces {
    /// Returns the buffers, which end with the last download that holds them.
    pub(super) fn share(&self) -> Arc<Free> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let free = Arc::default();
            *shared = Arc::downgrade(&free);
            free
        })
    }
}

impl Free {
    /// Returns an empty buffer with room for one piece.
    pub(super) fn take(&self) -> Vec<u8> {
        self.lock().pop().unwrap_or_else(|| Vec::with_capacity(PIECE_BYTES))
    }

    /// Makes bytes of what was read into a buffer.
    pub(super) fn lend(self: &Arc<Self>, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent { bytes, home: Arc::clone(self) })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        self.home.lock().push(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_when_nobody_has_its_bytes() {
        let pieces = Pieces::default();
        let free = pieces.share();
        let mut buffer = free.take();
        buffer.extend_from_slice(b"abc");
        let address = buffer.as_ptr();
        let bytes = free.lend(buffer);
        let part = bytes.slice(1..);
        drop(bytes);
        let other = pieces.share().take();
        assert_ne!(other.as_ptr(), address, "some of it is in use");
        assert_eq!(part, "bc");
        drop(part);
        let again = free.take();
        assert!(again.as_ptr() == address && again.is_empty() && again.capacity() >= PIECE_BYTES);
    }
}
