//! Walks through directories, which wait for the disk, as streams.

use std::io;

use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::mpsc;

/// How far a walk may be ahead of whoever takes what it finds.
const AHEAD_MAX: usize = 64;

/// Returns what a walk finds, as it goes. It stops when nobody takes it any more.
pub(super) fn walked<T: Send + 'static>(
    walk: impl FnOnce(&mut dyn FnMut(T) -> bool) -> io::Result<()> + Send + 'static,
) -> impl Stream<Item = io::Result<T>> {
    let (sender, receiver) = mpsc::channel(AHEAD_MAX);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = walk(&mut |found| sender.blocking_send(Ok(found)).is_ok()) {
            // Nobody is there to hear it when this fails.
            let _ = sender.blocking_send(Err(error));
        }
    });
    unfold(receiver, async |mut receiver| receiver.recv().await.map(|found| (found, receiver)))
}
