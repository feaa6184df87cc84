//! From the body of a request into an upload.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};

use super::insistent::Insistent;
use super::progress::AT_ONCE_BYTES;
use super::{Upload, UploadError};
use crate::error::{ApiError, Code};
use crate::incoming::Incoming;

/// Bytes of a large body that are given to another thread together, where they cannot be written at once. Few pieces are cheap; two are in
/// memory.
const PIECE_BYTES: usize = 512 * 1024;

/// Chunks from which on copies are avoided.
const LARGE_CHUNK_BYTES: usize = AT_ONCE_BYTES / 4;

/// Writes a body into an upload from `position` on; with `length`, exactly so many bytes. Returns where the upload ends then.
///
/// Bytes are written and hashed as they come, where that keeps nobody waiting. Otherwise one piece is written while the next is read, so two
/// of them are in memory. What has arrived stays when the body breaks off, and a client that asks is told how far it came.
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
    let mut writer = Writer::new(upload, position, body.announced());
    let outcome = loop {
        let chunk = tokio::select! {
            biased;
            // Bytes are hashed here between those that come.
            written = writer.wait(), if writer.writing.is_some() => {
                written?;
                continue;
            }
            chunk = body.chunk() => chunk,
        };
        match chunk {
            Ok(Some(chunk)) => {
                let after = writer.end() + chunk.len() as u64;
                if end.is_some_and(|end| after > end) {
                    break Err(wrong_length());
                }
                if let Some(error) = is_too_much(after) {
                    break Err(error);
                }
                writer.write(chunk).await?;
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    let reached = writer.finish().await?;
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
    /// Where the upload ends when everything is written that was given away.
    position: u64,
    /// What comes behind that.
    piece: BytesMut,
    /// The size from which on a piece is given away.
    enough: usize,
    /// The piece before it.
    writing: Option<Insistent<Result<(), UploadError>>>,
}

impl<'u> Writer<'u> {
    fn new(upload: &'u Arc<Upload>, position: u64, announced: Option<u64>) -> Self {
        let announced = announced.and_then(|bytes| usize::try_from(bytes).ok());
        let (room, enough) = match announced {
            Some(bytes) if bytes <= PIECE_BYTES => (bytes, PIECE_BYTES),
            // With its first bytes a file is made, into which more can be written at once.
            _ => (2 * AT_ONCE_BYTES, AT_ONCE_BYTES),
        };
        Self { upload, position, piece: BytesMut::with_capacity(room), enough, writing: None }
    }

    /// Returns where the upload ends when everything is written.
    fn end(&self) -> u64 {
        self.position + self.piece.len() as u64
    }

    /// Writes bytes, or keeps them for a piece.
    async fn write(&mut self, mut chunk: Bytes) -> Result<(), UploadError> {
        if self.piece.is_empty() && chunk.len() >= LARGE_CHUNK_BYTES {
            self.write_at_once(&mut chunk).await?;
        }
        if self.piece.capacity() == 0 && !chunk.is_empty() {
            self.piece.reserve(self.enough);
        }
        self.piece.extend_from_slice(&chunk);
        if self.piece.len() >= AT_ONCE_BYTES {
            let mut piece = std::mem::take(&mut self.piece);
            self.write_at_once(&mut piece).await?;
            self.piece = piece;
        }
        if self.piece.len() >= self.enough {
            self.enough = PIECE_BYTES;
            self.give_away().await?;
        }
        Ok(())
    }

    /// Writes as much of `bytes` as can be written at once, and leaves the others.
    async fn write_at_once(&mut self, bytes: &mut impl Buf) -> Result<(), UploadError> {
        if self.writing.is_some() {
            return Ok(());
        }
        while bytes.has_remaining() {
            let part = bytes.chunk();
            let part = &part[..part.len().min(AT_ONCE_BYTES)];
            if !self.upload.append_at_once(self.position, part)? {
                break;
            }
            let written = part.len();
            self.position += written as u64;
            bytes.advance(written);
            if bytes.has_remaining() {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Begins to write the piece on another thread, as soon as the one before is written.
    async fn give_away(&mut self) -> Result<(), UploadError> {
        self.wait().await?;
        let piece = std::mem::take(&mut self.piece).freeze();
        let position = self.position;
        self.position += piece.len() as u64;
        self.writing = Some(Arc::clone(self.upload).append(position, piece));
        Ok(())
    }

    /// Waits until everything that was given away is written.
    async fn wait(&mut self) -> Result<(), UploadError> {
        let Some(writing) = &mut self.writing else { return Ok(()) };
        let written = writing.await;
        self.writing = None;
        written
    }

    /// Writes what is left and returns where the upload ends.
    async fn finish(mut self) -> Result<u64, UploadError> {
        self.wait().await?;
        let mut piece = std::mem::take(&mut self.piece);
        self.write_at_once(&mut piece).await?;
        self.piece = piece;
        if !self.piece.is_empty() {
            self.give_away().await?;
        }
        self.wait().await?;
        Ok(self.position)
    }
}
