//! What a handler knows of its request.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName};
use oci::{Digest, RepositoryName};
use store::Store;

use crate::access::Grant;
use crate::error::{ApiError, Code};
use crate::query::Query;
use crate::registry::Shared;
use crate::route::UploadId;

pub(crate) struct Context<'r> {
    pub(crate) shared: &'r Shared,
    pub(crate) name: RepositoryName,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) query: Query,
    pub(crate) grant: Grant,
}

impl Context<'_> {
    /// Returns the repository if there is one.
    pub(crate) async fn repository_if_any(&self) -> Result<Option<Arc<dyn Store>>, ApiError> {
        Ok(self.shared.repositories.open(&self.name, false).await?)
    }

    /// Returns the repository; 404 if there is none.
    pub(crate) async fn repository(&self) -> Result<Arc<dyn Store>, ApiError> {
        self.repository_if_any().await?.ok_or_else(|| ApiError::name_unknown(&self.name))
    }

    /// Returns the repository, made if there is none yet.
    pub(crate) async fn repository_or_new(&self) -> Result<Arc<dyn Store>, ApiError> {
        let made = self.shared.repositories.open(&self.name, true).await?;
        made.ok_or_else(|| ApiError::name_unknown(&self.name))
    }

    /// Returns the value of a header if it is there and text.
    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the value of a query parameter that is a digest.
    pub(crate) fn digest_parameter(&self, key: &str) -> Result<Option<Digest>, ApiError> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|error: oci::DigestError| ApiError::bad_request(Code::DigestInvalid, error.to_string()))
        };
        self.query.get(key).map(parse).transpose()
    }

    pub(crate) fn blob_path(&self, digest: &Digest) -> String {
        format!("/v2/{}/blobs/{digest}", self.name)
    }

    pub(crate) fn manifest_path(&self, digest: &Digest) -> String {
        format!("/v2/{}/manifests/{digest}", self.name)
    }

    pub(crate) fn upload_path(&self, id: UploadId) -> String {
        format!("/v2/{}/blobs/uploads/{id}", self.name)
    }
}
