//! One connection of HTTP/1.1.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{Request, Version};
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use hyper_util::server::graceful::Watcher;
use tokio::net::TcpStream;

use super::certificate::Handshake;
use super::patience::Patience;
use crate::outgoing::{Outlet, Transport};
use crate::peer::Peer;
use crate::registry::Registry;

/// Largest header of a request, in bytes.
const HEADER_MAX_BYTES: usize = 64 * 1024;

/// What is known of the other end of a connection.
pub(super) struct OtherEnd {
    pub(super) peer: Peer,
    /// What came of the handshake, under TLS.
    pub(super) handshake: Option<Handshake>,
}

impl OtherEnd {
    /// Says with a request where it comes from.
    fn mark(&self, request: &mut Request<Incoming>) {
        let extensions = request.extensions_mut();
        extensions.insert(self.peer);
        if let Some(certificate) = self.handshake.as_ref().and_then(Handshake::certificate) {
            extensions.insert(certificate);
        }
    }
}

/// Answers requests without TLS until the connection ends, or the watcher says that it should.
pub(super) async fn serve(stream: TcpStream, peer: Peer, registry: Registry, watcher: Watcher) {
    // A small answer must not wait for the acknowledgement of the one before; without the option it is only slower.
    let _ = stream.set_nodelay(true);
    let (transport, outlet) = Transport::new(stream);
    answer(transport, Some(outlet), OtherEnd { peer, handshake: None }, registry, watcher).await;
}

/// Answers requests until the connection ends, or the watcher says that it should. The outlet, if there is one, is that of the transport.
pub(super) async fn answer(
    transport: impl Read + Write + Unpin + Send + 'static,
    outlet: Option<Outlet>,
    end: OtherEnd,
    registry: Registry,
    watcher: Watcher,
) {
    let idle_timeout = registry.options().idle_timeout;
    let service = service_fn(move |mut request: Request<Incoming>| {
        let registry = registry.clone();
        end.mark(&mut request);
        if let Some(outlet) = &outlet {
            // Files go out by the kernel on this connection, and on no other.
            request.extensions_mut().insert(outlet.clone());
        }
        async move {
            let is_clear = names_one_host(&request);
            let request = request.map(Body::new);
            Ok::<_, Infallible>(if is_clear {
                registry.respond(request).await
            } else {
                Registry::refuse_host(&request)
            })
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Also how long a connection may lie idle between requests.
        .header_read_timeout(idle_timeout)
        .max_buf_size(HEADER_MAX_BYTES)
        // Bodies are handed over as they are: see `outgoing::sendfile`.
        .writev(true)
        .serve_connection(Patience::new(transport, idle_timeout), service);
    // A connection that breaks is the client's affair.
    let _ = watcher.watch(connection).await;
}

/// Tells whether a request says once to whom it is addressed (RFC 9112 section 3.2). Where it says it twice, or not at all, programs on
/// the way may have taken it for another.
fn names_one_host(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().is_ok_and(is_host),
        (None, _) => request.version() < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

fn is_host(text: &str) -> bool {
    text.is_empty() || (!text.contains('@') && text.parse::<Authority>().is_ok())
}
