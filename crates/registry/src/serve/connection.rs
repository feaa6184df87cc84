//! One connection: of HTTP/1.1, or of HTTP/2 where a client begins with it and may.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Request, Version};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::net::TcpStream;

use super::certificate::Handshake;
use super::http2::{self, Shared};
use super::pacing;
use super::patience::{self, Patience};
use crate::outgoing::{Outlet, Transport};
use crate::peer::Peer;
use crate::registry::Registry;

/// Largest header of a request, in bytes.
pub(super) const HEADER_MAX_BYTES: u32 = 64 * 1024;

/// What is known of the other end of a connection.
pub(super) struct OtherEnd {
    pub(super) peer: Peer,
    /// What came of the handshake, under TLS.
    pub(super) handshake: Option<Handshake>,
    /// How long an answer may wait to be written.
    pub(super) patience: Duration,
}

impl OtherEnd {
    /// Says with a request where it comes from.
    pub(super) fn mark(&self, request: &mut Request<Incoming>) {
        let extensions = request.extensions_mut();
        extensions.insert(self.peer);
        if let Some(certificate) = self.handshake.as_ref().and_then(Handshake::certificate) {
            extensions.insert(certificate);
        }
    }
}

/// Sets the options of a connection. Returns how long an answer may wait on it to be written.
pub(super) fn prepare(stream: &TcpStream, registry: &Registry) -> Duration {
    // A small answer must not wait for the acknowledgement of the one before; without the option it is only slower.
    let _ = stream.set_nodelay(true);
    pacing::end_of_connection(stream);
    patience::limit(stream, registry.options().idle_timeout)
}

/// Answers requests without TLS until the connection ends, or the watcher says that it should.
pub(super) async fn serve(stream: TcpStream, peer: Peer, registry: Registry, watcher: Watcher, shared: Shared) {
    let end = OtherEnd { peer, handshake: None, patience: prepare(&stream, &registry) };
    let options = registry.options();
    if options.http2.cleartext && http2::begins(&stream, options.idle_timeout, &shared).await {
        return http2::answer(TokioIo::new(stream), end, registry, shared).await;
    }
    let (transport, outlet) = Transport::new(stream);
    answer(transport, Some(outlet), end, registry, watcher).await;
}

/// Answers requests of HTTP/1.1 until the connection ends, or the watcher says that it should. The outlet, if there is one, is that of the
/// transport.
pub(super) async fn answer(
    transport: impl Read + Write + Unpin + Send + 'static,
    outlet: Option<Outlet>,
    end: OtherEnd,
    registry: Registry,
    watcher: Watcher,
) {
    let (idle_timeout, patience) = (registry.options().idle_timeout, end.patience);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let registry = registry.clone();
        if let Some(outlet) = &outlet {
            // Files go out by the kernel on this connection, and on no other.
            request.extensions_mut().insert(outlet.clone());
        }
        end.mark(&mut request);
        async move { Ok::<_, Infallible>(respond(&registry, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Also how long a connection may lie idle between requests.
        .header_read_timeout(idle_timeout)
        .max_buf_size(HEADER_MAX_BYTES as usize)
        // Bodies are handed over as they are: see `outgoing::sendfile`.
        .writev(true)
        .serve_connection(Patience::new(transport, patience), service);
    // A connection that breaks is the client's affair.
    let _ = watcher.watch(connection).await;
}

/// Answers a request of either version.
pub(super) async fn respond(registry: &Registry, mut request: Request<Incoming>) -> Response {
    let is_clear = names_one_host(&request);
    if request.version() == Version::HTTP_2
        && !request.headers().contains_key(HOST)
        && let Some(host) = request.uri().authority().and_then(|name| HeaderValue::try_from(name.as_str()).ok())
    {
        // What reads the host of a request finds it in one place.
        request.headers_mut().insert(HOST, host);
    }
    let request = request.map(Body::new);
    if is_clear { registry.respond(request).await } else { Registry::refuse_host(&request) }
}

/// Tells whether a request says once to whom it is addressed (RFC 9112 section 3.2, RFC 9113 section 8.3.1). Where it says it twice, or not
/// at all, programs on the way may have taken it for another.
fn names_one_host(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => match host.to_str() {
            Ok(host) if is_host(host) => Some(host),
            _ => return false,
        },
        (None, _) => None,
        (Some(_), Some(_)) => return false,
    };
    if request.version() != Version::HTTP_2 {
        return host.is_some() || request.version() < Version::HTTP_11;
    }
    match (request.uri().authority().map(Authority::as_str), host) {
        (Some(authority), None) => is_host(authority),
        // What was HTTP/1.1 before a program on the way may say it as that does; both have to say the same.
        (Some(authority), Some(host)) => is_host(authority) && authority.eq_ignore_ascii_case(host),
        (None, host) => host.is_some(),
    }
}

fn is_host(text: &str) -> bool {
    text.is_empty() || (!text.contains('@') && text.parse::<Authority>().is_ok())
}
