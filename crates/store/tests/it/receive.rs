//! Bytes from connections that break, stay silent, or are wanted again.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use oci::{Descriptor, Digest, MediaType};
use store::{BlobBody, BlobSource, Content, LayoutStore, Meter, Put, SocketBody, Store, StoreError};
use testkit::seed::Seed;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::fixture::files;

/// A source that gives so many bytes each time it is opened, and then breaks.
struct Breaking {
    bytes: Bytes,
    at_a_time: usize,
    by_socket: bool,
    offsets: Mutex<Vec<u64>>,
}

impl Breaking {
    fn new(bytes: &Bytes, at_a_time: usize, by_socket: bool) -> Self {
        Self { bytes: bytes.clone(), at_a_time, by_socket, offsets: Mutex::default() }
    }

    fn offsets(&self) -> Vec<u64> {
        self.offsets.lock().unwrap().clone()
    }
}

fn broken() -> StoreError {
    StoreError::Unreachable { location: "a test".to_owned(), reason: "it breaks".to_owned(), source: None }
}

#[async_trait]
impl BlobSource for Breaking {
    async fn open(&self, offset: u64) -> Result<BlobBody, StoreError> {
        self.offsets.lock().unwrap().push(offset);
        let rest = self.bytes.slice(usize::try_from(offset).unwrap()..);
        let length = rest.len() as u64;
        let part = rest.slice(..rest.len().min(self.at_a_time));
        let whole = part.len() == rest.len();
        if self.by_socket {
            let (socket, mut peer) = pair().await;
            tokio::spawn(async move {
                // Whoever reads may close the connection first.
                let _ = peer.write_all(&part).await;
            });
            let content = SocketBody {
                buffered: Bytes::new(),
                socket,
                timeout: std::time::Duration::from_mins(1),
                resuming: None,
                recycle: None,
                location: "a test".to_owned(),
                digest: Digest::sha256(b""),
            };
            return Ok(BlobBody { length, content: Content::Socket(content) });
        }
        let chunks: Vec<_> = part.chunks(10_000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        let end = stream::iter((!whole).then(|| Err(broken())));
        Ok(BlobBody::from_stream(length, stream::iter(chunks).chain(end).boxed()))
    }
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (socket, listener.accept().await.unwrap().0)
}

fn layout() -> (tempfile::TempDir, LayoutStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = LayoutStore::open_or_create(directory.path()).unwrap();
    (directory, store)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blob_goes_on_where_the_connection_broke() {
    let bytes = Seed::new(1).bytes(1_000_000);
    let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes);
    for by_socket in [false, true] {
        let (_directory, store) = layout();
        let source = Breaking::new(&bytes, 400_000, by_socket);
        let meter = Meter::default();
        assert_eq!(store.put_blob(&descriptor, &source, &meter).await.unwrap(), Put::Stored);
        assert_eq!(source.offsets(), [0, 400_000, 800_000], "no byte is asked for twice");
        assert_eq!(meter.bytes(), 1_000_000);
        let body = store.open_blob(&descriptor, 0).await.unwrap().unwrap();
        assert!(body.into_bytes(&descriptor, "the layout", usize::MAX).await.unwrap() == bytes);
    }
}

#[tokio::test]
async fn a_small_blob_goes_on_too() {
    let bytes = Seed::new(2).bytes(1000);
    let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes);
    let (_directory, store) = layout();
    let source = Breaking::new(&bytes, 600, false);
    store.put_blob(&descriptor, &source, &Meter::default()).await.unwrap();
    assert_eq!(source.offsets(), [0, 600]);
}

#[tokio::test]
async fn a_connection_that_always_breaks_is_given_up() {
    let bytes = Seed::new(3).bytes(100_000);
    let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes);
    for at_a_time in [0, 1] {
        let (directory, store) = layout();
        let source = Breaking::new(&bytes, at_a_time, false);
        let meter = Meter::default();
        let error = store.put_blob(&descriptor, &source, &meter).await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
        assert!(source.offsets().len() < 12, "{:?}", source.offsets());
        assert_eq!(meter.bytes(), 0, "what was moved in vain is not counted");
        store.finish().await.unwrap();
        assert_eq!(files(directory.path()), ["index.json", "oci-layout"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_is_given_back_after_the_last_byte() {
    // Once within the buffer that is read in one piece, and once beyond it.
    for size in [20_000, 900_000] {
        let (_directory, store) = layout();
        let bytes = Seed::new(4).bytes(size);
        let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes);
        let source = Recycled { bytes: bytes.clone(), given_back: Arc::default(), peer: Mutex::default() };
        store.put_blob(&descriptor, &source, &Meter::default()).await.unwrap();
        let mut socket = source.given_back.lock().unwrap().take().expect("the socket was given back");
        let peer = source.peer.lock().unwrap().take().unwrap();
        let mut peer = peer.await.unwrap();
        // It is a socket as it was before: nothing was taken from it, and it does not block.
        peer.write_all(b"next").await.unwrap();
        let mut next = [0; 4];
        socket.read_exact(&mut next).await.unwrap();
        assert_eq!(&next, b"next");
    }
}

struct Recycled {
    bytes: Bytes,
    given_back: Arc<Mutex<Option<TcpStream>>>,
    peer: Mutex<Option<oneshot::Receiver<TcpStream>>>,
}

#[async_trait]
impl BlobSource for Recycled {
    async fn open(&self, _offset: u64) -> Result<BlobBody, StoreError> {
        let (socket, mut peer) = pair().await;
        let (sender, receiver) = oneshot::channel();
        *self.peer.lock().unwrap() = Some(receiver);
        let mut rest = self.bytes.clone();
        let buffered = rest.split_to(100);
        tokio::spawn(async move {
            peer.write_all(&rest).await.unwrap();
            let _ = sender.send(peer);
        });
        let given_back = Arc::clone(&self.given_back);
        let recycle = Box::new(move |socket| *given_back.lock().unwrap() = Some(socket));
        let content = Content::Socket(SocketBody {
            buffered,
            socket,
            timeout: std::time::Duration::from_mins(1),
            resuming: None,
            recycle: Some(recycle),
            location: "a test".to_owned(),
            digest: Digest::sha256(b""),
        });
        Ok(BlobBody { length: self.bytes.len() as u64, content })
    }
}

/// A source whose socket never says anything after the first bytes.
struct Silent {
    opened: AtomicUsize,
    peer: Mutex<Option<oneshot::Sender<TcpStream>>>,
}

#[async_trait]
impl BlobSource for Silent {
    async fn open(&self, _offset: u64) -> Result<BlobBody, StoreError> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        let (socket, peer) = pair().await;
        if let Some(sender) = self.peer.lock().unwrap().take() {
            let _ = sender.send(peer);
        }
        let buffered = Bytes::from_static(b"first");
        let content = SocketBody {
            buffered,
            socket,
            timeout: std::time::Duration::from_mins(1),
            resuming: None,
            recycle: None,
            location: "a test".to_owned(),
            digest: Digest::sha256(b""),
        };
        Ok(BlobBody { length: 1_000_000, content: Content::Socket(content) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_a_put_closes_the_silent_connection_and_leaves_nothing() {
    let (directory, store) = layout();
    let descriptor = Descriptor::new(MediaType::OCI_LAYER, Digest::sha256(b"never comes"), 1_000_000);
    let (sender, receiver) = oneshot::channel();
    let source = Silent { opened: AtomicUsize::new(0), peer: Mutex::new(Some(sender)) };
    let meter = Meter::default();
    let mut peer = tokio::select! {
        put = store.put_blob(&descriptor, &source, &meter) => panic!("the source is silent, but: {put:?}"),
        peer = receiver => peer.unwrap(),
    };
    // The other side sees the end of the connection, which the thread that waited for it has let go.
    assert_eq!(peer.read(&mut [0; 1]).await.unwrap_or(0), 0);
    assert_eq!(source.opened.load(Ordering::SeqCst), 1);
    // Whoever writes next removes nothing of others and finds nothing of this one in the way.
    let bytes = Bytes::from_static(b"another");
    crate::fixture::put(&store, &Descriptor::of(MediaType::OCI_LAYER, &bytes), &bytes).await.unwrap();
    assert_eq!(store.stat_blob(&descriptor.digest).await.unwrap(), None);
    drop(directory);
}
