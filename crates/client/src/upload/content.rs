//! The content of an upload: as it is where the registry verifies it, hashed on the way where that is not known.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use store::body::{ByteStream, Verifier};
use store::{BlobBody, Content, Store as _, StoreError};

use super::{Trouble, Upload};
use crate::exchange::{Body, Failure};

/// Blobs up to this size are gathered in memory, so that one write sends them with their header.
const GATHER_MAX_BYTES: usize = 64 * 1024;

/// Returns the rest of the blob from `offset` as the body of a request.
pub(super) async fn whole(upload: &Upload<'_>, offset: u64) -> Result<Body, Trouble> {
    if offset == 0 && upload.descriptor.size <= GATHER_MAX_BYTES as u64 {
        let body = open(upload, 0).await?;
        let location = upload.repository.location();
        let bytes = body.into_bytes(upload.descriptor, location, GATHER_MAX_BYTES).await;
        return bytes.map(Body::Bytes).map_err(|error| upload.failed(Failure::Content(error), None));
    }
    if upload.trusted {
        return open(upload, offset).await.map(Body::from);
    }
    let body = open(upload, 0).await?;
    if let Content::Memory(bytes) = &body.content {
        let mut verifier = verifier(upload);
        verifier.update(bytes)?;
        verifier.finish()?;
        let skipped = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        return Ok(Body::Bytes(bytes.slice(skipped..)));
    }
    let stream = verified(body.into_stream(), verifier(upload), offset);
    Ok(Body::Stream { stream, length: upload.descriptor.size - offset })
}

/// Returns the rest of the blob from `offset` as a stream. Its end means that the content has been verified, here or by the
/// other side.
pub(super) async fn chunks(upload: &Upload<'_>, offset: u64) -> Result<ByteStream, Trouble> {
    if upload.trusted {
        return open(upload, offset).await.map(BlobBody::into_stream);
    }
    let body = open(upload, 0).await?;
    Ok(verified(body.into_stream(), verifier(upload), offset))
}

/// Reads the whole content again and says what is wrong with it.
pub(super) async fn check(upload: &Upload<'_>) -> Result<(), StoreError> {
    let body = upload.source.open(0).await?;
    let mut chunks = body.into_stream();
    let mut verifier = verifier(upload);
    while let Some(chunk) = chunks.try_next().await? {
        verifier.update(&chunk)?;
    }
    verifier.finish()
}

/// Asks the source for the content from `offset`, and sees that it offers as much of it as there should be.
async fn open(upload: &Upload<'_>, offset: u64) -> Result<BlobBody, Trouble> {
    let body = upload.source.open(offset).await.map_err(|error| upload.failed(Failure::Content(error), None))?;
    let descriptor = upload.descriptor;
    if offset.checked_add(body.length) == Some(descriptor.size) {
        return Ok(body);
    }
    Err(Trouble::Final(upload.wrong_size(offset.saturating_add(body.length))))
}

fn verifier(upload: &Upload<'_>) -> Verifier {
    Verifier::new(upload.descriptor, upload.repository.location())
}

/// A stream being verified. Its last chunk is held back until the whole is known to be right: otherwise the other side would
/// have everything it waits for, and could show it, before we find that it is wrong.
struct Verified {
    chunks: ByteStream,
    verifier: Option<Verifier>,
    held: Option<bytes::Bytes>,
    skip: u64,
}

fn verified(chunks: ByteStream, verifier: Verifier, skip: u64) -> ByteStream {
    let state = Verified { chunks, verifier: Some(verifier), held: None, skip };
    stream::try_unfold(state, async |mut state| Ok(state.next().await?.map(|chunk| (chunk, state)))).boxed()
}

impl Verified {
    async fn next(&mut self) -> Result<Option<bytes::Bytes>, StoreError> {
        loop {
            let Some(verifier) = &mut self.verifier else { return Ok(None) };
            let Some(mut chunk) = self.chunks.try_next().await? else {
                if let Some(verifier) = self.verifier.take() {
                    verifier.finish()?;
                }
                return Ok(self.held.take());
            };
            verifier.update(&chunk)?;
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(chunk.len());
            self.skip -= skipped as u64;
            let chunk = chunk.split_off(skipped);
            if chunk.is_empty() {
                continue;
            }
            if let Some(before) = self.held.replace(chunk) {
                return Ok(Some(before));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::{StreamExt as _, TryStreamExt as _, stream};
    use oci::{Descriptor, MediaType};
    use store::StoreError;
    use store::body::Verifier;

    use super::verified;

    async fn collect(content: &'static [u8], named: &[u8], skip: u64) -> (Vec<u8>, Result<(), StoreError>) {
        let descriptor = Descriptor::of(MediaType::OCTET_STREAM, named);
        let chunks = stream::iter(content.chunks(2).map(|chunk| Ok(Bytes::from_static(chunk)))).boxed();
        let mut verified = verified(chunks, Verifier::new(&descriptor, "here"), skip);
        let mut seen = Vec::new();
        loop {
            match verified.try_next().await {
                Ok(Some(chunk)) => seen.extend_from_slice(&chunk),
                Ok(None) => return (seen, Ok(())),
                Err(error) => return (seen, Err(error)),
            }
        }
    }

    #[tokio::test]
    async fn passes_on_what_is_right() {
        assert_eq!(collect(b"abcdefg", b"abcdefg", 0).await.0, b"abcdefg");
        assert_eq!(collect(b"abcdefg", b"abcdefg", 3).await.0, b"defg");
        assert!(collect(b"", b"", 0).await.1.is_ok());
    }

    #[tokio::test]
    async fn holds_the_end_back_when_it_is_wrong() {
        let (seen, outcome) = collect(b"abcdefg", b"abcdefX", 0).await;
        assert_eq!(seen, b"abcdef");
        assert!(matches!(outcome, Err(StoreError::Digest { .. })));
        let (seen, outcome) = collect(b"abcd", b"abcdef", 0).await;
        assert_eq!(seen, b"ab");
        assert!(matches!(outcome, Err(StoreError::Size { found: 4, .. })));
        let (seen, outcome) = collect(b"abcdef", b"abcd", 0).await;
        assert_eq!(seen, b"ab");
        assert!(matches!(outcome, Err(StoreError::Size { found: 6, .. })));
    }
}
