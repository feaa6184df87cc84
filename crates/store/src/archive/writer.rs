//! Writing an archive.
//!
//! The tar grows in a file next to its place and gets its name when it is whole. The size of a blob is known before its bytes
//! come, so each blob reserves its region and fills it while others fill theirs; its header is written when the content has
//! been verified. A region whose blob failed is given back, or closed up when the archive is finished.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oci::Digest;
use tokio::sync::OwnedRwLockReadGuard;

use super::contents::ArchiveContents;
use super::files::{Range, TarFiles};
use super::header::{content_path, entry_header};
use super::reader::BLOCK_BYTES;
use crate::atomic::STAGING_NAME;
use crate::body::CHUNK_BYTES;
use crate::error::StoreError;
use crate::layout::{INDEX, MARKER, MARKER_CONTENT};
use crate::receive::BlobSink;
use crate::staging::{StagedFile, Staging};

/// How hard archives are compressed. Most of their content is compressed already.
const ZSTD_LEVEL: i32 = 3;

/// Blocks of zeros at the end of an archive.
const END_BLOCKS: u64 = 2;

/// An archive in the making.
#[derive(Debug)]
pub(super) struct ArchiveWriter {
    path: PathBuf,
    directory: PathBuf,
    compressed: bool,
    file: File,
    staging: Staging,
    files: Arc<TarFiles>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The file; `None` while it has its name.
    staged: Option<StagedFile>,
    /// Where the next region begins.
    end: u64,
    /// Regions before the end that hold nothing.
    voids: Vec<Region>,
    /// Whether anything has changed since the archive was finished.
    changed: bool,
}

/// A part of the file: header, content, padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Region {
    start: u64,
    content: u64,
    end: u64,
}

impl Region {
    fn new(start: u64, header: usize, size: u64) -> Option<Self> {
        let content = start.checked_add(header as u64)?;
        Some(Self { start, content, end: content.checked_add(size)?.checked_next_multiple_of(BLOCK_BYTES)? })
    }
}

impl ArchiveWriter {
    /// Begins an archive that will be at `path`.
    pub(super) fn new(path: &Path) -> Result<(Self, Arc<TarFiles>), StoreError> {
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let staging = Staging::new(directory.join(STAGING_NAME));
        let failed = |error| StoreError::file("cannot write", path)(error);
        let staged = staging.begin()?;
        let file = staged.file().try_clone().map_err(failed)?;
        let files = Arc::new(TarFiles::new(path, file, HashMap::new(), BTreeMap::new()));
        let writer = Self {
            path: path.to_owned(),
            directory: directory.to_owned(),
            compressed: path.extension().is_some_and(|extension| extension == "zst"),
            file: staged.file().try_clone().map_err(failed)?,
            staging,
            files: Arc::clone(&files),
            state: Mutex::new(State { staged: Some(staged), end: 0, voids: Vec::new(), changed: false }),
        };
        Ok((writer, files))
    }

    // A panic elsewhere leaves at worst a region that nobody gives back.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: io::Error) -> StoreError {
        StoreError::file("cannot write", &self.path)(error)
    }

    /// Begins an entry of `size` bytes. The guard keeps the archive from being finished meanwhile.
    pub(super) fn begin(
        self: &Arc<Self>,
        digest: &Digest,
        size: u64,
        guard: Arc<OwnedRwLockReadGuard<()>>,
    ) -> Result<RegionWriter, StoreError> {
        let header = entry_header(&content_path(digest), size).map_err(|error| self.failed(error))?;
        let mut state = self.state();
        if state.staged.is_none() {
            let file = self.file.try_clone().map_err(|error| self.failed(error))?;
            state.staged = Some(self.staging.take_back(&self.path, file)?);
        }
        let region = Region::new(state.end, header.len(), size);
        let region = region.ok_or_else(|| self.failed(io::ErrorKind::FileTooLarge.into()))?;
        state.end = region.end;
        state.changed = true;
        Ok(RegionWriter {
            writer: Arc::clone(self),
            digest: *digest,
            header,
            region,
            written: 0,
            size,
            kept: false,
            _guard: guard,
        })
    }

    /// Says that what the archive lists has changed, which is written when it is finished.
    pub(super) fn mark_changed(&self) {
        self.state().changed = true;
    }

    /// Removes content. Returns false when it was not there. Nobody may be writing.
    pub(super) fn remove(&self, digest: &Digest) -> Result<bool, StoreError> {
        let Some(range) = self.files.remove(digest) else { return Ok(false) };
        self.release(self.region_of(digest, range)?);
        self.mark_changed();
        Ok(true)
    }

    fn region_of(&self, digest: &Digest, range: Range) -> Result<Region, StoreError> {
        let header = entry_header(&content_path(digest), range.size).map_err(|error| self.failed(error))?;
        let region = Region::new(range.offset - header.len() as u64, header.len(), range.size);
        region.ok_or_else(|| self.failed(io::ErrorKind::FileTooLarge.into()))
    }

    /// Gives a region back.
    fn release(&self, region: Region) {
        let mut state = self.state();
        state.voids.push(region);
        while let Some(last) = state.voids.iter().position(|void| void.end == state.end) {
            state.end = state.voids.swap_remove(last).start;
        }
    }

    /// Makes the archive whole and gives it its name. Nobody may be writing.
    pub(super) fn finish(&self, contents: &ArchiveContents) -> Result<(), StoreError> {
        let mut state = self.state();
        if !state.changed {
            return Ok(());
        }
        if state.staged.is_none() {
            let file = self.file.try_clone().map_err(|error| self.failed(error))?;
            state.staged = Some(self.staging.take_back(&self.path, file)?);
        }
        if !state.voids.is_empty() {
            state.end = self.close_up().map_err(|error| self.failed(error))?;
            state.voids.clear();
        }
        let mut end = state.end;
        for (name, bytes) in [(MARKER, MARKER_CONTENT.to_vec()), (INDEX, contents.index_bytes()?)] {
            end = self.append(end, name, &bytes).map_err(|error| self.failed(error))?;
        }
        // Beyond what was written before the file reads as zeros, once it has been cut there.
        let cut = self.file.set_len(end).and_then(|()| self.file.set_len(end + END_BLOCKS * BLOCK_BYTES));
        cut.map_err(|error| self.failed(error))?;
        if self.compressed {
            self.publish(self.compress()?)?;
        } else if let Some(staged) = state.staged.take() {
            self.publish(staged)?;
        }
        state.changed = false;
        drop(state);
        self.staging.remove_if_empty();
        Ok(())
    }

    fn publish(&self, staged: StagedFile) -> Result<(), StoreError> {
        let name = self.path.file_name().ok_or_else(|| self.failed(io::ErrorKind::InvalidInput.into()))?;
        let publish = || {
            let directory = File::open(&self.directory)?;
            staged.sync()?;
            staged.publish(&directory, name)?;
            directory.sync_all()
        };
        publish().map_err(|error| self.failed(error))
    }

    fn compress(&self) -> Result<StagedFile, StoreError> {
        let staged = self.staging.begin()?;
        let compress = || {
            let mut encoder = zstd::Encoder::new(staged.file(), ZSTD_LEVEL)?;
            encoder.include_checksum(true)?;
            let mut buffer = vec![0; CHUNK_BYTES];
            let mut offset = 0;
            loop {
                let count = self.file.read_at(&mut buffer, offset)?;
                if count == 0 {
                    break;
                }
                io::Write::write_all(&mut encoder, &buffer[..count])?;
                offset += count as u64;
            }
            encoder.finish().map(drop)
        };
        compress().map_err(|error| self.failed(error))?;
        Ok(staged)
    }

    /// Writes an entry at `start` and returns where it ends.
    fn append(&self, start: u64, name: &str, content: &[u8]) -> io::Result<u64> {
        let mut bytes = entry_header(name, content.len() as u64)?;
        bytes.extend_from_slice(content);
        let padded = bytes.len().next_multiple_of(usize::try_from(BLOCK_BYTES).unwrap_or(512));
        bytes.resize(padded, 0);
        self.file.write_all_at(&bytes, start)?;
        Ok(start + padded as u64)
    }

    /// Moves every entry forward over the regions that hold nothing. Returns where the last one ends.
    fn close_up(&self) -> io::Result<u64> {
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut end = 0;
        for (digest, range) in self.files.ranges() {
            let header = entry_header(&content_path(&digest), range.size)?.len() as u64;
            let from = range.offset - header;
            let length = (header + range.size).next_multiple_of(BLOCK_BYTES);
            let mut moved = 0;
            while from != end && moved < length {
                let count = usize::try_from(length - moved).unwrap_or(usize::MAX).min(CHUNK_BYTES);
                self.file.read_exact_at(&mut buffer[..count], from + moved)?;
                self.file.write_all_at(&buffer[..count], end + moved)?;
                moved += count as u64;
            }
            self.files.moved(digest, Range { offset: end + header, size: range.size });
            end += length;
        }
        Ok(end)
    }
}

impl Drop for ArchiveWriter {
    fn drop(&mut self) {
        self.state().staged = None;
        self.staging.remove_if_empty();
    }
}

/// An entry in the making.
#[derive(Debug)]
pub(super) struct RegionWriter {
    writer: Arc<ArchiveWriter>,
    digest: Digest,
    header: Vec<u8>,
    region: Region,
    written: u64,
    size: u64,
    kept: bool,
    _guard: Arc<OwnedRwLockReadGuard<()>>,
}

impl BlobSink for RegionWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let offset = self.region.content + self.written;
        self.writer.file.write_all_at(bytes, offset).map_err(|error| self.writer.failed(error))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn commit(mut self) -> Result<(), StoreError> {
        let write = || {
            let file = &self.writer.file;
            file.write_all_at(&self.header, self.region.start)?;
            // An earlier region may have left something where there should be padding.
            let padding = self.region.end - self.region.content - self.size;
            file.write_all_at(&vec![0; usize::try_from(padding).unwrap_or(0)], self.region.content + self.size)
        };
        write().map_err(|error| self.writer.failed(error))?;
        // When somebody else was faster, theirs is as good, and this region is given back.
        self.kept = self.writer.files.insert(self.digest, Range { offset: self.region.content, size: self.size });
        Ok(())
    }
}

impl Drop for RegionWriter {
    fn drop(&mut self) {
        if !self.kept {
            self.writer.release(self.region);
        }
    }
}
