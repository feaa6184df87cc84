//! The body of an answer in small pieces.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::ledger::Stream;

/// Bytes of a piece: those of a frame. hyper asks for the next piece when the client has granted room for a byte of this one, so this is
/// what lies in memory of a stream that its client does not take, and what is left of it when the stream ends.
const PIECE_BYTES: usize = 16 * 1024;

/// A body that brings a piece at a time, and notes when the client has to take one.
pub(super) struct Pieces {
    body: Body,
    /// What the body has brought and nobody has taken.
    rest: Bytes,
    stream: Stream,
}

impl Pieces {
    pub(super) fn new(body: Body, mut stream: Stream) -> Self {
        if body.is_end_stream() {
            stream.is_answered();
        }
        Self { body, rest: Bytes::new(), stream }
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Self { body, rest, stream } = &mut *self;
        stream.works();
        if rest.is_empty() {
            match ready!(Pin::new(&mut *body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => *rest = bytes,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    stream.is_answered();
                    return Poll::Ready(None);
                }
            }
        }
        // hyper lets go of a stream with its last piece, taken or not, and its room with it: so that one is a byte, for which it waits until
        // there is room for all before.
        let is_last = (2..=PIECE_BYTES).contains(&rest.len()) && body.is_end_stream();
        let piece = rest.split_to(if is_last { rest.len() - 1 } else { rest.len().min(PIECE_BYTES) });
        if rest.is_empty() && body.is_end_stream() {
            stream.is_answered();
        }
        stream.waits();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(hint.lower().saturating_add(rest));
        hint
    }
}
