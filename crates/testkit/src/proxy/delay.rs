//! A slow network: every byte arrives later by the same time, and as many arrive as were sent, or as a connection may carry.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Most bytes under way in one direction of one connection. At 40 ms this allows 3 GB/s, more than loopback carries, so
/// it bounds memory and not bandwidth.
const UNDER_WAY_BYTES: usize = 128 * 1024 * 1024;

/// Passes connections on to another address. A connection is made after one delay, and every byte in either direction
/// arrives after one delay. It ends when this is dropped.
#[derive(Debug)]
pub struct DelayProxy {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Drop for DelayProxy {
    fn drop(&mut self) {
        // The task owns all connections, which end with it.
        self.accepting.abort();
    }
}

impl DelayProxy {
    /// Starts on a free loopback port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(upstream: SocketAddr, delay: Duration) -> io::Result<Self> {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::listen(free, upstream, delay).await
    }

    /// Starts on this address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn listen(listen: SocketAddr, upstream: SocketAddr, delay: Duration) -> io::Result<Self> {
        Self::listen_capped(listen, upstream, delay, None).await
    }

    /// As [`DelayProxy::listen`], with connections that carry so many bytes a second in either direction and no more.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn listen_capped(
        listen: SocketAddr,
        upstream: SocketAddr,
        delay: Duration,
        bytes_per_second: Option<NonZeroU32>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let network = Network { delay, bytes_per_second };
        Ok(Self { address, accepting: tokio::spawn(accept(listener, upstream, network)) })
    }

    /// Returns the address it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// What each direction of a connection is like.
#[derive(Clone, Copy)]
struct Network {
    delay: Duration,
    bytes_per_second: Option<NonZeroU32>,
}

async fn accept(listener: TcpListener, upstream: SocketAddr, network: Network) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((socket, _)) = accepted {
                connections.spawn(connect(socket, upstream, network));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connect(near: TcpStream, upstream: SocketAddr, network: Network) {
    tokio::time::sleep(network.delay).await;
    // What cannot be reached is seen as a connection that ends at once.
    let Ok(far) = TcpStream::connect(upstream).await else { return };
    if near.set_nodelay(true).is_err() || far.set_nodelay(true).is_err() {
        return;
    }
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    // Both directions run to their ends: one may be closed long before the other.
    tokio::join!(pass(near_read, far_write, network), pass(far_read, near_write, network));
}

/// Bytes under way: when they arrive, and the room they take.
struct Parcel {
    due: Instant,
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

async fn pass(from: OwnedReadHalf, to: OwnedWriteHalf, network: Network) {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::join!(collect(from, sender, network.delay), deliver(to, receiver, network.bytes_per_second));
}

async fn collect(mut from: OwnedReadHalf, sender: mpsc::UnboundedSender<Parcel>, delay: Duration) {
    let room = Arc::new(Semaphore::new(UNDER_WAY_BYTES));
    let mut buffer = BytesMut::new();
    loop {
        // Small reads share one allocation.
        buffer.reserve(CHUNK_BYTES / 4);
        let count = tokio::select! {
            count = from.read_buf(&mut buffer) => count.unwrap_or(0),
            () = sender.closed() => return,
        };
        let due = Instant::now() + delay;
        let wanted = u32::try_from(count).unwrap_or(u32::MAX);
        let Ok(permit) = Arc::clone(&room).acquire_many_owned(wanted).await else { return };
        // No bytes are the end of the stream, which arrives as late as bytes do.
        let parcel = Parcel { due, bytes: buffer.split().freeze(), _room: permit };
        if sender.send(parcel).is_err() || count == 0 {
            return;
        }
    }
}

async fn deliver(
    mut to: OwnedWriteHalf,
    mut receiver: mpsc::UnboundedReceiver<Parcel>,
    bytes_per_second: Option<NonZeroU32>,
) {
    let mut free = Instant::now();
    while let Some(parcel) = receiver.recv().await {
        tokio::time::sleep_until(parcel.due).await;
        if let Some(rate) = bytes_per_second {
            // What was not used is not saved.
            free = free.max(Instant::now()) + Duration::from_secs(parcel.bytes.len() as u64) / rate.get();
            tokio::time::sleep_until(free).await;
        }
        if parcel.bytes.is_empty() || to.write_all(&parcel.bytes).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
