//! The tasks of a connection, which end with it.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use hyper::rt::Executor;
use tokio::task::JoinSet;

/// The streams of a connection. Those that are left are broken off when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl Tasks {
    /// Returns what runs streams among these. The streams have one too, so it must not keep them.
    pub(super) fn executor(&self) -> Spawner {
        Spawner(Arc::downgrade(&self.0))
    }
}

/// Runs the streams of a connection as long as there is one.
#[derive(Clone, Debug)]
pub(super) struct Spawner(Weak<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Spawner {
    fn execute(&self, task: F) {
        let Some(tasks) = self.0.upgrade() else { return };
        let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn streams_end_with_their_connection_although_they_could_begin_others() {
        let tasks = Tasks::default();
        let (guard, broken_off) = oneshot::channel::<()>();
        let executor = tasks.executor();
        tasks.executor().execute(async move {
            let _kept = (guard, executor);
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
        drop(tasks);
        broken_off.await.unwrap_err();
    }
}
