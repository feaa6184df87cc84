//! Tags, when all manifests are there.

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use oci::{Algorithm, Digest, Manifest, Tag};

use super::report::LeftOut;
use super::source::NamedTag;
use super::take::{Stopped, Taken};
use super::walk::walked;
use crate::route::ManifestName;
use crate::storage::{ImportedTag, StorageError, TagImport};

/// Tags that are set at once.
const TOGETHER: usize = 16;
/// Digits of a digest in a fallback tag (distribution-spec, "Referrers Tag Schema").
const FALLBACK_DIGITS: usize = 64;

impl Taken<'_> {
    /// Sets every tag whose manifest is there.
    pub(super) async fn tags(&self) -> Result<(), Stopped> {
        let tags = walked({
            let source = Arc::clone(&self.source);
            move |each| source.tags(each)
        });
        let set = tags.map_err(Stopped::Source).try_for_each_concurrent(TOGETHER, |named| async move {
            match named {
                NamedTag::Named { tag, digest, at, past } => Ok(self.tag(tag, digest, at, past).await?),
                NamedTag::Broken { tag, reason } => {
                    self.leave_out_tag(tag, reason);
                    Ok(())
                }
            }
        });
        set.await
    }

    async fn tag(&self, tag: Tag, digest: Digest, at: i64, past: Vec<(Digest, i64)>) -> Result<(), StorageError> {
        if let Err(reason) = self.manifest(digest, None, 0).await? {
            self.leave_out_tag(tag.to_string(), format!("{digest} is not taken: {reason}"));
            return Ok(());
        }
        let report = &self.take.report;
        if self.says_nothing_new(&tag, digest).await? {
            report.add(|imported| imported.folded += 1);
            return Ok(());
        }
        let text = tag.to_string();
        let immutable = self.take.import.immutable.clone();
        let import = TagImport { repository: self.name.clone(), tag, digest, at, past, immutable };
        let reason = match self.take.storage.import_tag(import).await? {
            ImportedTag::Moved(moves) => {
                report.add(|imported| {
                    imported.tags += 1;
                    imported.moves += moves;
                });
                return Ok(());
            }
            ImportedTag::Same => {
                report.add(|imported| imported.present += 1);
                return Ok(());
            }
            ImportedTag::Kept => "it was moved or removed here otherwise than by an import, and stays so",
            ImportedTag::Immutable => "it is immutable here, and names something else",
            ImportedTag::Missing => "its manifest was taken away meanwhile",
        };
        self.leave_out_tag(text, reason.to_owned());
        Ok(())
    }

    /// Tells whether a tag is a list of referrers for clients of registries without the API, and names only what this registry lists
    /// anyway. Such a list is not set: nobody would keep it up to date, and it would hold what is to go with its subject. What names
    /// no subject itself would be lost without the list; then that is a tag as any other.
    async fn says_nothing_new(&self, tag: &Tag, digest: Digest) -> Result<bool, StorageError> {
        if !is_fallback(tag) {
            return Ok(false);
        }
        let Some(list) = self.parsed(digest).await? else { return Ok(false) };
        for entry in list.children() {
            let subject = match self.parsed(entry.digest).await? {
                Some(referrer) => referrer.subject().map(|subject| subject.digest),
                None => None,
            };
            if subject.is_none_or(|subject| Tag::referrers_fallback(&subject) != *tag) {
                return Ok(false);
            }
        }
        Ok(list.layers().is_empty() && list.config().is_none())
    }

    /// Returns a manifest that the repository has here.
    async fn parsed(&self, digest: Digest) -> Result<Option<Manifest>, StorageError> {
        let found = self.take.storage.manifest(&self.name, &ManifestName::Digest(digest)).await?;
        Ok(found.and_then(|found| {
            Manifest::parse(found.bytes.clone(), Some(&found.descriptor.media_type), Some(&digest)).ok()
        }))
    }

    fn leave_out_tag(&self, tag: String, reason: String) {
        self.take.report.leave_out(LeftOut::Tag { repository: self.name.clone(), tag, reason });
    }
}

/// Tells whether a tag is of the form of a fallback tag.
fn is_fallback(tag: &Tag) -> bool {
    tag.as_str().split_once('-').is_some_and(|(algorithm, digits)| {
        algorithm.parse::<Algorithm>().is_ok()
            && digits.len() == FALLBACK_DIGITS
            && digits.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit))
    })
}
