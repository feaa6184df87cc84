//! What was received goes to the disk while more is received.
//!
//! Otherwise many who push at the same time wait for the processor together and then for the disk together, while the other has nothing to do.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, unconstrained};

use super::StorageError;

/// Bytes of an upload that go to the disk together, before its end.
const STEP_BYTES: u64 = 4 * 1024 * 1024;

/// Uploads of which bytes go to the disk before their end, at the same time: each takes a thread.
const TOGETHER: usize = 16;

/// Leave to sync files before their end.
#[derive(Debug)]
pub(super) struct Turns(Arc<Semaphore>);

impl Turns {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(TOGETHER)))
    }
}

/// What of one upload is on its way to the disk.
#[derive(Debug, Default)]
pub(super) struct Early {
    /// Bytes that were written since the last step began.
    written: u64,
    /// Runs to its end also when this is dropped.
    step: Option<JoinHandle<Result<(), StorageError>>>,
}

impl Early {
    /// Notes that bytes were written to a file. When they are many, and no others of it are on their way, they begin to go to the disk.
    ///
    /// # Errors
    /// When those before did not get there. The kernel tells that once, so the file, the upload at `path`, was removed: nobody else takes
    /// it for whole.
    pub(super) fn wrote(
        &mut self,
        bytes: usize,
        file: &Arc<File>,
        turns: &Turns,
        path: impl FnOnce() -> PathBuf,
    ) -> Result<(), StorageError> {
        self.written += bytes as u64;
        if self.written < STEP_BYTES || self.step.as_ref().is_some_and(|step| !step.is_finished()) {
            return Ok(());
        }
        // It has ended, and tells so also a task that has done much already.
        if let Some(ended) = self.step.take().and_then(|step| unconstrained(step).now_or_never()) {
            ended.map_err(|_| StorageError::Ended)??;
        }
        let Ok(turn) = Arc::clone(&turns.0).try_acquire_owned() else { return Ok(()) };
        self.written = 0;
        let (file, path) = (Arc::clone(file), path());
        self.step = Some(tokio::task::spawn_blocking(move || {
            let _turn = turn;
            file.sync_data().map_err(|error| {
                let _ = fs::remove_file(&path);
                StorageError::file("cannot write", &path)(error)
            })
        }));
        Ok(())
    }

    /// Waits until nothing is on its way any more.
    ///
    /// # Errors
    /// As [`Early::wrote`].
    pub(super) async fn end(&mut self) -> Result<(), StorageError> {
        let Some(step) = &mut self.step else { return Ok(()) };
        let ended = step.await;
        self.step = None;
        ended.map_err(|_| StorageError::Ended)?
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// A file that takes what is written and cannot be synced.
    fn unsyncable() -> Arc<File> {
        Arc::new(File::options().write(true).open("/dev/null").unwrap())
    }

    #[tokio::test]
    async fn many_bytes_go_to_the_disk_and_few_wait_for_the_end() {
        let (mut early, turns) = (Early::default(), Turns::new());
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"bytes").unwrap();
        let (step, open) = (usize::try_from(STEP_BYTES).unwrap(), Arc::new(file.reopen().unwrap()));
        let path = || file.path().to_owned();
        early.wrote(step - 1, &open, &turns, path).unwrap();
        assert!(early.step.is_none());
        early.wrote(1, &open, &turns, path).unwrap();
        assert!(early.step.is_some() && early.written == 0);
        early.end().await.unwrap();
        assert!(early.step.is_none() && file.path().exists());
        assert_eq!(turns.0.available_permits(), TOGETHER);
    }

    #[tokio::test]
    async fn what_did_not_get_there_is_told_and_removed() {
        for is_end in [true, false] {
            let (mut early, turns) = (Early::default(), Turns::new());
            let upload = tempfile::NamedTempFile::new().unwrap();
            let (step, path) = (usize::try_from(STEP_BYTES).unwrap(), || upload.path().to_owned());
            early.wrote(step, &unsyncable(), &turns, path).unwrap();
            let told = if is_end {
                early.end().await
            } else {
                while !early.step.as_ref().unwrap().is_finished() {
                    tokio::task::yield_now().await;
                }
                early.wrote(step, &unsyncable(), &turns, path)
            };
            assert!(matches!(told, Err(StorageError::File { .. })), "{told:?}");
            assert!(!upload.path().exists());
        }
    }

    #[tokio::test]
    async fn not_all_uploads_take_a_thread() {
        let (mut early, turns) = (Early::default(), Turns::new());
        let file = Arc::new(tempfile::tempfile().unwrap());
        let step = usize::try_from(STEP_BYTES).unwrap();
        let all = Arc::clone(&turns.0).try_acquire_many_owned(u32::try_from(TOGETHER).unwrap()).unwrap();
        early.wrote(step, &file, &turns, PathBuf::new).unwrap();
        assert!(early.step.is_none());
        drop(all);
        early.wrote(1, &file, &turns, PathBuf::new).unwrap();
        assert!(early.step.is_some());
    }
}
