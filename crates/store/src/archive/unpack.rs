//! Compressed archives, which cannot be read at any place: their content is unpacked into a directory of our own first.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write as _};
use std::path::Path;

use tempfile::TempDir;

use super::ArchiveLimits;
use super::files::content_name;
use super::reader::{EntryKind, TarInput, TarReader};
use crate::body::CHUNK_BYTES;
use crate::error::StoreError;
use crate::layout::index::INDEX_MAX_BYTES;
use crate::layout::{INDEX, MARKER, MARKER_MAX_BYTES};

/// Bytes that may be unpacked whatever their ratio to the compressed ones: small archives of text compress well.
const RATIO_FREE_BYTES: u64 = 64 * 1024 * 1024;

/// Largest window of the compression, as a power of two in bytes: what `zstd --long` writes.
const WINDOW_LOG_MAX: u32 = 27;

/// Unpacks the layout in a tar that is compressed with zstd. Returns the directory, which is removed with the value.
pub(super) fn unpack(file: File, path: &Path, limits: &ArchiveLimits) -> Result<TempDir, StoreError> {
    let compressed = file.metadata().map_err(StoreError::file("cannot read", path))?.len();
    let by_ratio = compressed.saturating_mul(limits.ratio_max).max(RATIO_FREE_BYTES);
    let mut decoder = zstd::Decoder::new(file).map_err(StoreError::file("cannot read", path))?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(StoreError::file("cannot read", path))?;
    let input = BoundedInput { decoder, left: limits.unpacked_max_bytes.min(by_ratio), limit: *limits };
    let mut reader = TarReader::new(input, path);
    let directory = tempfile::Builder::new().prefix("supercargo-").tempdir();
    let directory = directory.map_err(StoreError::file("cannot make a directory to unpack", path))?;
    while let Some(entry) = reader.next()? {
        let refused = |reason: &str| {
            StoreError::format(path, format!("has an entry `{}`, {reason}", oci::text::printable(&entry.name)))
        };
        match entry.kind {
            EntryKind::File => {}
            EntryKind::Directory => continue,
            EntryKind::Link(_) => return Err(refused("which is a link")),
        }
        let limit = match entry.name.as_str() {
            MARKER => MARKER_MAX_BYTES,
            INDEX => INDEX_MAX_BYTES,
            name if content_name(name).is_some() => u64::MAX,
            // Whatever else another tool has put there is none of the layout.
            _ => continue,
        };
        if entry.size > limit {
            return Err(refused(&format!("which has {} bytes, the limit is {limit}", entry.size)));
        }
        let target = directory.path().join(&entry.name);
        let failed = |error| StoreError::file("cannot write", &target)(error);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let mut output = match File::create_new(&target) {
            Ok(output) => output,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(refused("and another of that name"));
            }
            Err(error) => return Err(failed(error)),
        };
        reader.read(entry.size, |piece| output.write_all(piece).map_err(failed))?;
    }
    Ok(directory)
}

/// Decompressed bytes, of which there may only be so many.
struct BoundedInput {
    decoder: zstd::Decoder<'static, BufReader<File>>,
    left: u64,
    limit: ArchiveLimits,
}

impl Read for BoundedInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 && !buffer.is_empty() {
            let ArchiveLimits { unpacked_max_bytes, ratio_max } = self.limit;
            let reason =
                format!("it has more than {unpacked_max_bytes} bytes, or {ratio_max} times its compressed size");
            return Err(io::Error::other(reason));
        }
        let count = self.decoder.read(&mut buffer[..wanted]).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::Interrupted => error,
            _ if error.raw_os_error().is_some() => error,
            _ => io::Error::new(io::ErrorKind::InvalidData, error),
        })?;
        self.left -= count as u64;
        Ok(count)
    }
}

impl TarInput for BoundedInput {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        let mut left = count;
        let mut buffer = vec![0; usize::try_from(count).unwrap_or(usize::MAX).clamp(1, CHUNK_BYTES)];
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            self.read_exact(&mut buffer[..wanted])?;
            left -= wanted as u64;
        }
        Ok(())
    }
}
