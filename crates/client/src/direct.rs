//! Plain HTTP/1.1 over our own connections: the direct road.
//!
//! Where the other end is plain, a file goes to its socket with `sendfile`, and a socket to a socket through one small
//! buffer. Everything else about plain HTTP goes the same way, because one small client costs less than a large one per
//! request, and a run that meets no TLS then loads none.

mod body;
mod connection;
mod head;
mod pool;
mod relay;
mod send;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use body::Body;
use bytes::Bytes;
use connection::Connection;
use pool::Pool;
use send::Sent;

use crate::exchange::answer::AnswerBody;
use crate::exchange::gate::{HELD_BYTES, hold};
use crate::exchange::{Answer, Body as RequestBody, Failure, Request, Shown};
use crate::syntax::response_head::ResponseHead;

/// Bodies up to this size are sent in one piece with their header.
const INLINE_MAX_BYTES: usize = 64 * 1024;

/// Most interim answers (`100 Continue`, `103 Early Hints`) before the one that counts.
const INTERIM_MAX: usize = 16;

/// The plain HTTP client.
#[derive(Debug)]
pub(crate) struct Direct {
    pool: Arc<Pool>,
    timeout: Duration,
    connect_timeout: Duration,
}

impl Direct {
    pub(crate) fn new(timeout: Duration, connect_timeout: Duration, idle_connections: usize) -> Self {
        Self { pool: Arc::new(Pool::new(idle_connections)), timeout, connect_timeout }
    }

    /// Sends a request and returns the answer as soon as its header is there.
    pub(crate) async fn send(&self, mut request: Request) -> Result<Answer, Failure> {
        let authority = head::authority(&request.url)?;
        let head = head::write(&request, &authority)?;
        let (length, before) = (request.body.length(), request.tally.moved());
        if let Some(connection) = self.pool.take(&authority) {
            match self.exchange(connection, &authority, &head, &mut request).await {
                // The other side closed the connection while it lay idle: use another one. Not when some of a large body has
                // gone out, for then there may be more to learn, nor when the body has been taken and cannot be sent again.
                Err(Failure::Broken(_)) if request.body.length() == length && request.tally.moved() == before => {}
                outcome => return outcome,
            }
        }
        let connection = Connection::open(&request.url, self.connect_timeout).await?;
        self.exchange(connection, &authority, &head, &mut request).await
    }

    async fn exchange(
        &self,
        mut connection: Connection,
        authority: &str,
        head: &[u8],
        request: &mut Request,
    ) -> Result<Answer, Failure> {
        let bodiless = request.method == http::Method::HEAD;
        let sent = self.send_request(&connection, head, request).await?;
        let head = match self.read_head(&mut connection, bodiless, self.timeout + request.patience).await {
            Ok(head) => head,
            // The connection broke while we were sending, and no answer says why.
            Err(failure) => return Err(sent.broken().unwrap_or(failure)),
        };
        let reusable = head.keep_alive && matches!(sent, Sent::Whole);
        let body = Body::new(connection, &head, reusable.then(|| (Arc::clone(&self.pool), authority)), self.timeout);
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            url: request.url.clone(),
            shown: Shown::default(),
            body: AnswerBody::Direct(body),
        })
    }

    async fn send_request(&self, connection: &Connection, head: &[u8], request: &mut Request) -> Result<Sent, Failure> {
        let stream = connection.stream();
        let tally = &request.tally;
        let inline = match &request.body {
            RequestBody::Empty => Some(Bytes::new()),
            RequestBody::Bytes(bytes) if bytes.len() <= INLINE_MAX_BYTES => Some(bytes.clone()),
            _ => None,
        };
        if let Some(body) = inline {
            let whole = if body.is_empty() { head.to_vec() } else { [head, &body].concat() };
            let sent = send::bytes(stream, &whole, self.timeout, |_| {}).await?;
            if matches!(sent, Sent::Whole) {
                tally.advance(body.len() as u64);
            }
            return Ok(sent);
        }
        match send::bytes(stream, head, self.timeout, |_| {}).await? {
            Sent::Whole => {}
            other => return Ok(other),
        }
        let count = |bytes| tally.advance(bytes);
        let gate = request.gate.as_ref();
        match &mut request.body {
            RequestBody::Empty => Ok(Sent::Whole),
            RequestBody::Bytes(bytes) => send::bytes(stream, bytes, self.timeout, count).await,
            RequestBody::File { file, offset, length } => {
                let end = gate.map_or(0, |_| HELD_BYTES.min(*length));
                let most = *length - end;
                let sent = send::file(stream, file, *offset, most, self.timeout, count).await?;
                match (sent, gate) {
                    (Sent::Whole, Some(gate)) => {
                        gate.passed().await;
                        send::file(stream, file, *offset + most, end, self.timeout, count).await
                    }
                    (sent, _) => Ok(sent),
                }
            }
            body @ RequestBody::Stream { .. } => {
                let length = body.length();
                let chunks = std::mem::replace(body, RequestBody::Empty).into_stream();
                let chunks = hold(chunks, gate.cloned());
                send::stream(stream, chunks, length, self.timeout, count).await
            }
            body @ RequestBody::Socket { .. } => {
                let RequestBody::Socket { socket, length } = std::mem::replace(body, RequestBody::Empty) else {
                    return Ok(Sent::Whole);
                };
                relay::relay(*socket, length, gate, stream, self.timeout, count).await
            }
        }
    }

    async fn read_head(
        &self,
        connection: &mut Connection,
        bodiless: bool,
        timeout: Duration,
    ) -> Result<ResponseHead, Failure> {
        for _ in 0..INTERIM_MAX {
            let head = connection.read_head(bodiless, timeout).await?;
            if !head.status.is_informational() {
                return Ok(head);
            }
        }
        Err(Failure::Protocol("it sent interim answers without end".to_owned()))
    }
}
