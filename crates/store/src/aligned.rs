//! Buffers from which the disk takes bytes past the memory in which the kernel keeps files, used again and again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the place of a buffer in memory, its length and its place in the file are multiples of: no disk wants more.
pub const ALIGNED: usize = 4096;

/// Bytes of a buffer. With less the disk is asked too often; more bring nothing.
pub const BUFFER_BYTES: usize = 512 * 1024;

/// Buffers that are kept while nobody fills them.
const KEPT: usize = 16;

/// Returns how many bytes go into a buffer whose first belongs at `start` of a file: so many that the next buffer begins with what the disk
/// knows.
pub fn limit_at(start: u64) -> usize {
    let beyond = usize::try_from(start % ALIGNED as u64).unwrap_or_default();
    if beyond == 0 { BUFFER_BYTES } else { ALIGNED - beyond }
}

/// Buffers that wait for bytes.
#[derive(Clone, Debug, Default)]
pub struct Buffers(Arc<Mutex<Vec<Box<[u8]>>>>);

impl Buffers {
    /// Returns an empty buffer.
    pub fn take(&self) -> Buffer {
        let kept = self.kept().pop();
        // Nothing of what was in it before is ever read.
        let bytes = kept.unwrap_or_else(|| vec![0; BUFFER_BYTES + ALIGNED].into_boxed_slice());
        let start = bytes.as_ptr().align_offset(ALIGNED).min(ALIGNED);
        Buffer { bytes, start, length: 0, home: self.clone() }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Box<[u8]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes on their way to the disk. When it is dropped, the next upload has it.
#[derive(Debug)]
pub struct Buffer {
    bytes: Box<[u8]>,
    start: usize,
    length: usize,
    home: Buffers,
}

impl Buffer {
    /// Returns how many bytes are in it.
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Tells whether nothing is in it.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds bytes from the beginning of a piece until there are `limit`, and removes them from the piece.
    pub fn fill(&mut self, piece: &mut &[u8], limit: usize) {
        let (part, rest) = piece.split_at(piece.len().min(limit.min(BUFFER_BYTES).saturating_sub(self.length)));
        self.bytes[self.start + self.length..][..part.len()].copy_from_slice(part);
        self.length += part.len();
        *piece = rest;
    }

    /// Returns the bytes that are in it.
    pub fn filled(&self) -> &[u8] {
        &self.bytes[self.start..][..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut kept = self.home.kept();
        if kept.len() < KEPT {
            kept.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_takes_what_has_room() {
        let mut buffer = Buffers::default().take();
        let (mut first, mut second) = (&b"abc"[..], &b"defgh"[..]);
        buffer.fill(&mut first, 5);
        buffer.fill(&mut second, 5);
        assert_eq!((buffer.filled(), first, second), (&b"abcde"[..], &b""[..], &b"fgh"[..]));
        buffer.fill(&mut &vec![b'x'; 2 * BUFFER_BYTES][..], usize::MAX);
        assert_eq!((buffer.len(), buffer.filled().as_ptr().align_offset(ALIGNED)), (BUFFER_BYTES, 0));
    }

    #[test]
    fn a_buffer_is_used_again_and_few_are_kept() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take();
        buffer.fill(&mut &b"abc"[..], 3);
        let place = buffer.filled().as_ptr();
        drop(buffer);
        let again = buffers.take();
        assert_eq!((again.len(), again.filled().as_ptr()), (0, place));
        drop((0..2 * KEPT).map(|_| buffers.take()).collect::<Vec<_>>());
        assert_eq!(buffers.kept().len(), KEPT);
    }
}
