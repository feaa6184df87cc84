//! One connection of HTTP/1.1.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use hyper_util::server::graceful::Watcher;
use tokio::net::TcpStream;

use crate::outgoing::{Outlet, Transport};
use crate::registry::Registry;

/// How long a client may take for the header of a request, and how long a connection may lie idle between requests.
const HEADER_TIMEOUT: Duration = Duration::from_mins(1);
/// Largest header of a request, in bytes.
const HEADER_MAX_BYTES: usize = 64 * 1024;

/// Answers requests without TLS until the connection ends, or the watcher says that it should.
pub(super) async fn serve(stream: TcpStream, registry: Registry, watcher: Watcher) {
    // A small answer must not wait for the acknowledgement of the one before; without the option it is only slower.
    let _ = stream.set_nodelay(true);
    let (transport, outlet) = Transport::new(stream);
    answer(transport, Some(outlet), registry, watcher).await;
}

/// Answers requests until the connection ends, or the watcher says that it should. The outlet, if there is one, is that of the transport.
pub(super) async fn answer(
    transport: impl Read + Write + Unpin + Send + 'static,
    outlet: Option<Outlet>,
    registry: Registry,
    watcher: Watcher,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        let registry = registry.clone();
        if let Some(outlet) = &outlet {
            // Files go out by the kernel on this connection, and on no other.
            request.extensions_mut().insert(outlet.clone());
        }
        async move { Ok::<_, Infallible>(registry.respond(request.map(Body::new)).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_MAX_BYTES)
        // Bodies are handed over as they are: see `outgoing::sendfile`.
        .writev(true)
        .serve_connection(transport, service);
    // A connection that breaks is the client's affair.
    let _ = watcher.watch(connection).await;
}
