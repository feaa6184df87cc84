//! Connections that wait for their next request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::connection::Connection;

/// How long a connection may wait. Servers close idle connections after a minute or more.
const IDLE_MAX: Duration = Duration::from_secs(45);

/// Idle connections by authority (`host:port`), the one used last on top.
#[derive(Debug)]
pub(super) struct Pool {
    idle: Mutex<HashMap<String, Vec<(Connection, Instant)>>>,
    per_host: usize,
}

impl Pool {
    pub(super) fn new(per_host: usize) -> Self {
        Self { idle: Mutex::default(), per_host: per_host.max(1) }
    }

    /// Returns a connection that is still open.
    pub(super) fn take(&self, authority: &str) -> Option<Connection> {
        loop {
            let (connection, since) = self.lock().get_mut(authority)?.pop()?;
            if since.elapsed() < IDLE_MAX && connection.is_idle() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for the next request.
    pub(super) fn put(&self, authority: &str, connection: Connection) {
        let mut idle = self.lock();
        let waiting = match idle.get_mut(authority) {
            Some(waiting) => waiting,
            None => idle.entry(authority.to_owned()).or_default(),
        };
        waiting.retain(|(_, since)| since.elapsed() < IDLE_MAX);
        if waiting.len() < self.per_host {
            waiting.push((connection, Instant::now()));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<(Connection, Instant)>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
