use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::Poll;

use axum::body::HttpBody as _;
use bytes::Bytes;
use hyper::rt::Write as _;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};

use super::{Outlet, STAND_IN, Transport};

/// A connection, its outlet, and its other end.
async fn connect() -> (Transport, Outlet, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (transport, outlet) = Transport::new(listener.accept().await.unwrap().0);
    (transport, outlet, far)
}

/// Puts a file into the queue and returns what stands for it.
async fn queue(outlet: &Outlet, content: &[u8]) -> Bytes {
    let file = tempfile::tempfile().unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, content, 0).unwrap();
    let mut body = outlet.body(file, 0, content.len() as u64);
    let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await.unwrap().unwrap();
    frame.into_data().unwrap()
}

async fn write(transport: &mut Transport, pieces: &[&[u8]]) -> std::io::Result<usize> {
    let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    poll_fn(|context| Pin::new(&mut *transport).poll_write_vectored(context, &slices)).await
}

async fn flush(transport: &mut Transport) -> std::io::Result<()> {
    poll_fn(|context| Pin::new(&mut *transport).poll_flush(context)).await
}

/// Ends a connection and returns what arrived.
async fn arrived(transport: Transport, mut far: TcpStream) -> Vec<u8> {
    drop(transport);
    let mut arrived = Vec::new();
    far.read_to_end(&mut arrived).await.unwrap();
    arrived
}

#[tokio::test]
async fn a_stand_in_becomes_the_bytes_of_its_file() {
    let (mut transport, outlet, far) = connect().await;
    let (one, other) = (queue(&outlet, b"one").await, queue(&outlet, b"other").await);
    assert_eq!(&one[..], [0; 3]);
    assert_eq!(write(&mut transport, &[b"head ", b"", &one, &other, b" tail"]).await.unwrap(), 5, "what is before it");
    assert_eq!(write(&mut transport, &[&one, &other, b" tail"]).await.unwrap(), 3);
    assert_eq!(write(&mut transport, &[&other, b" tail"]).await.unwrap(), 5);
    assert_eq!(write(&mut transport, &[b" tail"]).await.unwrap(), 5);
    flush(&mut transport).await.unwrap();
    assert_eq!(arrived(transport, far).await, b"head oneother tail");
}

#[tokio::test]
async fn a_stand_in_that_is_not_whole_or_not_where_it_belongs_is_never_sent() {
    for case in 0..5 {
        let (mut transport, outlet, far) = connect().await;
        let refused = match case {
            // It came to a connection that knows nothing of it.
            0 => write(&mut transport, &[b"head", &queue(&Outlet::default(), b"content").await]).await.map(|_| ()),
            // It was copied.
            1 => {
                let copied = queue(&outlet, b"content").await.to_vec();
                write(&mut transport, &[&copied]).await.map(|_| ())
            }
            // Its end was cut off.
            2 => write(&mut transport, &[&queue(&outlet, b"content").await[..6]]).await.map(|_| ()),
            // It was thrown away.
            3 => {
                queue(&outlet, b"content").await;
                flush(&mut transport).await
            }
            // It comes twice.
            _ => {
                let stand_in = queue(&outlet, b"content").await;
                write(&mut transport, &[&stand_in, &stand_in]).await.map(|_| ())
            }
        };
        refused.unwrap_err();
        assert_eq!(arrived(transport, far).await, b"", "case {case}");
    }
}

#[tokio::test]
async fn a_file_that_is_too_short_ends_the_connection() {
    let (mut transport, outlet, far) = connect().await;
    let file = tempfile::tempfile().unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"short", 0).unwrap();
    let mut body = outlet.body(file, 0, 10);
    let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await.unwrap().unwrap();
    let stand_in = frame.into_data().unwrap();
    assert_eq!(write(&mut transport, &[&stand_in]).await.unwrap(), 5);
    write(&mut transport, &[&stand_in[5..]]).await.unwrap_err();
    assert_eq!(arrived(transport, far).await, b"short");
}

#[tokio::test]
async fn it_waits_for_a_client_that_does_not_read() {
    let (mut transport, outlet, mut far) = connect().await;
    let content: Vec<u8> = (0..STAND_IN.len() * 8).map(|position| u8::try_from(position % 251).unwrap()).collect();
    let mut pieces = Vec::new();
    for piece in content.chunks(STAND_IN.len()) {
        pieces.push(queue(&outlet, piece).await);
    }
    let mut sent = 0;
    // Until there is no more room.
    loop {
        let left = left(&pieces, sent);
        let slices: Vec<IoSlice<'_>> = left.iter().map(|piece| IoSlice::new(piece)).collect();
        let written = poll_fn(|context| Poll::Ready(Pin::new(&mut transport).poll_write_vectored(context, &slices)));
        match written.await {
            Poll::Ready(written) => sent += written.unwrap(),
            Poll::Pending => break,
        }
    }
    assert!(sent < content.len());
    let reading = tokio::spawn(async move {
        let mut arrived = Vec::new();
        far.read_to_end(&mut arrived).await.unwrap();
        arrived
    });
    while sent < content.len() {
        let left = left(&pieces, sent);
        let left: Vec<&[u8]> = left.iter().map(|piece| &piece[..]).collect();
        sent += write(&mut transport, &left).await.unwrap();
    }
    flush(&mut transport).await.unwrap();
    drop(transport);
    assert!(reading.await.unwrap() == content);
}

/// Returns what is left of pieces behind the first bytes.
fn left(pieces: &[Bytes], mut sent: usize) -> Vec<Bytes> {
    let mut left = Vec::new();
    for piece in pieces {
        let skipped = sent.min(piece.len());
        sent -= skipped;
        if skipped < piece.len() {
            left.push(piece.slice(skipped..));
        }
    }
    left
}
