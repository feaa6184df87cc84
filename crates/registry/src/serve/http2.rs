//! One connection of HTTP/2: streams that share it, and what they may take of the server together.
//!
//! What a hostile client can do beyond what the same client can do over HTTP/1.1 comes from streams that cost it nothing. Frames that are not
//! streams (PING, SETTINGS, CONTINUATION) are bounded by the library below, which answers one before it reads the next. Everything that waits
//! is bounded here: see [`ledger`].

mod ledger;
mod pieces;
mod tasks;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};

use super::connection::{self, HEADER_MAX_BYTES, OtherEnd};
use super::patience::Patience;
use crate::error::ApiError;
use crate::registry::Registry;
use ledger::{Ledger, Standing};
use pieces::Pieces;
use tasks::Tasks;

/// What a connection begins with, as far as no request of HTTP/1.1 begins so: no method is called like that (RFC 9113 section 3.4).
const PREFACE: &[u8; 4] = b"PRI ";
/// How long to wait for the rest of the first four bytes when fewer have come.
const PREFACE_PAUSE: Duration = Duration::from_millis(5);
/// How long at most: each pause is twice that before.
const PREFACE_PAUSE_MAX: Duration = Duration::from_millis(250);
/// How long the first four bytes may take when the first of them has come.
const PREFACE_TIMEOUT: Duration = Duration::from_secs(1);
/// How many connections with all the streams that they may have it takes at least to fill the room for streams.
const SHARES: usize = 16;
/// How many bytes of a body a client may send before the server has taken them: of one stream, and of all streams of a connection. What is
/// not taken is kept in memory, so this is what a connection may take of it.
const STREAM_WINDOW_BYTES: u32 = 512 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// How many bytes of an answer are kept for the connection to take, of one stream.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// How many streams may have been given up by the client before the server has even looked at them (CVE-2023-44487).
const UNSEEN_RESETS_MAX: usize = 20;
/// How many streams of a connection may end because of what the client does wrong in them.
const ERROR_RESETS_MAX: usize = 128;
/// How long the other end may take to answer a PING.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// The least time between two looks at what waits.
const LOOK_PERIOD_MIN: Duration = Duration::from_millis(10);
/// How often it is looked at what waits, within the idle timeout.
const LOOKS: u32 = 4;

/// Whether and how HTTP/2 is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http2 {
    /// Under TLS, where a client can do it too (ALPN).
    pub tls: bool,
    /// Without TLS, with clients that begin with it.
    pub cleartext: bool,
    /// Most streams of a connection at once.
    pub streams_max: u32,
}

impl Default for Http2 {
    fn default() -> Self {
        Self { tls: true, cleartext: false, streams_max: 100 }
    }
}

/// What all connections share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    /// Room for streams: as many at once as there may be connections, for each may have a file open.
    room: Arc<Semaphore>,
    /// How many of them one connection may have.
    each: u32,
    /// Says when the server ends.
    ending: watch::Receiver<bool>,
}

impl Shared {
    pub(super) fn new(streams_max: usize, ending: watch::Receiver<bool>) -> Self {
        let each = u32::try_from((streams_max / SHARES).max(1)).unwrap_or(u32::MAX);
        Self { room: Arc::new(Semaphore::new(streams_max.min(Semaphore::MAX_PERMITS))), each, ending }
    }
}

/// Tells whether a connection begins with HTTP/2, without taking anything from it. Where nothing comes in time, or before the server ends, it
/// does not.
pub(super) async fn begins(stream: &TcpStream, idle_timeout: Duration, shared: &Shared) -> bool {
    let mut ending = shared.ending.clone();
    let looked = async {
        let waited = tokio::time::timeout(idle_timeout, stream.peek(&mut [0])).await;
        matches!(waited, Ok(Ok(1))) && tokio::time::timeout(PREFACE_TIMEOUT, has_preface(stream)).await.unwrap_or(false)
    };
    tokio::select! {
        begins = looked => begins,
        // An error means that the server is gone, which is the same.
        _ = ending.wait_for(|ends| *ends) => false,
    }
}

/// Tells whether the first bytes are those of HTTP/2, when there are enough of them.
async fn has_preface(stream: &TcpStream) -> bool {
    let mut first = [0; PREFACE.len()];
    let mut pause = PREFACE_PAUSE;
    loop {
        let Ok(count) = stream.peek(&mut first).await else { return false };
        match first.get(..count) {
            Some(begin) if count > 0 && PREFACE.starts_with(begin) => {
                if count == PREFACE.len() {
                    return true;
                }
            }
            _ => return false,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PREFACE_PAUSE_MAX);
    }
}

/// Returns the answer to a request for whose stream there is no room.
fn no_room() -> Response {
    ApiError::unavailable("there is no room for another stream").into_response()
}

/// Answers requests until the connection ends, the server does, or the client takes more than it may.
pub(super) async fn answer(
    transport: impl Read + Write + Unpin + Send + 'static,
    end: OtherEnd,
    registry: Registry,
    shared: Shared,
) {
    let Shared { room, each, mut ending } = shared;
    let (idle_timeout, streams_max) = (registry.options().idle_timeout, registry.options().http2.streams_max);
    let ledger = Arc::new(Ledger::default());
    let service = service_fn(|mut request: Request<Incoming>| {
        end.mark(&mut request);
        let (registry, room) = (registry.clone(), Arc::clone(&room));
        let mut stream = ledger.open();
        async move {
            let response = match tokio::time::timeout(idle_timeout, room.acquire_owned()).await {
                Ok(permit) => {
                    // An error would mean that the semaphore is closed, which it never is.
                    stream.take(permit.ok());
                    connection::respond(&registry, request).await
                }
                Err(_) => no_room(),
            };
            Ok::<_, Infallible>(response.map(|body| Body::new(Pieces::new(body, stream))))
        }
    });
    // Dropped after the connection, and the streams with it.
    let tasks = Tasks::default();
    let connection = http2::Builder::new(tasks.executor())
        .timer(TokioTimer::new())
        .max_concurrent_streams(streams_max.min(each))
        .max_header_list_size(HEADER_MAX_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .max_pending_accept_reset_streams(UNSEEN_RESETS_MAX)
        .max_local_error_reset_streams(ERROR_RESETS_MAX)
        .keep_alive_interval(idle_timeout)
        .keep_alive_timeout(PING_TIMEOUT)
        .serve_connection(Patience::new(transport, end.patience), service);
    let mut connection = std::pin::pin!(connection);
    let mut looks = tokio::time::interval((idle_timeout / LOOKS).max(LOOK_PERIOD_MIN));
    let mut is_ending = false;
    loop {
        tokio::select! {
            // A connection that breaks is the client's affair.
            _ = connection.as_mut() => return,
            () = ledger.is_abused() => return,
            // An error means that the server is gone, which is the same.
            _ = ending.wait_for(|ends| *ends), if !is_ending => {
                is_ending = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = looks.tick() => match ledger.standing(idle_timeout) {
                Standing::Busy => {}
                Standing::Stalled => return,
                // The client has been told, and has not gone.
                Standing::Idle if is_ending => return,
                Standing::Idle => {
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
            },
        }
    }
}
