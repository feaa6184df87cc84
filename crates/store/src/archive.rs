//! Archives: an OCI layout in a tar, plain or compressed with zstd, and what `docker save` writes.
//!
//! A plain tar is read where it lies: its headers are read once, and content is served as ranges of the file. A compressed one
//! is unpacked into a directory of our own first. Everything in an archive is a stranger's data: names stay within it, links and
//! devices are refused, and what is unpacked is bounded in size, number and ratio.
//!
//! An archive that is written holds one entry for each blob, in the order in which they came, then `oci-layout` and `index.json`,
//! all with the same owner, permissions and time. It gets its name when it is finished; a process that is killed before leaves nothing.

mod contents;
mod docker;
mod files;
mod header;
mod reader;
mod store;
mod unpack;
mod writer;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use tokio::sync::RwLock;

use crate::blob_directory::{BLOBS, BlobDirectory};
use crate::error::StoreError;
use crate::layout::index::{INDEX_MAX_BYTES, LayoutIndex};
use crate::layout::{INDEX, MARKER, is_layout};
use crate::regular_file;
use contents::ArchiveContents;
use files::{Range, TarFiles, TarIndex};
use reader::{FileInput, TarReader};
use writer::ArchiveWriter;

pub use docker::{DockerArchive, DockerImage};

/// The first bytes of a file that is compressed with zstd (RFC 8878, section 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The first bytes of a file that is compressed with gzip (RFC 1952, section 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// How much a compressed archive may unpack to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Most bytes that are unpacked.
    pub unpacked_max_bytes: u64,
    /// How many times its own size an archive may unpack to. The first 64 MiB are not counted.
    pub ratio_max: u64,
}

impl Default for ArchiveLimits {
    /// 256 GiB, and a hundred times the archive's size.
    fn default() -> Self {
        Self { unpacked_max_bytes: 256 << 30, ratio_max: 100 }
    }
}

/// An OCI layout in a tar.
///
/// One that was opened can only be read. One that was created is visible after [`finish`](crate::Store::finish), which may be
/// called again after more has been put: until then the archive has no name again.
#[derive(Clone, Debug)]
pub struct ArchiveStore {
    archive: Arc<Archive>,
}

#[derive(Debug)]
struct Archive {
    contents: ArchiveContents,
    writing: Option<Writing>,
    /// The directory that a compressed archive was unpacked to.
    _unpacked: Option<TempDir>,
}

#[derive(Debug)]
struct Writing {
    writer: Arc<ArchiveWriter>,
    /// Held shared by everything that is being put, alone by what changes the archive as a whole.
    gate: Arc<RwLock<()>>,
}

impl ArchiveStore {
    /// Opens an archive to read it. This waits for the disk, and for a compressed archive until it is unpacked.
    ///
    /// # Errors
    /// [`StoreError::Format`] when it is no archive of a layout, is damaged, or exceeds a limit; it names the entry.
    /// [`StoreError::File`] when it cannot be read or unpacked.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Self::open_within(path, &ArchiveLimits::default())
    }

    /// Opens an archive as [`ArchiveStore::open`] does, within other limits.
    ///
    /// # Errors
    /// As there.
    pub fn open_within(path: impl Into<PathBuf>, limits: &ArchiveLimits) -> Result<Self, StoreError> {
        let path = path.into();
        let file = File::open(&path).map_err(StoreError::file("cannot open", &path))?;
        if begins_with(&file, &ZSTD_MAGIC, &path)? {
            Self::unpack(file, &path, limits)
        } else {
            Self::read(file, &path)
        }
    }

    /// Begins an archive that will be at `path`, in place of what may be there. It is compressed if the name ends in `.zst`.
    ///
    /// # Errors
    /// [`StoreError::File`] when nothing can be written in that directory.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        let (writer, files) = ArchiveWriter::new(&path)?;
        let contents = ArchiveContents::new(&path, TRANSPORT, LayoutIndex::empty(), files);
        let writing = Writing { writer: Arc::new(writer), gate: Arc::new(RwLock::new(())) };
        Ok(Self::new(contents, Some(writing), None))
    }

    fn new(contents: ArchiveContents, writing: Option<Writing>, unpacked: Option<TempDir>) -> Self {
        Self { archive: Arc::new(Archive { contents, writing, _unpacked: unpacked }) }
    }

    fn read(file: File, path: &Path) -> Result<Self, StoreError> {
        let names = read_names(&file, path)?;
        if let Some(link) = names.any_link() {
            let reason = format!("has an entry `{}`, which is a link", oci::text::printable(link));
            return Err(StoreError::format(path, reason));
        }
        let index = read_index(&names, &file, path)?.ok_or_else(|| not_a_layout(path))?;
        let files = TarFiles::new(path, file, names.content(), std::collections::BTreeMap::new());
        Ok(Self::new(ArchiveContents::new(path, TRANSPORT, index, Arc::new(files)), None, None))
    }

    fn unpack(file: File, path: &Path, limits: &ArchiveLimits) -> Result<Self, StoreError> {
        let directory = unpack::unpack(file, path, limits)?;
        let bytes = regular_file::read(&directory.path().join(INDEX), INDEX_MAX_BYTES)?;
        let Some(bytes) = bytes.filter(|_| is_layout(directory.path()).is_ok_and(|is_layout| is_layout)) else {
            return Err(not_a_layout(path));
        };
        let index = LayoutIndex::parse(&bytes, path)?;
        let files = Arc::new(BlobDirectory::new(directory.path(), BLOBS));
        Ok(Self::new(ArchiveContents::new(path, TRANSPORT, index, files), None, Some(directory)))
    }
}

/// How references name this kind of place.
const TRANSPORT: &str = "oci-archive";

fn not_a_layout(path: &Path) -> StoreError {
    StoreError::format(path, "is not an archive of an OCI layout: it has no `oci-layout` and `index.json`")
}

fn begins_with(file: &File, magic: &[u8], path: &Path) -> Result<bool, StoreError> {
    let mut first = vec![0; magic.len()];
    match file.read_exact_at(&mut first, 0) {
        Ok(()) => Ok(first == magic),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(StoreError::file("cannot read", path)(error)),
    }
}

/// Returns what a plain tar holds, by name.
fn read_names(file: &File, path: &Path) -> Result<TarIndex, StoreError> {
    if begins_with(file, &GZIP_MAGIC, path)? {
        return Err(StoreError::format(path, "is compressed with gzip, which is not read here: unpack it with gunzip"));
    }
    let input = file.try_clone().and_then(FileInput::new).map_err(StoreError::file("cannot read", path))?;
    TarIndex::read(&mut TarReader::new(input, path), path)
}

/// Returns what the layout in an archive lists; `None` when there is no layout in it.
fn read_index(names: &TarIndex, file: &File, path: &Path) -> Result<Option<LayoutIndex>, StoreError> {
    let (Some(_), Some(index)) = (names.file(MARKER), names.file(INDEX)) else { return Ok(None) };
    let bytes = read_range(file, index, INDEX, INDEX_MAX_BYTES, path)?;
    LayoutIndex::parse(&bytes, path).map(Some)
}

/// Returns the content of an entry of at most `limit` bytes.
fn read_range(file: &File, range: Range, name: &str, limit: u64, path: &Path) -> Result<Vec<u8>, StoreError> {
    if range.size > limit {
        let reason = format!("has an entry `{name}` of {} bytes, the limit is {limit}", range.size);
        return Err(StoreError::format(path, oci::text::printable(&reason)));
    }
    let mut bytes = vec![0; usize::try_from(range.size).unwrap_or(0)];
    file.read_exact_at(&mut bytes, range.offset).map_err(StoreError::file("cannot read", path))?;
    Ok(bytes)
}
