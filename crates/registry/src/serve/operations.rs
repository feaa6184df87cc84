//! Probes and metrics on a listener of their own, which need not be public.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::ACCEPT_PAUSE;
use super::patience::Patience;
use crate::registry::Registry;

/// Most connections at once; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 64;
/// How long a client may take for the header of a request, and how long a connection may lie idle between requests.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest header of a request, in bytes.
const HEADER_MAX_BYTES: usize = 16 * 1024;

/// A listener for probes and metrics, plain HTTP/1.1. It answers until it is dropped, also while the registry drains.
#[derive(Debug)]
pub struct RunningOperations {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl RunningOperations {
    /// Answers for `registry` on `address`; port 0 takes a free port. Returns once connections are accepted.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(address: SocketAddr, registry: Registry) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, task: tokio::spawn(accept(listener, registry)) })
    }

    /// Returns the address that is listened on.
    pub const fn addr(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for RunningOperations {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, registry: Registry) {
    // Dropped with this future, and the connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, registry.clone()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, registry: Registry) {
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let registry = registry.clone();
        async move { Ok::<_, Infallible>(registry.operate(request.map(Body::new)).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_MAX_BYTES)
        .serve_connection(Patience::new(TokioIo::new(stream), HEADER_TIMEOUT), service);
    // A connection that breaks is the client's affair.
    let _ = connection.await;
}
