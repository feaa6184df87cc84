//! Writing a large file on a thread of its own, past the memory in which the kernel keeps files.
//!
//! Whoever receives and hashes does not wait for the disk, the disk has its bytes as they come, and in the end there is next to nothing left
//! to sync. Through that memory the same bytes cost twice the processor time, and whoever writes is held up whenever the kernel finds that
//! there are too many.

use std::fs::File;
use std::io::{self, Seek as _};
use std::os::unix::fs::FileExt as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::aligned::{ALIGNED, Buffer, Buffers, limit_at};

/// Buffers that wait for the disk, beside the one that is filled and the one that is written.
const WAITING_MAX: usize = 2;

/// A file that is written behind whoever fills it. Dropping it writes what was taken.
#[derive(Debug)]
pub(super) struct Behind {
    buffers: Buffers,
    filling: Buffer,
    /// Where in the file the bytes of `filling` belong.
    start: u64,
    /// Buffers that are full, and where they belong. `None` once nothing more comes.
    full: Option<SyncSender<(Buffer, u64)>>,
    /// `None` once it has been waited for.
    writing: Option<JoinHandle<io::Result<()>>>,
}

impl Behind {
    /// Goes on with a file where it is. Nobody else is to use the file until [`end`](Self::end) has returned.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(super) fn start(mut file: &File) -> io::Result<Self> {
        let start = file.stream_position()?;
        let file = file.try_clone()?;
        let (full, coming) = sync_channel(WAITING_MAX);
        let name = "blob-writer".to_owned();
        let writing = std::thread::Builder::new().name(name).spawn(move || Target::of(file)?.take(coming))?;
        let buffers = Buffers::default();
        let filling = buffers.take();
        Ok(Self { buffers, filling, start, full: Some(full), writing: Some(writing) })
    }

    /// Takes bytes, and waits for the disk as long as there is no room for them.
    ///
    /// # Errors
    /// That of an earlier write, after which everything fails.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let limit = limit_at(self.start);
            self.filling.fill(&mut bytes, limit);
            if self.filling.len() == limit {
                self.hand_over()?;
            }
        }
        Ok(())
    }

    /// Waits until everything that was taken is in the file, where it need not survive a loss of power yet.
    ///
    /// # Errors
    /// That of a write.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.finish()
    }

    fn finish(&mut self) -> io::Result<()> {
        if !self.filling.is_empty() {
            self.hand_over()?;
        }
        self.written()
    }

    fn hand_over(&mut self) -> io::Result<()> {
        let filled = std::mem::replace(&mut self.filling, self.buffers.take());
        let start = self.start;
        self.start += filled.len() as u64;
        if self.full.as_ref().is_some_and(|full| full.send((filled, start)).is_ok()) {
            return Ok(());
        }
        // Nobody takes it, because a write has failed.
        self.written().and_then(|()| Err(gone()))
    }

    /// Waits until all that was handed over is written.
    fn written(&mut self) -> io::Result<()> {
        self.full = None;
        match self.writing.take().map(JoinHandle::join) {
            None => Err(gone()),
            Some(Ok(written)) => written,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        if self.writing.is_some() && !std::thread::panicking() {
            // Whoever drops it does not rely on what it has taken.
            let _ = self.finish();
        }
    }
}

/// The file, as the thread sees it.
struct Target {
    file: File,
    flags: OFlags,
    is_direct: bool,
    /// Whether the file system cannot be written to directly.
    is_refused: bool,
}

impl Target {
    fn of(file: File) -> io::Result<Self> {
        let flags = fcntl_getfl(&file)?;
        Ok(Self { file, flags, is_direct: false, is_refused: false })
    }

    /// Writes what comes, until nothing more does.
    fn take(mut self, full: Receiver<(Buffer, u64)>) -> io::Result<()> {
        for (buffer, position) in full {
            self.write(buffer.filled(), position)?;
        }
        self.set_direct(false)
    }

    /// Writes bytes where they belong, directly where they begin and end with what the disk knows.
    fn write(&mut self, bytes: &[u8], position: u64) -> io::Result<()> {
        if !self.is_refused && position.is_multiple_of(ALIGNED as u64) && bytes.len().is_multiple_of(ALIGNED) {
            match self.set_direct(true).and_then(|()| self.file.write_all_at(bytes, position)) {
                // Some file systems say so only when they are to write.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => self.is_refused = true,
                written => return written,
            }
        }
        self.set_direct(false)?;
        self.file.write_all_at(bytes, position)
    }

    fn set_direct(&mut self, is_direct: bool) -> io::Result<()> {
        if self.is_direct != is_direct {
            let flags = if is_direct { self.flags | OFlags::DIRECT } else { self.flags };
            fcntl_setfl(&self.file, flags)?;
            self.is_direct = is_direct;
        }
        Ok(())
    }
}

fn gone() -> io::Error {
    io::Error::other("what was written before did not get to the disk")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::aligned::BUFFER_BYTES;

    fn content(bytes: usize) -> Vec<u8> {
        (0..=250).cycle().take(bytes).collect()
    }

    /// Writes all but the first `before` bytes in pieces of `piece` bytes.
    fn written(mut file: &File, all: &[u8], before: usize, piece: usize) {
        file.write_all(&all[..before]).unwrap();
        let mut behind = Behind::start(file).unwrap();
        all[before..].chunks(piece).for_each(|piece| behind.write(piece).unwrap());
        behind.end().unwrap();
        assert!(!fcntl_getfl(file).unwrap().contains(OFlags::DIRECT), "others can read it");
    }

    #[test]
    fn what_is_written_is_in_the_file_wherever_it_begins_and_ends() {
        let all = content(3 * BUFFER_BYTES + 5000);
        for (before, piece) in [(0, 256 * 1024), (0, 7919), (1, BUFFER_BYTES), (4096, 4096), (5000, all.len())] {
            let file = tempfile::NamedTempFile::new().unwrap();
            written(file.as_file(), &all, before, piece);
            assert!(std::fs::read(file.path()).unwrap() == all, "{before} bytes, then pieces of {piece}");
        }
    }

    #[test]
    fn what_was_taken_is_written_also_when_nobody_waits() {
        let (all, file) = (content(BUFFER_BYTES + 1), tempfile::NamedTempFile::new().unwrap());
        let mut behind = Behind::start(file.as_file()).unwrap();
        behind.write(&all).unwrap();
        drop(behind);
        assert!(std::fs::read(file.path()).unwrap() == all);
    }

    #[test]
    fn where_the_file_system_refuses_it_is_written_plainly() {
        // It cannot be opened or written to directly.
        let memory = rustix::fs::memfd_create("it", rustix::fs::MemfdFlags::empty());
        let (memory, all) = (File::from(memory.unwrap()), content(2 * BUFFER_BYTES + 1));
        written(&memory, &all, 0, all.len());
        let mut found = vec![0; all.len()];
        memory.read_exact_at(&mut found, 0).unwrap();
        assert!(found == all);
    }

    #[test]
    fn a_full_disk_is_told_and_then_that_bytes_are_missing() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut behind = Behind::start(&full).unwrap();
        let piece = vec![0; BUFFER_BYTES];
        let error = (0..100).find_map(|_| behind.write(&piece).err()).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(behind.write(&piece).unwrap_err().to_string(), gone().to_string());
        assert_eq!(behind.end().unwrap_err().to_string(), gone().to_string());
        let mut behind = Behind::start(&full).unwrap();
        behind.write(b"few").unwrap();
        assert_eq!(behind.end().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
