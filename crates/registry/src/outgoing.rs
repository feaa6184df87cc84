//! The bytes of a blob as the body of a response.

mod sendfile;

use std::io;

use axum::BoxError;
use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _, stream};
use store::{BlobBody, Content};

pub(crate) use sendfile::{Outlet, Transport};

/// Returns the first `length` bytes of a blob's rest as a body. A file goes to the connection of an outlet inside the kernel. Otherwise
/// files and sockets are read in chunks of
/// [`store::body::CHUNK_BYTES`] as the client takes them. A store that brings less than it said makes the body fail, so that the HTTP
/// server breaks off the answer: the client must not take that for the whole, and over HTTP/2 an end is an end.
pub(crate) fn body(rest: BlobBody, length: u64, outlet: Option<&Outlet>) -> Body {
    match (rest.content, outlet) {
        (Content::File(range), Some(outlet)) => outlet.body(range.file, range.offset, length),
        (Content::Memory(mut bytes), _) if bytes.len() as u64 >= length => {
            bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
            Body::from(bytes)
        }
        (content, _) => {
            // A file and a socket know how far they go; a stream is cut here.
            let stream = BlobBody { length: length.min(rest.length), content }.into_stream();
            Body::from_stream(stream::try_unfold((stream, length), next))
        }
    }
}

/// Returns the next bytes of a stream of which so many are still to come, and what comes behind them.
async fn next<S: Stream<Item = Result<Bytes, E>> + Unpin, E: Into<BoxError>>(
    (mut stream, left): (S, u64),
) -> Result<Option<(Bytes, (S, u64))>, BoxError> {
    if left == 0 {
        return Ok(None);
    }
    let mut bytes =
        stream.try_next().await.map_err(Into::into)?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
    let left = left - bytes.len() as u64;
    Ok(Some((bytes, (stream, left))))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::{StreamExt as _, stream};
    use http_body_util::BodyExt as _;
    use store::{BlobBody, StoreError};

    fn streamed(stated: u64, pieces: &'static [&'static str]) -> BlobBody {
        let pieces = pieces.iter().map(|piece| Ok::<_, StoreError>(Bytes::from_static(piece.as_bytes())));
        BlobBody::from_stream(stated, stream::iter(pieces).boxed())
    }

    async fn sent(rest: BlobBody, length: u64) -> Bytes {
        super::body(rest, length, None).collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn sends_what_was_asked_for_and_no_more() {
        let file = tempfile::tempfile().unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"0123456789", 0).unwrap();
        assert_eq!(sent(BlobBody::from_file(file, 2, 8), 3).await, "234");
        assert_eq!(sent(BlobBody::from_bytes(Bytes::from_static(b"0123456789")), 3).await, "012");
        assert_eq!(sent(streamed(10, &["01", "23", "456789"]), 3).await, "012");
        assert_eq!(sent(streamed(4, &["01", "23456789"]), 4).await, "0123", "a stream that brings more than it said");
    }

    #[tokio::test]
    async fn what_is_shorter_than_it_said_is_an_error_and_no_end() {
        let file = tempfile::tempfile().unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"01", 0).unwrap();
        let short = Bytes::from_static(b"01");
        let memory = BlobBody { length: 4, ..BlobBody::from_bytes(short) };
        for rest in [streamed(4, &["01"]), streamed(4, &[]), BlobBody::from_file(file, 0, 4), memory] {
            assert!(super::body(rest, 4, None).collect().await.is_err());
        }
    }
}
