//! Large uploads go to the disk past the memory in which the kernel keeps files.
//!
//! Each page of that memory has to be found, filled and written back, and others that are read often give way to it. All that takes several
//! times as long as the writing itself. From buffers that are used again and again the disk takes the bytes as they are.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::FutureExt as _;
use rustix::fs::OFlags;
use store::aligned::{ALIGNED, BUFFER_BYTES, Buffer, Buffers, limit_at};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, unconstrained};

/// Where direct writing begins in an upload: what is smaller costs little either way, and is in memory when it is pulled at once.
pub(super) const FROM: u64 = 1024 * 1024;

/// Uploads that are written directly at the same time. Each has two buffers, and a thread while it writes.
const TOGETHER: usize = 32;

/// Leave to write directly.
#[derive(Clone, Debug)]
pub(super) struct Leave(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    turns: Arc<Semaphore>,
    buffers: Buffers,
    /// How many uploads have been written directly.
    opened: AtomicU64,
    /// Whether the file system cannot do it.
    is_refused: AtomicBool,
}

impl Leave {
    pub(super) fn new() -> Self {
        let (turns, buffers) = (Arc::new(Semaphore::new(TOGETHER)), Buffers::default());
        Self(Arc::new(Shared { turns, buffers, opened: AtomicU64::new(0), is_refused: AtomicBool::new(false) }))
    }

    /// Opens the file at `path`, which is open as `plain`, once more to go on at `position`. Returns `None` where others use what there is of
    /// threads and buffers, and where the file system cannot do it.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(super) fn open(&self, path: &Path, plain: &Arc<File>, position: u64) -> io::Result<Option<Direct>> {
        if self.0.is_refused.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let Ok(turn) = Arc::clone(&self.0.turns).try_acquire_owned() else { return Ok(None) };
        match File::options().write(true).custom_flags(OFlags::DIRECT.bits().cast_signed()).open(path) {
            Ok(direct) => {
                self.0.opened.fetch_add(1, Ordering::Relaxed);
                let files = Files { plain: Arc::clone(plain), direct, leave: self.clone() };
                Ok(Some(Direct::new(files, position, turn)))
            }
            Err(error) => self.refuse(error).map(|()| None),
        }
    }

    /// Returns how many uploads have been written directly if none is any more.
    pub(super) fn idle_since(&self) -> Option<u64> {
        let opened = self.0.opened.load(Ordering::Relaxed);
        (self.0.turns.available_permits() == TOGETHER).then_some(opened)
    }

    /// Notes that the file system cannot do it, if that is the error.
    fn refuse(&self, error: io::Error) -> io::Result<()> {
        if error.kind() != io::ErrorKind::InvalidInput {
            return Err(error);
        }
        self.0.is_refused.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// The file of an upload, opened in both ways.
#[derive(Debug)]
struct Files {
    plain: Arc<File>,
    direct: File,
    leave: Leave,
}

impl Files {
    /// Writes bytes where they belong, directly where they begin and end with what the disk knows.
    fn write(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        if position.is_multiple_of(ALIGNED as u64) && bytes.len().is_multiple_of(ALIGNED) {
            match self.direct.write_all_at(bytes, position) {
                Ok(()) => return Ok(()),
                // Some file systems say so only now.
                Err(error) => self.leave.refuse(error)?,
            }
        }
        self.plain.write_all_at(bytes, position)
    }
}

/// One upload that is written directly: one buffer is filled while the other is written.
///
/// Once a write has failed, everything fails: what was taken before is not in the file.
#[derive(Debug)]
pub(super) struct Direct {
    files: Arc<Files>,
    /// Where in the file the bytes of `filling` belong.
    start: u64,
    filling: Buffer,
    /// Runs to its end also when this is dropped.
    writing: Option<JoinHandle<io::Result<()>>>,
    failed: bool,
    _turn: OwnedSemaphorePermit,
}

impl Direct {
    fn new(files: Files, position: u64, turn: OwnedSemaphorePermit) -> Self {
        let filling = files.leave.0.buffers.take();
        Self { files: Arc::new(files), start: position, filling, writing: None, failed: false, _turn: turn }
    }

    /// Returns where the next bytes belong in the file.
    pub(super) const fn position(&self) -> u64 {
        self.start + self.filling.len() as u64
    }

    /// Takes bytes, here and now; returns `None`, and has taken nothing, where that would be to wait for the disk.
    pub(super) fn write_at_once(&mut self, mut piece: &[u8]) -> Option<io::Result<()>> {
        if piece.len() >= self.room() {
            if piece.len() >= BUFFER_BYTES || self.writing.as_ref().is_some_and(|writing| !writing.is_finished()) {
                return None;
            }
            // It has ended, and tells so also a task that has done much already.
            if let Err(error) = unconstrained(self.written()).now_or_never()? {
                return Some(Err(error));
            }
        } else if self.failed {
            return Some(Err(gone()));
        }
        self.filling.fill(&mut piece, self.limit());
        if self.room() == 0 {
            self.begin();
            self.filling.fill(&mut piece, self.limit());
        }
        Some(Ok(()))
    }

    /// Takes bytes, and waits for the disk as long as there is no room for them.
    pub(super) async fn write(&mut self, mut piece: &[u8]) -> io::Result<()> {
        while !piece.is_empty() {
            self.filling.fill(&mut piece, self.limit());
            if self.room() == 0 {
                self.written().await?;
                self.begin();
            }
        }
        Ok(())
    }

    /// Waits until everything that was taken is in the file, where it does not survive a loss of power yet.
    pub(super) async fn end(&mut self) -> io::Result<()> {
        self.written().await?;
        if !self.filling.is_empty() {
            self.begin();
        }
        self.written().await
    }

    /// Waits until nothing is being written.
    async fn written(&mut self) -> io::Result<()> {
        if let Some(writing) = &mut self.writing {
            let written = writing.await;
            self.writing = None;
            // Set first for whoever asks once more.
            self.failed = !matches!(written, Ok(Ok(())));
            return written.map_err(|_| gone())?;
        }
        if self.failed { Err(gone()) } else { Ok(()) }
    }

    /// Begins to write what was taken. Nothing else is being written.
    fn begin(&mut self) {
        let filled = std::mem::replace(&mut self.filling, self.files.leave.0.buffers.take());
        let (files, position) = (Arc::clone(&self.files), self.start);
        self.start += filled.len() as u64;
        self.writing = Some(tokio::task::spawn_blocking(move || files.write(filled.filled(), position)));
    }

    fn limit(&self) -> usize {
        limit_at(self.start)
    }

    fn room(&self) -> usize {
        self.limit() - self.filling.len()
    }
}

fn gone() -> io::Error {
    io::Error::other("what was written before did not get to the disk")
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Direct {
        /// Returns an upload on a disk that has no room.
        pub(in super::super) fn of_full_disk() -> Self {
            let full = || File::options().write(true).open("/dev/full").unwrap();
            of(Files { plain: Arc::new(full()), direct: full(), leave: Leave::new() })
        }
    }

    fn of(files: Files) -> Direct {
        let turn = Arc::clone(&files.leave.0.turns).try_acquire_owned().unwrap();
        Direct::new(files, 0, turn)
    }

    #[tokio::test]
    async fn a_full_disk_is_told_once_and_then_that_bytes_are_missing() {
        let mut direct = Direct::of_full_disk();
        direct.write(&vec![0; BUFFER_BYTES]).await.unwrap();
        assert_eq!(direct.end().await.unwrap_err().kind(), io::ErrorKind::StorageFull);
        let later = [direct.end().await, direct.write_at_once(b"more").unwrap()];
        for error in later.map(Result::unwrap_err) {
            assert_eq!(error.to_string(), gone().to_string());
        }
    }

    #[tokio::test]
    async fn a_file_system_that_refuses_is_written_to_plainly() {
        let (leave, plain) = (Leave::new(), tempfile::NamedTempFile::new().unwrap());
        // It takes a number, and says of anything else what file systems say of what they cannot write directly.
        let direct = File::options().write(true).open("/proc/self/oom_score_adj").unwrap();
        let mut refused = of(Files { plain: Arc::new(plain.reopen().unwrap()), direct, leave: leave.clone() });
        let bytes = vec![b'x'; BUFFER_BYTES];
        refused.write(&bytes).await.unwrap();
        refused.end().await.unwrap();
        assert!(std::fs::read(plain.path()).unwrap() == bytes);
        let (open, path) = (Arc::new(plain.reopen().unwrap()), plain.path());
        assert!(leave.open(path, &open, 0).unwrap().is_none(), "it is not asked again");
        let (leave, comm) = (Leave::new(), Path::new("/proc/self/comm"));
        assert!(leave.open(comm, &open, 0).unwrap().is_none());
        assert!(leave.0.is_refused.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn not_all_uploads_take_buffers() {
        let (leave, file) = (Leave::new(), tempfile::NamedTempFile::new().unwrap());
        let open = Arc::new(file.reopen().unwrap());
        let all = Arc::clone(&leave.0.turns).try_acquire_many_owned(u32::try_from(TOGETHER).unwrap()).unwrap();
        assert!(leave.open(file.path(), &open, 0).unwrap().is_none());
        drop(all);
        // Where the file system of this directory cannot do it, there is no turn either.
        let direct = leave.open(file.path(), &open, 0).unwrap();
        let taken = TOGETHER - leave.0.turns.available_permits();
        assert_eq!(taken, usize::from(direct.is_some()));
    }
}
