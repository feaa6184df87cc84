//! What went through a proxy.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::Matcher;
use super::message::{RequestHead, header};

/// A request and what became of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Number of the connection it came on, from 0.
    pub connection: usize,
    /// The method.
    pub method: String,
    /// The path, as it was sent.
    pub path: String,
    /// The query without its question mark; empty if there was none.
    pub query: String,
    /// The headers of the request.
    pub headers: Vec<(String, String)>,
    /// Bytes of the request's body that came.
    pub request_bytes: u64,
    /// The status of the answer; `None` while there is none, and for good when the connection broke.
    pub status: Option<u16>,
    /// Bytes of the answer's body that were passed on.
    pub response_bytes: u64,
}

impl Exchange {
    pub(super) fn new(connection: usize, request: &RequestHead) -> Self {
        // A client that takes us for a forward proxy sends the whole URL.
        let target = match request.target.strip_prefix("http://").and_then(|rest| rest.find('/').map(|at| &rest[at..]))
        {
            Some(path) => path,
            None => &request.target,
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            connection,
            method: request.method.clone(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: request.headers.clone(),
            request_bytes: 0,
            status: None,
            response_bytes: 0,
        }
    }

    /// Returns the value of a header of the request.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Returns method, path and query as one line.
    pub fn line(&self) -> String {
        let separator = if self.query.is_empty() { "" } else { "?" };
        format!("{} {}{separator}{}", self.method, self.path, self.query)
    }
}

/// Everything that went through a proxy.
#[derive(Debug, Default)]
pub struct Log {
    exchanges: Mutex<Vec<Exchange>>,
    connections: AtomicUsize,
    under_way: watch::Sender<usize>,
    most_under_way: AtomicUsize,
}

impl Log {
    /// Returns the requests in the order in which they came.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.lock().clone()
    }

    /// Returns the requests that `matcher` is about.
    pub fn matching(&self, matcher: &Matcher) -> Vec<Exchange> {
        self.lock().iter().filter(|exchange| matcher.matches(exchange)).cloned().collect()
    }

    /// Returns how many requests `matcher` is about.
    pub fn count(&self, matcher: &Matcher) -> usize {
        self.matching(matcher).len()
    }

    /// Returns the requests as lines, sorted, for a comparison that does not depend on their order.
    pub fn sorted_lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.lock().iter().map(Exchange::line).collect();
        lines.sort();
        lines
    }

    /// Returns the number of connections that were accepted.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Returns how many requests were under way at once at most.
    pub fn most_under_way(&self) -> usize {
        self.most_under_way.load(Ordering::SeqCst)
    }

    /// Forgets everything so far. Connections that are open keep their numbers.
    pub fn clear(&self) {
        self.lock().clear();
        self.connections.store(0, Ordering::SeqCst);
        self.most_under_way.store(*self.under_way.borrow(), Ordering::SeqCst);
    }

    /// Waits until no request is under way: a client may have its answer before the last of it is in the log.
    pub async fn settled(&self) {
        // Fails only when the sender, which is ours, is gone.
        let _ = self.under_way.subscribe().wait_for(|under_way| *under_way == 0).await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Exchange>> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn accept(&self) -> usize {
        self.connections.fetch_add(1, Ordering::SeqCst)
    }

    /// Begins an exchange, which is over when the result is dropped.
    pub(super) fn begin(&self, exchange: Exchange) -> UnderWay<'_> {
        self.under_way.send_modify(|under_way| *under_way += 1);
        self.most_under_way.fetch_max(*self.under_way.borrow(), Ordering::SeqCst);
        let mut exchanges = self.lock();
        exchanges.push(exchange.clone());
        UnderWay { log: self, index: exchanges.len() - 1, exchange }
    }
}

/// An exchange that is under way. What becomes of it is written into the log when this is dropped.
pub(super) struct UnderWay<'a> {
    log: &'a Log,
    index: usize,
    pub(super) exchange: Exchange,
}

impl UnderWay<'_> {
    /// Writes what is known into the log.
    pub(super) fn note(&self) {
        // A log that was cleared in the meantime has another exchange in this place, or none.
        let mut exchanges = self.log.lock();
        if let Some(place) = exchanges.get_mut(self.index).filter(|place| same(place, &self.exchange)) {
            *place = self.exchange.clone();
        }
    }
}

fn same(a: &Exchange, b: &Exchange) -> bool {
    let key = |e: &Exchange| (e.connection, e.line());
    key(a) == key(b)
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.note();
        self.log.under_way.send_modify(|under_way| *under_way -= 1);
    }
}
