//! The entries of a tar, one after the other, as data from a stranger.
//!
//! Names are kept within the archive: no absolute path, no `..`, no second file of a name. What is no file, directory or link
//! is refused. Nothing is extracted here; a link is a name for another entry and is never followed outside.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use tar::{EntryType, Header};

use crate::error::StoreError;

/// Most entries of an archive.
pub(super) const ENTRIES_MAX: usize = 200_000;

/// Longest name of an entry, in bytes.
const NAME_MAX_BYTES: usize = 1024;

/// Largest extended header (PAX, or GNU's long names), in bytes.
const EXTENSION_MAX_BYTES: u64 = 64 * 1024;

/// Bytes of a block; headers and content begin at one.
pub(super) const BLOCK_BYTES: u64 = 512;

/// Bytes that can be passed over.
pub(super) trait TarInput: Read {
    /// Passes over `count` bytes.
    fn skip(&mut self, count: u64) -> io::Result<()>;
}

/// A file that is read from its beginning.
#[derive(Debug)]
pub(super) struct FileInput {
    file: File,
    length: u64,
    position: u64,
}

impl FileInput {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file, length, position: 0 })
    }
}

impl Read for FileInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl TarInput for FileInput {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        match self.position.checked_add(count) {
            Some(position) if position <= self.length => {
                self.position = position;
                Ok(())
            }
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// An entry.
#[derive(Debug)]
pub(super) struct TarEntry {
    /// Its name, without `.` components and without a slash at either end; empty for the archive's own directory.
    pub(super) name: String,
    pub(super) kind: EntryKind,
    /// Where its content begins in the archive, in bytes.
    pub(super) offset: u64,
    /// The size of its content in bytes.
    pub(super) size: u64,
}

/// What an entry is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum EntryKind {
    File,
    Directory,
    /// Another name for the entry of this name, which is within the archive.
    Link(String),
}

/// Reads the entries of a tar.
#[derive(Debug)]
pub(super) struct TarReader<R> {
    input: R,
    path: PathBuf,
    position: u64,
    /// Bytes of the current entry, with its padding, that were not read.
    unread: u64,
    entries: usize,
    ended: bool,
}

/// What extended headers say of the entry after them.
#[derive(Debug, Default)]
struct Extension {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
}

impl<R: TarInput> TarReader<R> {
    /// Begins to read. `path` is the archive, for messages.
    pub(super) fn new(input: R, path: &Path) -> Self {
        Self { input, path: path.to_owned(), position: 0, unread: 0, entries: 0, ended: false }
    }

    /// Returns the next entry, or `None` at the archive's end.
    pub(super) fn next(&mut self) -> Result<Option<TarEntry>, StoreError> {
        let mut extension = Extension::default();
        loop {
            if self.ended {
                return Ok(None);
            }
            self.pass_rest()?;
            let Some(header) = self.header()? else {
                self.ended = true;
                return Ok(None);
            };
            self.entries += 1;
            if self.entries > ENTRIES_MAX {
                return Err(self.broken(&format!("has more than {ENTRIES_MAX} entries")));
            }
            let name = extension.name.as_deref().map_or_else(|| header.path_bytes().into_owned(), <[u8]>::to_owned);
            let shown = oci::text::printable(&String::from_utf8_lossy(&name)).into_owned();
            let stated =
                header.entry_size().map_err(|_| self.broken(&format!("has an entry `{shown}` without a size")))?;
            let kind = header.entry_type();
            match kind {
                EntryType::GNULongName => extension.name = Some(self.long_name(stated)?),
                EntryType::GNULongLink => extension.target = Some(self.long_name(stated)?),
                EntryType::XHeader => self.pax(stated, &mut extension)?,
                // Comments of the tool that wrote it, and defaults that no writer of archives uses.
                EntryType::XGlobalHeader => {
                    let mut global = Extension::default();
                    self.pax(stated, &mut global)?;
                    if global.name.is_some() || global.target.is_some() || global.size.is_some() {
                        return Err(self.broken("names or measures all entries at once"));
                    }
                }
                _ => {
                    let size = extension.size.unwrap_or(stated);
                    return self.entry(&name, &shown, kind, size, &header, &extension).map(Some);
                }
            }
        }
    }

    fn entry(
        &mut self,
        name: &[u8],
        shown: &str,
        kind: EntryType,
        size: u64,
        header: &Header,
        extension: &Extension,
    ) -> Result<TarEntry, StoreError> {
        let outside = || self.broken(&format!("has an entry `{shown}`, whose name is not within the archive"));
        let name = within("", name).ok_or_else(outside)?;
        let target = || {
            let target =
                extension.target.clone().or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
            // A symbolic link is relative to its directory, a hard link to the archive.
            let base = if kind == EntryType::Symlink { parent(&name) } else { "" };
            target.and_then(|target| within(base, &target)).ok_or_else(|| {
                self.broken(&format!("has an entry `{shown}`, which is a link to something outside the archive"))
            })
        };
        let kind = match kind {
            // Before there was a type for directories their names ended in a slash.
            EntryType::Regular if shown.ends_with('/') => EntryKind::Directory,
            EntryType::Regular | EntryType::Continuous => EntryKind::File,
            EntryType::Directory => EntryKind::Directory,
            EntryType::Symlink | EntryType::Link => EntryKind::Link(target()?),
            _ => {
                let reason = format!("has an entry `{shown}`, which is neither file nor directory nor link");
                return Err(self.broken(&reason));
            }
        };
        if kind == EntryKind::File && name.is_empty() {
            return Err(self.broken("has a file without a name"));
        }
        // A link's size says how large the other entry is; nothing follows.
        let size = if kind == EntryKind::File { size } else { 0 };
        self.unread = padded(size).ok_or_else(|| self.broken(&format!("has an entry `{shown}` of impossible size")))?;
        Ok(TarEntry { name, kind, offset: self.position, size })
    }

    /// Reads the content of the current entry, which has `size` bytes, and hands it out in pieces.
    pub(super) fn read(
        &mut self,
        size: u64,
        mut piece: impl FnMut(&[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut buffer = vec![0; usize::try_from(size).unwrap_or(usize::MAX).clamp(1, crate::body::CHUNK_BYTES)];
        let mut left = size;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            self.fill(&mut buffer[..wanted])?;
            self.unread -= wanted as u64;
            left -= wanted as u64;
            piece(&buffer[..wanted])?;
        }
        Ok(())
    }

    /// Reads a header; `None` is the mark of the end.
    fn header(&mut self) -> Result<Option<Header>, StoreError> {
        let mut header = Header::new_old();
        self.fill(header.as_mut_bytes())?;
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        // The sum counts its own field as blanks.
        let sum: u32 = header.as_bytes().iter().map(|byte| u32::from(*byte)).sum();
        let field: u32 = header.as_old().cksum.iter().map(|byte| u32::from(*byte)).sum();
        let expected = sum - field + 8 * u32::from(b' ');
        if header.cksum().ok() != Some(expected) {
            return Err(self.broken(&format!("has a damaged header at byte {}", self.position - BLOCK_BYTES)));
        }
        Ok(Some(header))
    }

    fn long_name(&mut self, size: u64) -> Result<Vec<u8>, StoreError> {
        let mut name = self.extension(size)?;
        while name.last() == Some(&0) {
            name.pop();
        }
        Ok(name)
    }

    /// Reads the records `<length> <key>=<value>\n` of an extended header.
    fn pax(&mut self, size: u64, extension: &mut Extension) -> Result<(), StoreError> {
        let records = self.extension(size)?;
        let damaged = || self.broken("has a damaged extended header");
        let mut rest = records.as_slice();
        while !rest.is_empty() {
            let space = rest.iter().position(|byte| *byte == b' ').ok_or_else(damaged)?;
            let length = std::str::from_utf8(&rest[..space]).ok().and_then(|digits| digits.parse::<usize>().ok());
            let length = length.filter(|length| *length > space + 1 && *length <= rest.len()).ok_or_else(damaged)?;
            let (record, after) = rest.split_at(length);
            let record = record[space + 1..].strip_suffix(b"\n").ok_or_else(damaged)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(damaged)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => extension.name = Some(value.to_owned()),
                b"linkpath" => extension.target = Some(value.to_owned()),
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
                    extension.size = Some(size.ok_or_else(damaged)?);
                }
                _ if key.starts_with(b"GNU.sparse.") => return Err(self.broken("has a sparse entry")),
                _ => {}
            }
            rest = after;
        }
        Ok(())
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>, StoreError> {
        if size > EXTENSION_MAX_BYTES {
            let reason = format!("has an extended header of {size} bytes, the limit is {EXTENSION_MAX_BYTES}");
            return Err(self.broken(&reason));
        }
        self.unread = padded(size).unwrap_or(0);
        let mut content = Vec::new();
        self.read(size, |piece| {
            content.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(content)
    }

    fn pass_rest(&mut self) -> Result<(), StoreError> {
        let count = std::mem::take(&mut self.unread);
        self.input.skip(count).map_err(|error| self.failed(error))?;
        self.position += count;
        Ok(())
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), StoreError> {
        self.input.read_exact(buffer).map_err(|error| self.failed(error))?;
        self.position += buffer.len() as u64;
        Ok(())
    }

    fn failed(&self, error: io::Error) -> StoreError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.broken("is cut off"),
            // A limit that the input keeps, or a decoder that does not understand it.
            io::ErrorKind::InvalidData | io::ErrorKind::Other => {
                self.broken(&format!("cannot be unpacked: {}", oci::text::printable(&error.to_string())))
            }
            _ => StoreError::file("cannot read", &self.path)(error),
        }
    }

    fn broken(&self, reason: &str) -> StoreError {
        StoreError::format(&self.path, reason)
    }
}

fn padded(size: u64) -> Option<u64> {
    size.checked_next_multiple_of(BLOCK_BYTES)
}

/// Returns the directory that a name is in.
fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Returns what `name`, seen from the directory `base`, is called within the archive; `None` when it is not.
fn within(base: &str, name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    if name.len() > NAME_MAX_BYTES || name.starts_with('/') || name.contains('\0') {
        return None;
    }
    let mut components: Vec<&str> = base.split('/').filter(|component| !component.is_empty()).collect();
    for component in name.split('/') {
        match component {
            "" | "." => {}
            // Only a link may go up, and not above the archive.
            ".." if !base.is_empty() => drop(components.pop()?),
            ".." => return None,
            _ => components.push(component),
        }
    }
    Some(components.join("/"))
}
