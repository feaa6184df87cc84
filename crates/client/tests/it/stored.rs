//! Content and sources for tests.

use std::io::Write as _;

use async_trait::async_trait;
use bytes::Bytes;
use client::Repository;
use oci::{Descriptor, MediaType};
use store::{BlobBody, BlobSource, Store as _, StoreError};

/// More than a socket buffer takes, so that a connection can break in the middle; enough to be worth a probe.
pub(crate) const LARGE: usize = 9 * 1024 * 1024 + 123;

/// Returns content in which no two parts are the same.
pub(crate) fn content(length: usize) -> Bytes {
    let mut bytes = Vec::with_capacity(length + 8);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}

pub(crate) fn describe(content: &Bytes) -> Descriptor {
    Descriptor::of(MediaType::OCTET_STREAM, content)
}

/// A blob of another repository.
pub(crate) struct Elsewhere(pub(crate) Repository, pub(crate) Descriptor);

#[async_trait]
impl BlobSource for Elsewhere {
    async fn open(&self, offset: u64) -> Result<BlobBody, StoreError> {
        let body = self.0.open_blob(&self.1, offset).await?;
        body.ok_or_else(|| StoreError::Missing { location: "the source".into(), what: "the blob".into() })
    }
}

/// A file with this content.
pub(crate) struct OnDisk(tempfile::NamedTempFile, u64);

impl OnDisk {
    pub(crate) fn new(content: &Bytes) -> Self {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        Self(file, content.len() as u64)
    }
}

#[async_trait]
impl BlobSource for OnDisk {
    async fn open(&self, offset: u64) -> Result<BlobBody, StoreError> {
        Ok(BlobBody::from_file(self.0.reopen().unwrap(), offset, self.1 - offset))
    }
}
