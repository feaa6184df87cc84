//! From the body of a request into an upload.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::task::JoinHandle;

use super::{Upload, UploadError};
use crate::error::{ApiError, Code};
use crate::incoming::Incoming;

/// Bytes that are written and hashed together, of a large body. Each piece is given to another thread and back, so that few are cheap; two
/// are in memory.
const PIECE_BYTES: usize = 512 * 1024;

/// Writes a body into an upload from `position` on; with `length`, exactly so many bytes. Returns where the upload ends then.
///
/// One piece is hashed and written while the next is read, so two of them are in memory. What has arrived stays when the body
/// breaks off, and a client that asks is told how far it came.
pub(crate) async fn receive(
    upload: &Arc<Upload>,
    body: &mut Incoming,
    position: u64,
    length: Option<u64>,
) -> Result<u64, UploadError> {
    if let (Some(length), Some(announced)) = (length, body.announced())
        && length != announced
    {
        return Err(wrong_length().into());
    }
    if body.announced().is_some_and(|announced| announced > upload.blob_max_bytes.saturating_sub(position)) {
        return Err(ApiError::too_large(upload.blob_max_bytes).into());
    }
    // The end of the upload decides; but what cannot be kept is not read.
    let room = upload.room().await?;
    let is_too_much = |end: u64| room.as_ref().filter(|room| end > room.bytes).map(|room| ApiError::quota(&room.limit));
    if let Some(error) = body.announced().and_then(|announced| is_too_much(position.saturating_add(announced))) {
        return Err(error.into());
    }
    let end = length.map(|length| position + length);
    let mut writer = Writer { upload, position, writing: None };
    let room =
        body.announced().map_or(PIECE_BYTES, |bytes| usize::try_from(bytes).unwrap_or(PIECE_BYTES).min(PIECE_BYTES));
    let mut piece = BytesMut::with_capacity(room);
    let outcome = loop {
        match body.chunk().await {
            Ok(Some(chunk)) => {
                let after = writer.position + (piece.len() + chunk.len()) as u64;
                if end.is_some_and(|end| after > end) {
                    break Err(wrong_length());
                }
                if let Some(error) = is_too_much(after) {
                    break Err(error);
                }
                piece.extend_from_slice(&chunk);
                if piece.len() >= PIECE_BYTES {
                    writer.write(std::mem::replace(&mut piece, BytesMut::with_capacity(room))).await?;
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    if !piece.is_empty() {
        writer.write(piece).await?;
    }
    let reached = writer.flush().await?;
    outcome?;
    if end.is_some_and(|end| reached != end) {
        return Err(wrong_length().into());
    }
    Ok(reached)
}

fn wrong_length() -> ApiError {
    ApiError::bad_request(Code::SizeInvalid, "the body does not have the length that the headers say")
}

struct Writer<'u> {
    upload: &'u Arc<Upload>,
    /// Where the upload ends when everything given to the writer is written.
    position: u64,
    writing: Option<JoinHandle<Result<(), UploadError>>>,
}

impl Writer<'_> {
    /// Begins to write a piece, as soon as the one before is written.
    async fn write(&mut self, piece: BytesMut) -> Result<(), UploadError> {
        let position = self.flush().await?;
        self.position += piece.len() as u64;
        self.writing = Some(Arc::clone(self.upload).append(position, piece.freeze()));
        Ok(())
    }

    /// Waits until everything is written and returns where the upload ends.
    async fn flush(&mut self) -> Result<u64, UploadError> {
        if let Some(writing) = self.writing.take() {
            writing.await.map_err(|error| UploadError::Other(ApiError::internal(error)))??;
        }
        Ok(self.position)
    }
}
