//! Blobs that were written past the memory of the kernel are brought into it when the disk has nothing else to do.
//!
//! What was pushed is often pulled at once, by many; the first of them should not have to wait for the disk either.

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::{Advice, fadvise};

use super::BlobFiles;

/// Blobs that wait to be read; those that came first go.
const WAITING: usize = 64;

/// Bytes that are asked for together. The kernel passes over what is beyond its limit, which is at least this where it is not set to less.
const STEP_BYTES: u64 = 128 * 1024;

/// How long nobody writes directly before they are read. Between two uploads there is less.
const QUIET: Duration = Duration::from_millis(100);

/// Blobs that wait to be read.
#[derive(Debug, Default)]
pub(super) struct Ahead(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    blobs: VecDeque<(String, u64)>,
    is_reading: bool,
}

impl Ahead {
    /// Notes a blob, its place and its size.
    fn note(&self, place: String, bytes: u64) {
        let mut waiting = self.waiting();
        if waiting.blobs.len() == WAITING {
            waiting.blobs.pop_front();
        }
        waiting.blobs.push_back((place, bytes));
    }

    /// Returns the blob that was noted last, if its reader may go on. Otherwise there is no reader any more.
    fn next(&self, may_go_on: bool) -> Option<(String, u64)> {
        let mut waiting = self.waiting();
        let next = if may_go_on { waiting.blobs.pop_back() } else { None };
        waiting.is_reading = next.is_some();
        next
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BlobFiles {
    /// Has the kernel read a blob of so many bytes, and others that were noted before, once no upload has been written directly for a while.
    pub(super) fn read_ahead(self, place: String, bytes: u64) {
        self.0.ahead.note(place, bytes);
        if std::mem::replace(&mut self.0.ahead.waiting().is_reading, true) {
            return;
        }
        tokio::spawn(async move {
            let mut opened = None;
            while opened.is_none() || opened != self.0.direct.idle_since() {
                opened = self.0.direct.idle_since();
                tokio::time::sleep(QUIET).await;
            }
            // What cannot be read ahead is read when somebody asks for it.
            let _ = tokio::task::spawn_blocking(move || self.read_while_idle()).await;
        });
    }

    fn read_while_idle(&self) {
        let is_idle = || self.0.direct.idle_since().is_some();
        while let Some((place, bytes)) = self.0.ahead.next(is_idle()) {
            let Ok(Some(file)) = self.open_file(&place) else { continue };
            let mut position = 0;
            while position < bytes && is_idle() {
                let _ = fadvise(&*file, position, NonZeroU64::new(STEP_BYTES), Advice::WillNeed);
                position += STEP_BYTES;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_last_blobs_are_read_first_and_few_wait() {
        let ahead = Ahead::default();
        for number in 0..WAITING as u64 + 2 {
            ahead.note(number.to_string(), number);
        }
        assert_eq!(ahead.next(false), None);
        let read: Vec<u64> = std::iter::from_fn(|| ahead.next(true)).map(|(_, bytes)| bytes).collect();
        assert_eq!(read, (2..WAITING as u64 + 2).rev().collect::<Vec<_>>());
        assert!(!ahead.waiting().is_reading);
    }

    #[tokio::test]
    async fn nothing_is_read_while_somebody_writes() {
        let directory = tempfile::tempdir().unwrap();
        let files = BlobFiles::open(directory.path()).unwrap();
        let path = directory.path().join("blob");
        File::create_new(&path).unwrap();
        let waiting = || files.0.ahead.waiting().blobs.len();
        let upload = files.0.direct.open(&path, &Arc::new(File::open(&path).unwrap()), 0).unwrap();
        files.clone().read_ahead("blob".to_owned(), 0);
        files.clone().read_ahead("gone".to_owned(), 0);
        tokio::time::sleep(QUIET * 3).await;
        // On some file systems nobody can.
        assert_eq!(waiting(), if upload.is_some() { 2 } else { 0 });
        drop(upload);
        let is_read = async {
            while waiting() > 0 || files.0.ahead.waiting().is_reading {
                tokio::time::sleep(QUIET).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), is_read).await.unwrap();
        assert!(files.0.open.get("blob").is_some() && files.0.open.get("gone").is_none());
    }
}
