//! How a client behaves.

use std::path::PathBuf;
use std::time::Duration;

use crate::credentials::Credentials;
use crate::profile::Profiles;
use crate::proxies::Proxies;
use crate::routing::Routing;

/// How a client behaves. Every value comes from the caller: the client reads no configuration, and nothing of the environment.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Use plain HTTP with every registry. Loopback registries are asked what they speak otherwise.
    pub plain_http: bool,
    /// Do not check certificates.
    pub insecure_skip_tls_verify: bool,
    /// Certificates (PEM) that are trusted beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// Where requests for a repository go.
    pub routing: Routing,
    /// What requests go through.
    pub proxies: Proxies,
    /// How long a request may make no progress before it counts as failed. There is no limit on a transfer that moves.
    pub timeout: Duration,
    /// Most requests under way to one registry.
    pub concurrency_per_host: usize,
    /// What is said to registries about this program.
    pub user_agent: String,
    /// User names, passwords and tokens by registry.
    pub credentials: Credentials,
    /// Where it is kept what registries do and do not do.
    pub profiles: Profiles,
    /// When and how failed requests are repeated.
    pub retry: RetryPolicy,
    /// When large blobs are downloaded in parts.
    pub parallel: ParallelDownloads,
    /// How blobs are uploaded.
    pub upload: UploadMode,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            plain_http: false,
            insecure_skip_tls_verify: false,
            ca_file: None,
            routing: Routing::default(),
            proxies: Proxies::default(),
            timeout: Duration::from_mins(1),
            concurrency_per_host: 32,
            user_agent: concat!("supercargo/", env!("CARGO_PKG_VERSION")).to_owned(),
            credentials: Credentials::default(),
            profiles: Profiles::default(),
            retry: RetryPolicy::default(),
            parallel: ParallelDownloads::default(),
            upload: UploadMode::default(),
        }
    }
}

/// When and how failed requests are repeated: exponential backoff with full jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Most tries of one request, the first included; at least 1 is made.
    pub attempts: u32,
    /// Upper bound of the first delay. It doubles with every try; the delay itself is drawn between zero and the bound.
    pub base: Duration,
    /// Upper bound of every delay.
    pub cap: Duration,
    /// Longest `Retry-After` that is honoured; a longer one is cut to this.
    pub retry_after_cap: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            base: Duration::from_millis(250),
            cap: Duration::from_secs(15),
            retry_after_cap: Duration::from_mins(1),
        }
    }
}

/// When large blobs are downloaded in parts, over several connections at once: where one alone turns out to be slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParallelDownloads {
    /// Most connections for the parts of blobs of one registry; fewer than two mean that there are no parts.
    pub connections: usize,
    /// Blobs of fewer bytes come whole.
    pub min_bytes: u64,
    /// Bytes a second from which on one connection is fast enough.
    pub slower_than: u64,
}

impl Default for ParallelDownloads {
    fn default() -> Self {
        Self { connections: 8, min_bytes: 64 * 1024 * 1024, slower_than: 100_000_000 }
    }
}

/// How blobs are uploaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UploadMode {
    /// What the registry has shown to take: one request for small blobs where that works, two otherwise.
    #[default]
    Auto,
    /// One `POST` with the blob in it. A registry that does not take that is given the blob with `PUT`.
    SinglePost,
    /// A `POST` and a `PUT` with the blob.
    PostPut,
    /// A `POST`, a `PATCH` for each chunk, and a `PUT`.
    Chunked {
        /// Bytes of a chunk; the registry may ask for more.
        size: u64,
    },
    /// A `POST`, one `PATCH` with the whole blob, and a `PUT`.
    Streamed,
}
