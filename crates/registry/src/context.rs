//! What a handler knows of its request.

use axum::http::{HeaderMap, HeaderName};
use oci::{Digest, RepositoryName};

use crate::access::Grant;
use crate::error::{ApiError, Code};
use crate::outgoing::Outlet;
use crate::peer::Client;
use crate::query::Query;
use crate::registry::Shared;
use crate::route::UploadId;
use crate::storage::Storage;

pub(crate) struct Context<'r> {
    pub(crate) shared: &'r Shared,
    pub(crate) name: RepositoryName,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) query: Query,
    pub(crate) grant: Grant,
    pub(crate) client: Client,
    /// Whether the body of the answer is thrown away.
    pub(crate) is_head: bool,
    /// Where files go out on the request's connection, if they can.
    pub(crate) outlet: Option<&'r Outlet>,
}

impl Context<'_> {
    pub(crate) fn storage(&self) -> &Storage {
        &self.shared.storage
    }

    /// Returns what a caller is told who asks for something that is not there: `unknown`, or that there is no such repository.
    pub(crate) async fn absent(&self, unknown: ApiError) -> ApiError {
        match Box::pin(self.storage().has_repository(&self.name)).await {
            Ok(true) => unknown,
            Ok(false) => ApiError::name_unknown(&self.name),
            Err(error) => error.into(),
        }
    }

    /// Returns what has a share of what everybody may have together: the user, or the address where nobody is known.
    pub(crate) fn owner(&self) -> Option<String> {
        let user = self.grant.identity().name().map(|name| format!("user {name}"));
        user.or_else(|| self.client.subnet().map(|subnet| format!("address {subnet}")))
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
