//! Bytes on their way into a bucket.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use object_store::multipart::{MultipartStore as _, PartId};
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};
use oci::Digest;
use serde_json::{Value, json};
use store::BlobBody;

use super::{BlobObjects, BlobWriter, StorageError, blob, is_absent};

/// The size of the first parts, and of later ones: a service takes 10,000, and none but the last below 5 MiB. Together they
/// take 848 GiB.
const PARTS: [(usize, usize); 3] = [(2000, 8 << 20), (4000, 32 << 20), (PARTS_MAX, 128 << 20)];
const PARTS_MAX: usize = 10_000;

/// How far an upload has come, for whoever goes on with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The multipart upload, once there is a part.
    pub(super) multipart: Option<String>,
    /// Its parts, by the names the service gave them.
    parts: Vec<String>,
    /// Bytes in the parts.
    flushed: u64,
    /// Objects with what comes behind the parts: the last counts, the one before it may still be what is noted.
    pub(super) tails: Vec<String>,
}

impl State {
    /// Returns the state that was written down; `None` when it is none.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let document: Value = serde_json::from_slice(bytes).ok()?;
        let texts = |key: &str| -> Option<Vec<String>> {
            document[key].as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
        };
        Some(Self {
            multipart: document["multipart"].as_str().map(str::to_owned),
            parts: texts("parts")?,
            flushed: document["flushed"].as_u64()?,
            tails: texts("tails")?,
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let Self { multipart, parts, flushed, tails } = self;
        json!({ "multipart": multipart, "parts": parts, "flushed": flushed, "tails": tails }).to_string().into_bytes()
    }
}

#[derive(Debug)]
pub(super) struct ObjectWriter {
    objects: BlobObjects,
    name: String,
    state: State,
    /// What does not fill a part yet.
    tail: BytesMut,
}

impl ObjectWriter {
    pub(super) fn new(objects: BlobObjects, name: &str) -> Self {
        Self { objects, name: name.to_owned(), state: State::default(), tail: BytesMut::new() }
    }

    /// Goes on behind the first `written` bytes; `None` when they are not all there.
    pub(super) async fn resume(
        objects: BlobObjects,
        name: &str,
        state: State,
        written: u64,
    ) -> Result<Option<Self>, StorageError> {
        let Some(length) = written.checked_sub(state.flushed) else { return Ok(None) };
        let mut writer = Self { state, ..Self::new(objects, name) };
        if length > 0 {
            let Some(tail) = writer.state.tails.last() else { return Ok(None) };
            let found = match writer.objects.0.get(&Path::from(tail.as_str())).await {
                Ok(found) => found.bytes().await?,
                Err(error) if is_absent(&error) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            if found.len() as u64 != length {
                return Ok(None);
            }
            writer.tail = found.into();
        }
        Ok(Some(writer))
    }

    /// Forgets what was written behind the first `position` bytes. What is in a part stays there.
    fn truncate(&mut self, position: u64) -> Result<(), StorageError> {
        let length = position.checked_sub(self.state.flushed).and_then(|length| usize::try_from(length).ok());
        let length = length.filter(|length| *length <= self.tail.len());
        self.tail.truncate(length.ok_or(StorageError::Damaged("an upload"))?);
        Ok(())
    }

    fn part_bytes(&self) -> Result<usize, StorageError> {
        let size = PARTS.iter().find(|(until, _)| self.state.parts.len() < *until).map(|(_, size)| *size);
        size.ok_or(StorageError::Damaged("an upload of too many parts"))
    }

    /// Makes the first bytes of what waits a part.
    async fn flush(&mut self, length: usize) -> Result<(), StorageError> {
        let path = blob(&self.name);
        let id = if let Some(id) = &self.state.multipart {
            id.clone()
        } else {
            let id = self.objects.0.create_multipart(&path).await?;
            self.state.multipart.insert(id).clone()
        };
        let part: Bytes = self.tail[..length.min(self.tail.len())].to_vec().into();
        let size = part.len();
        let number = self.state.parts.len();
        let done = self.objects.0.put_part(&path, &id, number, PutPayload::from(part)).await?;
        self.state.parts.push(done.content_id);
        self.state.flushed += size as u64;
        let _ = self.tail.split_to(size);
        Ok(())
    }
}

#[async_trait]
impl BlobWriter for ObjectWriter {
    async fn write(&mut self, position: u64, piece: Bytes) -> Result<(), StorageError> {
        self.truncate(position)?;
        let part = self.part_bytes()?;
        // Before the piece is taken: when a part cannot be put, nothing of the piece is in one.
        while self.tail.len() >= part {
            self.flush(part).await?;
        }
        self.tail.extend_from_slice(&piece);
        Ok(())
    }

    async fn read(&mut self, length: u64) -> Result<Option<BlobBody>, StorageError> {
        if self.state.multipart.is_some() {
            return Ok(None);
        }
        self.truncate(length)?;
        Ok(Some(BlobBody::from_bytes(Bytes::copy_from_slice(&self.tail))))
    }

    async fn suspend(&mut self, length: u64) -> Result<Vec<u8>, StorageError> {
        if length == 0 {
            return Ok(self.state.to_bytes());
        }
        self.truncate(length)?;
        // The one before the last is no longer noted anywhere: what came after it has been.
        while self.state.tails.len() > 1 {
            let stale = self.state.tails.remove(0);
            self.objects.delete(&Path::from(stale)).await?;
        }
        if !self.tail.is_empty() {
            let tail = format!("uploads/{}-{length}", self.name);
            let payload = PutPayload::from(Bytes::copy_from_slice(&self.tail));
            self.objects.0.put(&Path::from(tail.as_str()), payload).await?;
            self.state.tails.retain(|other| *other != tail);
            self.state.tails.push(tail);
        }
        Ok(self.state.to_bytes())
    }

    fn place(&self, _digest: &Digest) -> String {
        blob(&self.name).to_string()
    }

    async fn commit(mut self: Box<Self>, _digest: &Digest, length: u64) -> Result<(), StorageError> {
        self.truncate(length)?;
        let path = blob(&self.name);
        if self.state.multipart.is_some() {
            if !self.tail.is_empty() {
                self.flush(self.tail.len()).await?;
            }
            let id = self.state.multipart.take().unwrap_or_default();
            let parts = self.state.parts.drain(..).map(|content_id| PartId { content_id }).collect();
            self.objects.0.complete_multipart(&path, &id, parts).await?;
        } else {
            let payload = PutPayload::from(self.tail.split().freeze());
            self.objects.0.put(&path, payload).await?;
        }
        for tail in &self.state.tails {
            // The blob is there, whatever stays beside it.
            let _ = self.objects.delete(&Path::from(tail.as_str())).await;
        }
        Ok(())
    }
}
