//! An OCI image layout as a repository: what it lists, and `blobs/ALGORITHM/DIGITS`. A zot registry keeps one for each repository.

use std::collections::BTreeMap;
use std::io;

use oci::{Algorithm, Descriptor, Digest, Tag, annotation};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::source::{Listed, NamedTag};
use super::tree::{Found, Tree};

/// The file that says that a directory is a layout.
pub(super) const MARKER: &str = "oci-layout";
/// The file that lists what is in it.
pub(super) const INDEX: &str = "index.json";
/// Most bytes of that file.
const INDEX_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// A layout.
#[derive(Clone, Debug)]
pub(super) struct LayoutRepository {
    pub(super) root: Tree,
}

#[derive(Deserialize)]
struct Index<'i> {
    #[serde(borrow, default)]
    manifests: Option<Vec<&'i RawValue>>,
}

impl LayoutRepository {
    /// Returns the file of a blob or of a manifest; `None` when it is not there.
    pub(super) fn content(&self, digest: &Digest) -> io::Result<Option<Found>> {
        self.root.file(&content_path(digest))
    }

    /// Calls `each` with every manifest that is listed, until that returns false.
    pub(super) fn manifests(&self, each: &mut dyn FnMut(Listed) -> bool) -> io::Result<()> {
        let text = self.index()?;
        for (place, entry) in entries(&text)?.into_iter().enumerate() {
            let listed = match serde_json::from_str::<Descriptor>(entry.get()) {
                Ok(entry) => Listed::Manifest(entry.digest, Some(entry.media_type)),
                Err(error) => Listed::Broken { what: format!("entry {place} of {INDEX}"), reason: error.to_string() },
            };
            if !each(listed) {
                break;
            }
        }
        Ok(())
    }

    /// Calls `each` with every tag, until that returns false. A tag is as old as the file of its manifest; the format says nothing better.
    pub(super) fn tags(&self, each: &mut dyn FnMut(NamedTag) -> bool) -> io::Result<()> {
        let text = self.index()?;
        let mut named: BTreeMap<String, Vec<Digest>> = BTreeMap::new();
        for entry in entries(&text)? {
            // What cannot be read was told with the manifests.
            let Ok(mut entry) = serde_json::from_str::<Descriptor>(entry.get()) else { continue };
            if let Some(name) = entry.annotations.remove(annotation::REF_NAME) {
                let digests = named.entry(name).or_default();
                if !digests.contains(&entry.digest) && digests.len() < 2 {
                    digests.push(entry.digest);
                }
            }
        }
        for (name, digests) in named {
            let tag = match (name.parse::<Tag>(), digests.as_slice()) {
                (Err(error), _) => NamedTag::Broken { tag: name, reason: error.to_string() },
                (Ok(tag), [digest]) => match self.content(digest) {
                    Ok(found) => {
                        let at = found.map_or(0, |found| found.changed_at);
                        NamedTag::Named { tag, digest: *digest, at, past: Vec::new() }
                    }
                    Err(error) => NamedTag::Broken { tag: name, reason: error.to_string() },
                },
                (Ok(_), _) => {
                    NamedTag::Broken { tag: name, reason: format!("{INDEX} gives it to more than one manifest") }
                }
            };
            if !each(tag) {
                break;
            }
        }
        Ok(())
    }

    fn index(&self) -> io::Result<Vec<u8>> {
        let index = self.root.small(INDEX, INDEX_MAX_BYTES)?;
        index.map(|(bytes, _)| bytes).ok_or_else(|| io::Error::other(format!("there is no {INDEX}")))
    }
}

fn entries(text: &[u8]) -> io::Result<Vec<&RawValue>> {
    let index: Index<'_> =
        serde_json::from_slice(text).map_err(|error| io::Error::other(format!("{INDEX} cannot be read: {error}")))?;
    Ok(index.manifests.unwrap_or_default())
}

fn content_path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.encoded())
}

/// Calls `each` with the path of every file of content, until that returns false.
pub(super) fn contents(root: &Tree, each: &mut dyn FnMut(Digest, &str) -> io::Result<bool>) -> io::Result<()> {
    for algorithm in Algorithm::ALL {
        let path = format!("blobs/{algorithm}");
        let mut goes_on = true;
        root.each(&path, |entry| {
            if let Ok(digest) = format!("{algorithm}:{}", entry.name).parse() {
                goes_on = each(digest, &format!("{path}/{}", entry.name))?;
            }
            Ok(goes_on)
        })?;
        if !goes_on {
            break;
        }
    }
    Ok(())
}
