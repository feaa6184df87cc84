//! The bytes of a blob as the body of a response.

mod sendfile;

use axum::body::Body;
use futures_util::{StreamExt as _, future};
use store::{BlobBody, Content};

pub(crate) use sendfile::{Outlet, Transport};

/// Returns the first `length` bytes of a blob's rest as a body. A file goes to the connection of an outlet inside the kernel. Otherwise
/// files and sockets are read in chunks of
/// [`store::body::CHUNK_BYTES`] as the client takes them. A store that brings less than it said ends the body early, which
/// the HTTP server answers by breaking the connection: the client must not take that for the whole.
pub(crate) fn body(rest: BlobBody, length: u64, outlet: Option<&Outlet>) -> Body {
    match (rest.content, outlet) {
        (Content::File(range), Some(outlet)) => outlet.body(range.file, range.offset, length),
        (Content::Memory(mut bytes), _) => {
            bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
            Body::from(bytes)
        }
        (content, _) => {
            // A file and a socket know how far they go; a stream is cut here.
            let stream = BlobBody { length: length.min(rest.length), content }.into_stream();
            let cut = stream.scan(length, |left, chunk| {
                let chunk = chunk.map(|mut bytes| {
                    bytes.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= bytes.len() as u64;
                    bytes
                });
                let more = !matches!(&chunk, Ok(bytes) if bytes.is_empty());
                future::ready(more.then_some(chunk))
            });
            Body::from_stream(cut)
        }
    }
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
        assert_eq!(sent(streamed(4, &["01"]), 4).await, "01", "and one that brings less");
    }
}
