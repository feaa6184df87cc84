//! The directory of a distribution registry (its file-system driver, versions 2 and 3).
//!
//! ```text
//!   blobs/sha256/ab/abcd…/data                                    bytes, of manifests too, for all repositories
//!   repositories/NAME/_layers/sha256/abcd…/link                   the repository has this blob
//!   repositories/NAME/_manifests/revisions/sha256/abcd…/link      the repository has this manifest
//!   repositories/NAME/_manifests/tags/TAG/current/link            the tag names this manifest
//!   repositories/NAME/_manifests/tags/TAG/index/sha256/abcd…/link it did, at the time of the file
//! ```
//!
//! A blob counts only where the repository has a link to it, as it does for that registry.

use std::io;

use oci::{Algorithm, Digest, Tag};

use super::source::{Listed, NamedTag};
use super::tree::{Found, Tree};

/// Most bytes of a file that says which digest is meant.
const LINK_MAX_BYTES: u64 = 256;
/// Most manifests of the past of a tag that are taken over, the latest ones.
const PAST_MAX: usize = 1000;

/// A repository in such a directory.
#[derive(Clone, Debug)]
pub(super) struct LinkedRepository {
    /// The directory with `blobs` and `repositories`.
    pub(super) root: Tree,
    /// The repository's own, below it.
    pub(super) path: String,
}

impl LinkedRepository {
    /// Returns the bytes of a manifest's file; `None` when the repository has no such manifest.
    pub(super) fn manifest(&self, digest: &Digest) -> io::Result<Option<Found>> {
        self.linked("_manifests/revisions", digest)
    }

    /// Returns the file of a blob; `None` when the repository has no such blob.
    pub(super) fn blob(&self, digest: &Digest) -> io::Result<Option<Found>> {
        self.linked("_layers", digest)
    }

    /// Calls `each` with every manifest, until that returns false.
    pub(super) fn manifests(&self, each: &mut dyn FnMut(Listed) -> bool) -> io::Result<()> {
        let revisions = format!("{}/_manifests/revisions", self.path);
        let digests = &mut |digest, _: &str| Ok(each(Listed::Manifest(digest, None)));
        digests_in(&self.root, &revisions, digests)
    }

    /// Calls `each` with every tag, until that returns false.
    pub(super) fn tags(&self, each: &mut dyn FnMut(NamedTag) -> bool) -> io::Result<()> {
        let tags = format!("{}/_manifests/tags", self.path);
        self.root.each(&tags, |entry| {
            if !entry.is_directory {
                return Ok(true);
            }
            let path = format!("{tags}/{}", entry.name);
            let digest = self
                .link(&format!("{path}/current/link"))
                .and_then(|link| link.ok_or_else(|| io::Error::other("nothing says which manifest it names")));
            Ok(each(match (entry.name.parse::<Tag>(), digest) {
                (Ok(tag), Ok((digest, at))) => match self.past(&path, &digest) {
                    Ok(past) => NamedTag::Named { tag, digest, at, past },
                    Err(error) => NamedTag::Broken { tag: entry.name, reason: error.to_string() },
                },
                (Err(error), _) => NamedTag::Broken { tag: entry.name, reason: error.to_string() },
                (_, Err(error)) => NamedTag::Broken { tag: entry.name, reason: error.to_string() },
            }))
        })
    }

    /// Returns what a tag named before, the earliest first, and since when.
    fn past(&self, tag: &str, current: &Digest) -> io::Result<Vec<(Digest, i64)>> {
        let mut past = Vec::new();
        let collect = &mut |digest: Digest, path: &str| {
            if digest != *current
                && let Some((linked, at)) = self.link(path)?
                && linked == digest
            {
                past.push((digest, at));
                if past.len() > 2 * PAST_MAX {
                    keep_latest(&mut past);
                }
            }
            Ok(true)
        };
        digests_in(&self.root, &format!("{tag}/index"), collect)?;
        keep_latest(&mut past);
        Ok(past)
    }

    /// Returns the digest in a file, and when the file was written; `None` when there is none.
    fn link(&self, path: &str) -> io::Result<Option<(Digest, i64)>> {
        let Some((bytes, at)) = self.root.small(path, LINK_MAX_BYTES)? else { return Ok(None) };
        let digest = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok());
        let digest = digest.ok_or_else(|| io::Error::other("a link of it does not hold a digest"))?;
        Ok(Some((digest, at)))
    }

    fn linked(&self, kind: &str, digest: &Digest) -> io::Result<Option<Found>> {
        let (algorithm, encoded) = (digest.algorithm(), digest.encoded());
        match self.link(&format!("{}/{kind}/{algorithm}/{encoded}/link", self.path))? {
            Some((linked, _)) if linked == *digest => self.root.file(&blob_path(digest)),
            Some(_) => Err(io::Error::other("its link holds another digest")),
            None => Ok(None),
        }
    }
}

/// Returns where the bytes of a digest lie.
fn blob_path(digest: &Digest) -> String {
    let encoded = digest.encoded();
    // A digest in hexadecimal has more than two characters, all of one byte.
    format!("blobs/{}/{}/{encoded}/data", digest.algorithm(), &encoded[..2])
}

/// Calls `each` with every digest whose directory lies in `path`, and the path of its link, until that returns false.
fn digests_in(tree: &Tree, path: &str, each: &mut dyn FnMut(Digest, &str) -> io::Result<bool>) -> io::Result<()> {
    for algorithm in Algorithm::ALL {
        let path = format!("{path}/{algorithm}");
        let mut goes_on = true;
        tree.each(&path, |entry| {
            if let Ok(digest) = format!("{algorithm}:{}", entry.name).parse() {
                goes_on = each(digest, &format!("{path}/{}/link", entry.name))?;
            }
            Ok(goes_on)
        })?;
        if !goes_on {
            break;
        }
    }
    Ok(())
}

/// Sorts what a tag named by its time, and drops the earliest beyond [`PAST_MAX`].
fn keep_latest(past: &mut Vec<(Digest, i64)>) {
    past.sort_unstable_by_key(|(digest, at)| (*at, *digest));
    let surplus = past.len().saturating_sub(PAST_MAX);
    past.drain(..surplus);
}

/// Calls `each` with the path of every file of bytes, until that returns false.
pub(super) fn blobs(root: &Tree, each: &mut dyn FnMut(Digest, &str) -> io::Result<bool>) -> io::Result<()> {
    for algorithm in Algorithm::ALL {
        let path = format!("blobs/{algorithm}");
        let mut goes_on = true;
        root.each(&path, |two| {
            let path = format!("{path}/{}", two.name);
            if two.is_directory {
                root.each(&path, |entry| {
                    if let Ok(digest) = format!("{algorithm}:{}", entry.name).parse::<Digest>()
                        && entry.name.starts_with(&two.name)
                    {
                        goes_on = each(digest, &format!("{path}/{}/data", entry.name))?;
                    }
                    Ok(goes_on)
                })?;
            }
            Ok(goes_on)
        })?;
        if !goes_on {
            break;
        }
    }
    Ok(())
}
