//! Work that waits for the disk, away from the threads that drive futures.

/// Runs `work` on a thread that may wait and returns its outcome. When the future is dropped the work runs to its end: it must
/// be something that may as well be done (a read, a change that is complete in itself).
pub(crate) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that shuts down drops blocking work, and with it whatever waits here.
            Err(_) => std::future::pending().await,
        },
    }
}
