//! Blobs in a bucket of an S3 service: `blobs/<name>`, named by the upload that brought them and not by their digest, so that
//! making an upload a blob is one call and copies nothing.
//!
//! What arrives goes into parts of a multipart upload; a blob that is smaller than a part is put at once. What does not fill a
//! part yet is kept in an object of its own (`uploads/<name>-<length>`) while nobody writes, so that another node can go on. A
//! bucket should have a rule that aborts multipart uploads after some days: those of nodes that vanished stay otherwise.

mod writer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::multipart::MultipartStore as _;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, ObjectStore as _, ObjectStoreExt as _, PutPayload, RetryConfig,
};
use store::{BlobBody, StoreError};

use super::{BlobStorage, BlobWriter, Listed, StorageError};
use writer::{ObjectWriter, State};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the service may bring nothing.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How often, and for how long, a request is tried again.
const RETRIES_MAX: usize = 5;
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);
/// Shortest and longest pause before it is.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// What stands before the status in the text of an error of the library.
const STATUS_TEXT: &str = "non-2xx status code: ";
/// Request Timeout and Too Many Requests: the same may be done later.
const PATIENCE: [u16; 2] = [408, 429];
/// What a service says when the bucket is not there, in the text of an answer with 404.
const NO_BUCKET: &str = "NoSuchBucket";

/// A bucket, and the key to it.
#[derive(Clone)]
pub struct Bucket {
    /// The URL of the service; without it, that of AWS in the region. Plain HTTP where it says `http://`.
    pub endpoint: Option<String>,
    /// The region.
    pub region: String,
    /// The name of the bucket.
    pub name: String,
    /// What the names of all objects begin with; nothing where it is empty.
    pub prefix: String,
    /// Whether the bucket is named in the path, and not in the host.
    pub path_style: bool,
    /// The name of the key.
    pub access_key: String,
    /// The secret part of the key. It never shows.
    pub secret_key: String,
    /// The token that goes with a key for a time. It never shows.
    pub session_token: Option<String>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("endpoint", &self.endpoint).field("name", &self.name).finish_non_exhaustive()
    }
}

impl Bucket {
    /// Returns the URL of the service as it is asked for this bucket.
    fn host(&self, endpoint: &str) -> String {
        match endpoint.split_once("://") {
            Some((scheme, host)) if !self.path_style => format!("{scheme}://{}.{host}", self.name),
            _ => endpoint.to_owned(),
        }
    }
}

/// Blobs in a bucket.
#[derive(Clone, Debug)]
pub struct BlobObjects(Arc<PrefixStore<AmazonS3>>);

impl BlobObjects {
    /// Returns the blobs in a bucket. Nothing is asked of the service yet.
    ///
    /// # Errors
    /// [`StorageError::Objects`] when the description of the bucket makes no sense.
    pub fn new(bucket: &Bucket) -> Result<Self, StorageError> {
        let is_plain = bucket.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let client = ClientOptions::new()
            .with_timeout_disabled()
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_read_timeout(READ_TIMEOUT)
            .with_allow_http(is_plain);
        let (init_backoff, max_backoff) = PAUSE;
        let retry = RetryConfig {
            backoff: BackoffConfig { init_backoff, max_backoff, base: 2.0 },
            max_retries: RETRIES_MAX,
            retry_timeout: RETRY_TIMEOUT,
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&bucket.name)
            .with_region(&bucket.region)
            .with_access_key_id(&bucket.access_key)
            .with_secret_access_key(&bucket.secret_key)
            .with_client_options(client)
            .with_virtual_hosted_style_request(!bucket.path_style)
            .with_retry(retry);
        if let Some(token) = &bucket.session_token {
            builder = builder.with_token(token);
        }
        if let Some(endpoint) = &bucket.endpoint {
            builder = builder.with_endpoint(bucket.host(endpoint));
        }
        let prefix = Path::parse(&bucket.prefix).map_err(object_store::Error::from)?;
        Ok(Self(Arc::new(PrefixStore::new(builder.build()?, prefix))))
    }

    /// Makes sure that the bucket is there, and that the key may put, read and delete in it. What it puts for that is in `uploads/`, and
    /// gone when this returns.
    ///
    /// # Errors
    /// [`StorageError::Objects`] when the service refuses for good, [`StorageError::Unavailable`] when it cannot be reached.
    pub async fn check(&self) -> Result<(), StorageError> {
        // Other nodes may begin at the same time.
        let path = Path::from(format!("uploads/check-{:032x}", rand::random::<u128>()));
        self.0.put(&path, PutPayload::from_static(b"check")).await?;
        let read = async { self.0.get(&path).await?.bytes().await };
        let read = read.await.map(|_| ());
        self.0.delete(&path).await?;
        Ok(read?)
    }

    async fn delete(&self, path: &Path) -> Result<(), StorageError> {
        match self.0.delete(path).await {
            Err(error) if !is_absent(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl BlobStorage for BlobObjects {
    async fn begin(&self, name: &str) -> Result<Box<dyn BlobWriter>, StorageError> {
        Ok(Box::new(ObjectWriter::new(self.clone(), name)))
    }

    async fn resume(
        &self,
        name: &str,
        written: u64,
        state: &[u8],
    ) -> Result<Option<Box<dyn BlobWriter>>, StorageError> {
        let Some(state) = State::parse(state) else { return Ok(None) };
        let resumed = ObjectWriter::resume(self.clone(), name, state, written).await?;
        Ok(resumed.map(|writer| Box::new(writer) as Box<dyn BlobWriter>))
    }

    async fn discard(&self, name: &str, state: &[u8]) -> Result<(), StorageError> {
        let Some(state) = State::parse(state) else { return Ok(()) };
        for tail in &state.tails {
            self.delete(&Path::from(tail.as_str())).await?;
        }
        if let Some(id) = &state.multipart {
            match self.0.abort_multipart(&blob(name), id).await {
                // It was completed or aborted before.
                Err(error) if !is_absent(&error) => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    async fn open(&self, place: &str, offset: u64, length: u64) -> Result<Option<BlobBody>, StorageError> {
        if length == 0 {
            return Ok(Some(BlobBody::from_bytes(Bytes::new())));
        }
        let options = GetOptions::new().with_range(Some(offset..offset.saturating_add(length)));
        match self.0.get_opts(&Path::from(place), options).await {
            Ok(found) => {
                let location = place.to_owned();
                let stream = found.into_stream().map(move |chunk| {
                    chunk.map_err(|error| StoreError::Unreachable {
                        location: location.clone(),
                        reason: "the bucket broke off".to_owned(),
                        source: Some(error.into()),
                    })
                });
                Ok(Some(BlobBody::from_stream(length, stream.boxed())))
            }
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn remove(&self, place: &str) -> Result<(), StorageError> {
        self.delete(&Path::from(place)).await
    }

    async fn put(&self, place: &str, bytes: Bytes) -> Result<(), StorageError> {
        self.0.put(&Path::from(place), bytes.into()).await?;
        Ok(())
    }

    async fn size(&self, place: &str) -> Result<Option<u64>, StorageError> {
        match self.0.head(&Path::from(place)).await {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn list(&self, directory: &str, after: &str, limit: usize) -> Result<Vec<Listed>, StorageError> {
        let directory = (!directory.is_empty()).then(|| Path::from(directory));
        let found = match after {
            "" => self.0.list(directory.as_ref()),
            after => self.0.list_with_offset(directory.as_ref(), &Path::from(after)),
        };
        let listed = found.take(limit).map(|found| {
            let found = found?;
            let changed = u64::try_from(found.last_modified.timestamp_millis()).unwrap_or_default();
            let changed = Duration::from_millis(changed);
            Ok(Listed { place: found.location.to_string(), size: found.size, changed })
        });
        listed.try_collect().await
    }
}

/// Returns where a blob is.
fn blob(name: &str) -> Path {
    Path::from(format!("blobs/{name}"))
}

impl From<object_store::Error> for StorageError {
    /// What a service fails at after all tries it may do later; what it refuses it refuses.
    fn from(error: object_store::Error) -> Self {
        match error {
            error @ object_store::Error::Generic { .. } if !is_refusal(&error) => Self::Unavailable(Arc::new(error)),
            error => Self::Objects(Arc::new(error)),
        }
    }
}

/// Tells whether the object is not there, and not the whole bucket.
fn is_absent(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { source, .. } if !source.to_string().contains(NO_BUCKET))
}

/// Tells whether a service answered with a status that says the same when it is asked again: 4xx, but for those that ask for patience.
fn is_refusal(error: &(dyn std::error::Error + 'static)) -> bool {
    // The library keeps the type of this error to itself; its text has the status.
    let status = |error: &(dyn std::error::Error + 'static)| {
        let text = error.to_string();
        let (_, rest) = text.split_once(STATUS_TEXT)?;
        rest.get(..3)?.parse::<u16>().ok()
    };
    std::iter::successors(Some(error), |error| error.source())
        .find_map(status)
        .is_some_and(|status| (400..500).contains(&status) && !PATIENCE.contains(&status))
}
