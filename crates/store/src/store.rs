//! The trait of everything a graph can live in.

use std::path::PathBuf;

use async_trait::async_trait;
use oci::{Descriptor, Digest, Host, Manifest, RepositoryName, Tag, Timestamp};

use crate::body::{BlobBody, BlobSource, Meter};
use crate::error::StoreError;
use crate::history::{TagMove, TagsThen};
use crate::tag_list::TagList;

/// One repository: a place for manifests, blobs, tags and the lists of what refers to what.
///
/// Absence is a value (`None`, an empty list), failure an error. Content is immutable and may be put again; a `put` that
/// returned is durable as far as the store is (files are fsynced, a registry has answered 201). Dropping a future cancels
/// it: nothing half-written becomes visible. Methods take `&self` and may be called concurrently.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Returns the place for messages, in the form a user would type (`127.0.0.1:5000/app`, `oci:build/image`).
    fn location(&self) -> &str;

    /// Returns what another store needs to know to take blobs from here without moving bytes.
    fn identity(&self) -> Identity;

    /// Returns how many requests may usefully be under way at once.
    fn concurrency(&self) -> usize;

    /// Returns how many small blobs may usefully be on their way from or to here at once. More than [`Store::concurrency`]
    /// where a blob takes several requests one after the other, and the store itself sees that not too many are under way.
    fn backlog(&self) -> usize {
        self.concurrency()
    }

    /// Returns what this store lists as its roots, tagged or not, in its order, without attachments; `None` for a store
    /// that cannot tell, such as a registry.
    async fn roots(&self) -> Result<Option<Vec<(Option<Tag>, Descriptor)>>, StoreError> {
        Ok(None)
    }

    /// Returns what `tag` points to: type, digest and size.
    async fn resolve(&self, tag: &Tag) -> Result<Option<Descriptor>, StoreError>;

    /// Returns type, digest and size of a manifest if it is there.
    async fn stat_manifest(&self, digest: &Digest) -> Result<Option<Descriptor>, StoreError>;

    /// Returns a manifest. Its bytes have been checked against `digest`.
    async fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, StoreError>;

    /// Puts a manifest under its digest. Says whether the store itself will list it for its subject.
    async fn put_manifest(&self, manifest: &Manifest) -> Result<SubjectIndexed, StoreError> {
        let _ = manifest;
        Err(read_only(self.location()))
    }

    /// Points `tag` to a manifest, which is put if it is not there yet. What it is made of must be there.
    async fn tag(&self, tag: &Tag, manifest: &Manifest) -> Result<(), StoreError> {
        let _ = (tag, manifest);
        Err(read_only(self.location()))
    }

    /// Records that a manifest which has been put is wanted for itself although no tag names it, for stores that list their
    /// roots apart from their content (a layout's `index.json`). Others do nothing.
    async fn keep_root(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let _ = manifest;
        Ok(())
    }

    /// Returns every tag, attachment tags among them, in no particular order. A repository that does not exist has none.
    async fn tags(&self) -> Result<Vec<Tag>, StoreError>;

    /// As [`Store::tags`], for somebody who has kept the cursors of an earlier list: a store that is asked page by page is asked for many
    /// pages at once then. What is there does not depend on the cursors, whatever they are.
    async fn tags_from(&self, cursors: &[Tag]) -> Result<TagList, StoreError> {
        let _ = cursors;
        Ok(TagList { tags: self.tags().await?, cursors: Vec::new() })
    }

    /// Returns the tags that begin with a text, sorted; `None` for a store that can only give all of them.
    async fn tags_beginning_with(&self, prefix: &str) -> Result<Option<Vec<Tag>>, StoreError> {
        let _ = prefix;
        Ok(None)
    }

    /// Returns how a tag has moved, the oldest first, as the store itself has noted it; `None` for one that does not say.
    async fn tag_history(&self, tag: &Tag) -> Result<Option<Vec<TagMove>>, StoreError> {
        let _ = tag;
        Ok(None)
    }

    /// Returns the tags that were there at the end of a second, as the store itself has noted it; `None` for one that does not say.
    async fn tags_then(&self, at: Timestamp) -> Result<Option<TagsThen>, StoreError> {
        let _ = at;
        Ok(None)
    }

    /// Points `tag` to a manifest that is there if it names `expected`, or nothing where that is `None`. Returns false when it names
    /// something else. What is expected is told as with [`Store::delete_tag_of`].
    async fn tag_in_place_of(
        &self,
        tag: &Tag,
        manifest: &Manifest,
        expected: Option<&Digest>,
    ) -> Result<bool, StoreError> {
        if self.resolve(tag).await?.map(|named| named.digest).as_ref() != expected {
            return Ok(false);
        }
        self.tag(tag, manifest).await?;
        Ok(true)
    }

    /// Returns the manifests whose subject is `subject`, only those of `artifact_type` if it is given.
    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers, StoreError>;

    /// Returns the size of a blob in bytes if it is there.
    async fn stat_blob(&self, digest: &Digest) -> Result<Option<u64>, StoreError>;

    /// Returns the bytes of a blob from `offset` (in bytes, at most its size) to its end. They are NOT checked against the
    /// digest: whoever consumes them does, over the whole ([`BlobBody::into_verified_stream`], or a `put_blob`).
    async fn open_blob(&self, descriptor: &Descriptor, offset: u64) -> Result<Option<BlobBody>, StoreError>;

    /// Takes note that what [`Store::open_blob`] gave last for a digest was other content. Tells whether it is worth opening again, as
    /// it comes from elsewhere then: for a store that reads from several places.
    fn distrust(&self, digest: &Digest) -> bool {
        let _ = digest;
        false
    }

    /// Moves a blob here. The content is checked against the descriptor's digest and size, by this method or by the other
    /// side where that is known to check; on mismatch nothing becomes visible. `meter` counts the bytes as they move.
    async fn put_blob(
        &self,
        descriptor: &Descriptor,
        source: &dyn BlobSource,
        meter: &Meter,
    ) -> Result<Put, StoreError> {
        let _ = (descriptor, source, meter);
        Err(read_only(self.location()))
    }

    /// Takes a blob from another store without moving bytes, if the two can: a mount within a registry, a link within a
    /// file system. Returns false when they cannot; then nothing has changed.
    async fn adopt_blob(&self, descriptor: &Descriptor, from: &Identity) -> Result<bool, StoreError> {
        let _ = (descriptor, from);
        Ok(false)
    }

    /// Removes a manifest and every tag that points to it. Returns false when it was not there.
    async fn delete_manifest(&self, digest: &Digest) -> Result<bool, StoreError> {
        let _ = digest;
        Err(read_only(self.location()))
    }

    /// Removes a tag. Returns false when it was not there.
    async fn delete_tag(&self, tag: &Tag) -> Result<bool, StoreError> {
        let _ = tag;
        Err(read_only(self.location()))
    }

    /// Removes a tag if it names this manifest. A store that is asked over a network is told what is expected along with the
    /// request; one that does not heed it has been asked right before.
    async fn delete_tag_of(&self, tag: &Tag, manifest: &Digest) -> Result<Untagged, StoreError> {
        match self.resolve(tag).await? {
            Some(named) if named.digest != *manifest => Ok(Untagged::Moved),
            Some(_) if self.delete_tag(tag).await? => Ok(Untagged::Removed),
            _ => Ok(Untagged::Absent),
        }
    }

    /// Removes a blob from this repository. Returns false when it was not there.
    async fn delete_blob(&self, digest: &Digest) -> Result<bool, StoreError> {
        let _ = digest;
        Err(read_only(self.location()))
    }

    /// Makes everything put so far final, for stores that write at the end (an archive). Others do nothing.
    async fn finish(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn read_only(location: &str) -> StoreError {
    StoreError::Unsupported { location: location.to_owned(), action: "be changed: it is only read" }
}

/// What another store needs to know to take blobs from one without moving bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// A repository of a registry.
    Repository {
        /// The registry.
        host: Host,
        /// The repository.
        name: RepositoryName,
    },
    /// A directory with `blobs/<algorithm>/<encoded>` in it.
    Directory(PathBuf),
    /// A place from which nothing can be taken.
    Opaque,
}

/// What a put did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The bytes were moved.
    Stored,
    /// The content was there.
    AlreadyThere,
}

/// What became of a tag that was to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untagged {
    /// It was removed.
    Removed,
    /// It was not there.
    Absent,
    /// It names something else, and was left.
    Moved,
}

/// Whether a store lists a manifest that was put for the manifest's subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectIndexed {
    /// It does, or the manifest has no subject.
    Yes,
    /// It does not: the client has to keep the fallback tag (distribution-spec, "Referrers Tag Schema").
    No,
}

/// A list of referrers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Referrers {
    /// What the store lists, the whole of it.
    Listed(Vec<Descriptor>),
    /// The store keeps no such lists: the fallback tag has to be read.
    Unsupported,
}
