//! Work that comes to its end, whoever goes away.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use crate::traces;

/// Work that is done by whoever waits for it, so that no other thread is woken for it. When this is dropped before the work has ended, a task
/// of its own takes it over. Without a runtime everything ends.
pub(super) struct Insistent<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> Insistent<T> {
    pub(super) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(traces::carried(work))))
    }
}

impl<T: Send + 'static> Future for Insistent<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // Work that panics is not taken over. Whoever asks once more after the end waits for ever, as with any future.
        let Some(mut work) = self.0.take() else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.0 = Some(work);
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Insistent<T> {
    fn drop(&mut self) {
        if let Some(work) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_nobody_waits_for_is_done() {
        let (leave, asked) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel();
        let mut work = Insistent::new(async move {
            let _ = asked.await;
            let _ = end.send(());
        });
        assert!(futures_util::poll!(&mut work).is_pending());
        drop(work);
        leave.send(()).unwrap();
        ended.await.unwrap();
    }

    #[tokio::test]
    async fn what_has_ended_is_not_done_again() {
        let mut work = Insistent::new(async { 1 });
        assert_eq!((&mut work).await, 1);
        assert!(futures_util::poll!(&mut work).is_pending());
    }
}
