//! Sending a blob with `PATCH`: in chunks, the rest of an interrupted upload, or streamed.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::header::{CONTENT_RANGE, HeaderName};
use http::{HeaderValue, Method, StatusCode};
use store::StoreError;
use store::body::ByteStream;
use tokio::sync::Mutex;

use super::{Session, Trouble, Upload, content, held, session};
use crate::exchange::{Answer, Body};
use crate::options::UploadMode;
use crate::profile::{Ability, Found, Quirk};

/// Sends the blob from where the session is, in chunks of `chunk` bytes, and finishes it.
pub(super) async fn send(upload: &Upload<'_>, mut session: Session, chunk: u64) -> Result<(), Trouble> {
    let size = upload.descriptor.size;
    if size - session.offset <= chunk {
        // One chunk: its bytes need not be cut, so they may move in the kernel.
        let body = content::whole(upload, session.offset).await?;
        let session = patch(upload, session, body, true).await?;
        return session::finish(upload, session, Body::Empty).await;
    }
    let cutter =
        Arc::new(Mutex::new(Cutter { chunks: content::chunks(upload, session.offset).await?, rest: Bytes::new() }));
    while session.offset < size {
        let length = chunk.min(size - session.offset);
        let expected = session.offset + length;
        let body = Body::Stream { stream: piece(&cutter, length), length };
        session = patch(upload, session, body, true).await?;
        if session.offset != expected {
            // The registry kept less of the chunk. What is missing cannot be had from the stream again.
            let error = upload.context.protocol("it kept another part of a chunk than it was sent");
            return Err(Trouble::Passing { error, wish: None, session: Some(Box::new(session)) });
        }
    }
    // The end of the stream says that the content is right: nothing gets a name before that.
    let mut cutter = cutter.lock().await;
    let excess = cutter.next(u64::MAX).await.map_err(|error| upload.failed(error.into(), Some(session.clone())))?;
    if excess.is_some() {
        return Err(Trouble::Final(upload.context.protocol("the source gave more than it had announced")));
    }
    drop(cutter);
    session::finish(upload, session, Body::Empty).await
}

/// Sends the whole blob in one `PATCH` without saying which part it is, and finishes it.
pub(super) async fn send_streamed(upload: &Upload<'_>, session: Session) -> Result<(), Trouble> {
    let ranged = session.offset > 0;
    let body = content::whole(upload, session.offset).await?;
    let session = patch(upload, session, body, ranged).await?;
    session::finish(upload, session, Body::Empty).await
}

/// Sends one chunk. Returns the session as it is then.
async fn patch(upload: &Upload<'_>, session: Session, body: Body, ranged: bool) -> Result<Session, Trouble> {
    let length = body.length();
    if length == 0 {
        return Ok(session);
    }
    let end = session.offset + length;
    let mut request = session::request(upload, Method::PATCH, session.location.clone(), body);
    if let Some((name, value)) = content_range(session.offset, end - 1).filter(|_| ranged) {
        request = request.with(name, value);
    }
    let answer = session::send(upload, request, Some(&session)).await?;
    let is_refused = matches!(answer.status.as_u16(), 405 | 415 | 501);
    if is_refused && upload.repository.registry().options.upload == UploadMode::Auto {
        // It does not know this way, so the blob goes from the beginning in one.
        let evidence = format!("PATCH the upload answered {}", answer.status.as_u16());
        upload.repository.registry().note(Ability::Chunks, Found::Quirk(Quirk::ChunksRefused), evidence);
        let error = upload.context.refused(answer).await;
        return Err(Trouble::Passing { error, wish: None, session: None });
    }
    if !matches!(answer.status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT | StatusCode::CREATED) {
        return Err(upload.refused(answer, Some(session)).await);
    }
    let next = after(upload, &answer, &session, end);
    answer.discard().await;
    next
}

fn after(upload: &Upload<'_>, answer: &Answer, before: &Session, end: u64) -> Result<Session, Trouble> {
    // `0-0` is said of an empty session and of one with a single byte.
    let offset = held(answer).filter(|&held| held != 0 || end != 1).unwrap_or(end);
    if offset > end {
        return Err(Trouble::Final(upload.context.protocol("it holds more of the blob than it was sent")));
    }
    let mut next = session::session_of(upload, answer, offset)?;
    next.chunk_min = next.chunk_min.max(before.chunk_min);
    Ok(next)
}

fn content_range(first: u64, last: u64) -> Option<(HeaderName, HeaderValue)> {
    Some((CONTENT_RANGE, HeaderValue::try_from(format!("{first}-{last}")).ok()?))
}

/// Cuts a stream into pieces of given lengths.
struct Cutter {
    chunks: ByteStream,
    rest: Bytes,
}

impl Cutter {
    /// Returns the next bytes, at most `at_most` of them.
    async fn next(&mut self, at_most: u64) -> Result<Option<Bytes>, StoreError> {
        while self.rest.is_empty() {
            match self.chunks.try_next().await? {
                Some(chunk) => self.rest = chunk,
                None => return Ok(None),
            }
        }
        let count = usize::try_from(at_most).unwrap_or(usize::MAX).min(self.rest.len());
        Ok(Some(self.rest.split_to(count)))
    }
}

/// Returns the next `length` bytes as a stream.
fn piece(cutter: &Arc<Mutex<Cutter>>, length: u64) -> ByteStream {
    let state = (Arc::clone(cutter), length);
    stream::try_unfold(state, async |(cutter, left)| {
        if left == 0 {
            return Ok(None);
        }
        let chunk = cutter.lock().await.next(left).await?;
        Ok(chunk.map(|chunk| {
            let left = left - chunk.len() as u64;
            (chunk, (cutter, left))
        }))
    })
    .boxed()
}
