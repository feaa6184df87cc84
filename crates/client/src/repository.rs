//! A repository of a registry, as a store.

use std::sync::Arc;

use async_trait::async_trait;
use oci::{Descriptor, Digest, Manifest, RepositoryName, Tag, Timestamp};
use reqwest::Url;
use store::history::{TagMove, TagsThen};
use store::tag_list::TagList;
use store::{BlobBody, BlobSource, Identity, Meter, Put, Referrers, Store, StoreError, SubjectIndexed, Untagged};

use crate::auth::{Access, Scope};
use crate::host::{Context, Registry};
use crate::{blobs, delete, download, history, manifests, mount, referrers, tags, upload};

/// A small blob takes three requests one after the other: for its content, for a session, and with the content.
const REQUESTS_PER_BLOB: usize = 3;

/// A repository of a registry. Cloning is cheap.
#[derive(Clone)]
pub struct Repository(Arc<Inner>);

struct Inner {
    registry: Arc<Registry>,
    name: RepositoryName,
    location: String,
    pull: Scope,
    push: Scope,
    delete: Scope,
}

impl Repository {
    pub(crate) fn new(registry: Arc<Registry>, name: RepositoryName) -> Self {
        let location = format!("{}/{name}", registry.name());
        let scope = |access| Scope::of(&name, access);
        let (pull, push, delete) = (scope(Access::Pull), scope(Access::Push), scope(Access::Delete));
        Self(Arc::new(Inner { registry, name, location, pull, push, delete }))
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.0.registry
    }

    pub(crate) fn name(&self) -> &RepositoryName {
        &self.0.name
    }

    /// Returns the URL of something in this repository, after the registry has been asked what it speaks.
    pub(crate) async fn url(&self, rest: &str) -> Result<Url, StoreError> {
        let mut url = self.0.registry.base().await?.clone();
        // Names, tags and digests consist of characters that need no escaping.
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        url.set_path(&format!("{}/{}/{path}", self.0.registry.api_path(), self.0.name));
        url.set_query(query);
        Ok(url)
    }

    /// Returns the context of a request that does `action`.
    pub(crate) fn context<'a>(&'a self, action: &'a str, access: Access) -> Context<'a> {
        let scope = match access {
            Access::Pull => &self.0.pull,
            Access::Push => &self.0.push,
            Access::Delete => &self.0.delete,
        };
        Context { location: &self.0.location, action, repository: Some(&self.0.name), scope, without_permit: false }
    }
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Repository({})", self.0.location)
    }
}

#[async_trait]
impl Store for Repository {
    fn location(&self) -> &str {
        &self.0.location
    }

    fn identity(&self) -> Identity {
        Identity::Repository { host: self.0.registry.name().clone(), name: self.0.name.clone() }
    }

    fn concurrency(&self) -> usize {
        self.0.registry.options.concurrency_per_host.max(1)
    }

    fn backlog(&self) -> usize {
        self.concurrency().saturating_mul(REQUESTS_PER_BLOB)
    }

    async fn resolve(&self, tag: &Tag) -> Result<Option<Descriptor>, StoreError> {
        manifests::resolve(self, tag).await
    }

    async fn stat_manifest(&self, digest: &Digest) -> Result<Option<Descriptor>, StoreError> {
        manifests::stat(self, digest).await
    }

    async fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, StoreError> {
        manifests::get(self, digest).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<SubjectIndexed, StoreError> {
        manifests::put(self, manifest).await
    }

    async fn tag(&self, tag: &Tag, manifest: &Manifest) -> Result<(), StoreError> {
        manifests::tag(self, tag, manifest).await
    }

    async fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        Ok(self.tags_from(&[]).await?.tags)
    }

    async fn tags_from(&self, cursors: &[Tag]) -> Result<TagList, StoreError> {
        tags::list(self, cursors).await
    }

    async fn tags_beginning_with(&self, prefix: &str) -> Result<Option<Vec<Tag>>, StoreError> {
        tags::beginning::list(self, prefix).await
    }

    async fn tag_history(&self, tag: &Tag) -> Result<Option<Vec<TagMove>>, StoreError> {
        history::moves(self, tag).await
    }

    async fn tags_then(&self, at: Timestamp) -> Result<Option<TagsThen>, StoreError> {
        history::tags_then(self, at).await
    }

    async fn tag_in_place_of(
        &self,
        tag: &Tag,
        manifest: &Manifest,
        expected: Option<&Digest>,
    ) -> Result<bool, StoreError> {
        manifests::tag_in_place_of(self, tag, manifest, expected).await
    }

    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers, StoreError> {
        referrers::list(self, subject, artifact_type).await
    }

    async fn stat_blob(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        blobs::stat(self, digest).await
    }

    async fn open_blob(&self, descriptor: &Descriptor, offset: u64) -> Result<Option<BlobBody>, StoreError> {
        download::open(self, descriptor, offset).await
    }

    async fn put_blob(
        &self,
        descriptor: &Descriptor,
        source: &dyn BlobSource,
        meter: &Meter,
    ) -> Result<Put, StoreError> {
        upload::put(self, descriptor, source, meter).await
    }

    async fn adopt_blob(&self, descriptor: &Descriptor, from: &Identity) -> Result<bool, StoreError> {
        mount::adopt(self, descriptor, from).await
    }

    async fn delete_manifest(&self, digest: &Digest) -> Result<bool, StoreError> {
        delete::manifest(self, digest).await
    }

    async fn delete_tag(&self, tag: &Tag) -> Result<bool, StoreError> {
        delete::tag(self, tag).await
    }

    async fn delete_tag_of(&self, tag: &Tag, manifest: &Digest) -> Result<Untagged, StoreError> {
        delete::tag_of(self, tag, manifest).await
    }

    async fn delete_blob(&self, digest: &Digest) -> Result<bool, StoreError> {
        delete::blob(self, digest).await
    }
}
