//! Content within a tar: each file is a range of the archive.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use bytes::Bytes;
use oci::Digest;

use super::reader::{EntryKind, TarInput, TarReader};
use crate::content_files::{ContentFiles, Opened};
use crate::error::StoreError;

/// Bytes of names that are remembered of one archive.
const NAMES_MAX_BYTES: usize = 32 * 1024 * 1024;

/// How many links may lie between a name and its file.
const LINKS_MAX: usize = 8;

/// Where content lies within a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// What an archive holds, by name.
#[derive(Debug, Default)]
pub(super) struct TarIndex {
    files: HashMap<String, Range>,
    links: HashMap<String, String>,
}

impl TarIndex {
    /// Reads the headers of a whole archive.
    pub(super) fn read<R: TarInput>(reader: &mut TarReader<R>, path: &Path) -> Result<Self, StoreError> {
        let mut index = Self::default();
        let mut bytes = 0;
        while let Some(entry) = reader.next()? {
            bytes += entry.name.len();
            if bytes > NAMES_MAX_BYTES {
                return Err(StoreError::format(path, format!("has more than {NAMES_MAX_BYTES} bytes of names")));
            }
            let twice = match entry.kind {
                EntryKind::Directory => false,
                _ if index.files.contains_key(&entry.name) || index.links.contains_key(&entry.name) => true,
                EntryKind::File => {
                    let range = Range { offset: entry.offset, size: entry.size };
                    index.files.insert(entry.name.clone(), range).is_some()
                }
                EntryKind::Link(target) => {
                    bytes += target.len();
                    index.links.insert(entry.name.clone(), target).is_some()
                }
            };
            if twice {
                let name = oci::text::printable(&entry.name).into_owned();
                return Err(StoreError::format(path, format!("has two entries `{name}`")));
            }
        }
        Ok(index)
    }

    /// Returns where a file lies.
    pub(super) fn file(&self, name: &str) -> Option<Range> {
        self.files.get(name).copied()
    }

    /// Returns where a file lies that may be named by links.
    pub(super) fn file_or_link(&self, name: &str) -> Option<Range> {
        let mut name = name;
        for _ in 0..LINKS_MAX {
            match self.links.get(name) {
                Some(target) => name = target,
                None => return self.file(name),
            }
        }
        None
    }

    /// Returns the name of a link, if there is any.
    pub(super) fn any_link(&self) -> Option<&str> {
        self.links.keys().min().map(String::as_str)
    }

    /// Returns the files that lie where a layout has its content.
    pub(super) fn content(&self) -> HashMap<Digest, Range> {
        let content = self.files.iter().filter_map(|(name, range)| Some((content_name(name)?, *range)));
        content.collect()
    }
}

/// Returns the digest that names a file of a layout's content.
pub(super) fn content_name(name: &str) -> Option<Digest> {
    let (algorithm, encoded) = name.strip_prefix("blobs/")?.split_once('/')?;
    format!("{algorithm}:{encoded}").parse().ok()
}

/// Content within an open file, together with some that is kept in memory.
#[derive(Debug)]
pub(super) struct TarFiles {
    path: PathBuf,
    file: File,
    ranges: RwLock<HashMap<Digest, Range>>,
    made: BTreeMap<Digest, Bytes>,
}

impl TarFiles {
    /// `path` is the archive, for messages; `made` is content that was made from what is in it.
    pub(super) fn new(path: &Path, file: File, ranges: HashMap<Digest, Range>, made: BTreeMap<Digest, Bytes>) -> Self {
        Self { path: path.to_owned(), file, ranges: RwLock::new(ranges), made }
    }

    /// Adds content, unless there is some of that digest. Returns whether it was added.
    pub(super) fn insert(&self, digest: Digest, range: Range) -> bool {
        match self.ranges.write().unwrap_or_else(PoisonError::into_inner).entry(digest) {
            Entry::Occupied(_) => false,
            Entry::Vacant(slot) => {
                slot.insert(range);
                true
            }
        }
    }

    /// Says where content lies after it was moved.
    pub(super) fn moved(&self, digest: Digest, range: Range) {
        self.ranges.write().unwrap_or_else(PoisonError::into_inner).insert(digest, range);
    }

    pub(super) fn remove(&self, digest: &Digest) -> Option<Range> {
        self.ranges.write().unwrap_or_else(PoisonError::into_inner).remove(digest)
    }

    /// Returns every range, in the order in which they lie in the file.
    pub(super) fn ranges(&self) -> Vec<(Digest, Range)> {
        let ranges = self.ranges.read().unwrap_or_else(PoisonError::into_inner);
        let mut ranges: Vec<_> = ranges.iter().map(|(digest, range)| (*digest, *range)).collect();
        ranges.sort_unstable_by_key(|(_, range)| range.offset);
        ranges
    }

    fn range(&self, digest: &Digest) -> Option<Range> {
        self.ranges.read().unwrap_or_else(PoisonError::into_inner).get(digest).copied()
    }
}

impl ContentFiles for TarFiles {
    fn path(&self, _: &Digest) -> PathBuf {
        self.path.clone()
    }

    fn stat(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        let made = self.made.get(digest).map(|bytes| bytes.len() as u64);
        Ok(made.or_else(|| self.range(digest).map(|range| range.size)))
    }

    fn open(&self, digest: &Digest) -> Result<Option<Opened>, StoreError> {
        if let Some(bytes) = self.made.get(digest) {
            return Ok(Some(Opened::Memory(bytes.clone())));
        }
        let Some(Range { offset, size }) = self.range(digest) else { return Ok(None) };
        let file = self.file.try_clone().map_err(StoreError::file("cannot read", &self.path))?;
        Ok(Some(Opened::File { file, offset, size }))
    }

    fn list(&self) -> Result<Vec<(Digest, u64)>, StoreError> {
        let made = self.made.iter().map(|(digest, bytes)| (*digest, bytes.len() as u64));
        let mut listed: Vec<_> = self.ranges().into_iter().map(|(digest, range)| (digest, range.size)).collect();
        listed.extend(made);
        listed.sort_unstable();
        listed.dedup_by_key(|(digest, _)| *digest);
        Ok(listed)
    }
}
