//! What is to be copied from where to where.

use std::sync::Arc;

use async_trait::async_trait;
use graph::WalkOptions;
use oci::{Descriptor, Digest, Selector, Tag};
use store::{BlobBody, Store, StoreError};

use crate::narrow::Narrowed;

/// One or more images of one source repository that go to one destination repository.
#[derive(Clone, Debug)]
pub struct Route {
    /// Where they are.
    pub source: Arc<dyn Store>,
    /// Where they go.
    pub destination: Arc<dyn Store>,
    /// The images.
    pub roots: Vec<RootRequest>,
    /// The source's tags, where they have been listed already.
    pub source_tags: Option<Vec<Tag>>,
    /// Who brings non-distributable layers that the source does not have from the URLs that their descriptors name; without
    /// one such a layer is a loss.
    pub urls: Option<Arc<dyn UrlSource>>,
}

/// Where blobs are that no store has.
#[async_trait]
pub trait UrlSource: std::fmt::Debug + Send + Sync {
    /// Returns the bytes of a blob from `offset` to its end, unverified. `None` when they are not there.
    ///
    /// # Errors
    /// When the server of the URL cannot be asked or does not give them.
    async fn open_url(&self, url: &str, descriptor: &Descriptor, offset: u64) -> Result<Option<BlobBody>, StoreError>;
}

/// One image, index or application to copy.
#[derive(Clone, Debug, Default)]
pub struct RootRequest {
    /// What it is called at the source. Where a digest is given it decides.
    pub selector: Selector,
    /// What it will be called at the destination; none leaves it untagged.
    pub tag: Option<Tag>,
    /// What was made here in its place and the source does not have: an index narrowed to some platforms.
    pub narrowed: Option<Narrowed>,
    /// Manifests that are known to belong to it, such as artifacts: a source that does not show one of them is not copied.
    pub required: Vec<Digest>,
}

/// What belongs to a copy and how it is done.
#[derive(Clone, Copy, Debug, Default)]
pub struct CopyOptions {
    /// Which artifacts belong to it.
    pub walk: WalkOptions,
    /// Whether non-distributable layers are copied too.
    pub include_foreign_layers: bool,
    /// Whether the other routes go on when one fails.
    pub keep_going: bool,
    /// Whether nothing is assumed of a destination that has the root: every node is asked for.
    pub recheck: bool,
    /// How many blobs move at once; `None` leaves it to the stores.
    pub jobs: Option<usize>,
}
