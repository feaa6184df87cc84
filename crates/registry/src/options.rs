//! What a registry is told when it is made.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::access::{AccessOptions, DecisionHook, DocumentFetch};
use crate::audit_log::AuditOptions;
use crate::events::Events;
use crate::immutability::Immutability;
use crate::limits::RateLimits;
use crate::observe::RequestHook;
use crate::peer::Proxies;
use crate::quota::Quotas;
use crate::retention::Retention;
use crate::serve::Http2;
use crate::storage::Scrub;
use crate::traces::Traces;

/// How often everything is read.
const SCRUB_PERIOD: Duration = Duration::from_hours(7 * 24);
/// How many bytes a second are read for that: five terabytes in the period.
const SCRUB_RATE: u64 = 8 << 20;

/// What a registry does and what it does not. The default is everything the specification knows, open to everybody.
#[derive(Clone, Debug)]
pub struct RegistryOptions {
    /// Serve the Referrers API and say so on a push (`OCI-Subject`). Without it the route answers 404, as registries do
    /// that have never heard of it, and clients keep fallback tags.
    pub referrers: bool,
    /// Take a blob in one POST. Without it the body is read and thrown away and an upload is begun instead.
    pub single_post: bool,
    /// Delete manifests, tags and blobs. Without it that is answered with 405. Uploads can always be cancelled.
    pub deletes: bool,
    /// Mount blobs from other repositories. Without it an upload is begun instead.
    pub mounts: bool,
    /// Take manifests whose config, layers or children are not here.
    pub sparse: bool,
    /// Serve the history of tags. Without it the extension answers 404; moves are noted all the same.
    pub history: bool,
    /// Which tags are made once and neither moved nor removed.
    pub immutable: Immutability,
    /// How much repositories may have.
    pub quotas: Quotas,
    /// Which tags go by themselves, as often as the collector runs, and how long untagged manifests stay.
    pub retention: Retention,
    /// Where events go. They are sent while the registry is served on a socket.
    pub events: Events,
    /// Who may do what.
    pub access: Access,
    /// Which proxies are believed where they say for whom they ask.
    pub proxies: Proxies,
    /// How often somebody may ask.
    pub rate_limits: RateLimits,
    /// Where it is told who did what.
    pub audit: AuditOptions,
    /// Largest blob taken, in bytes.
    pub blob_max_bytes: u64,
    /// Most uploads under way at once; beyond them 429 is answered.
    pub uploads_max: usize,
    /// Most of them of one user, or of one address where nobody is known.
    pub uploads_max_each: usize,
    /// How long an upload may lie untouched before it is thrown away.
    pub upload_lifetime: Duration,
    /// How long a request's header may take, its body may bring nothing, its client may take nothing of the answer, and a connection may
    /// lie idle between requests, before it is given up. A body that is taken as a whole, as a manifest is, may take five times as long.
    pub idle_timeout: Duration,
    /// Most connections at once; further ones wait in the kernel's queue. Where the process may not open two files for each, there are
    /// fewer.
    pub connections_max: usize,
    /// Whether and how HTTP/2 is spoken beside HTTP/1.1.
    pub http2: Http2,
    /// Most tags in one answer.
    pub tags_page: usize,
    /// Most referrers in one answer.
    pub referrers_page: usize,
    /// How often the collector looks for what nothing needs any more, while the registry is served on a socket. `None` means
    /// that it does not run here.
    pub collect_period: Option<Duration>,
    /// Whether what changes is written beside the database, while the registry is served on a socket and when that ends.
    pub journal: bool,
    /// How everything is read again and again, while the registry is served on a socket. `None` means that it is not.
    pub scrub: Option<Scrub>,
    /// How long requests under way are given when a server ends.
    pub shutdown_grace: Duration,
    /// How long a server that was told to end goes on as before, while it says that it is not ready: until then nobody may have
    /// noticed.
    pub shutdown_delay: Duration,
    /// Answer `/livez` and `/readyz` beside `/v2/`.
    pub probes: bool,
    /// Answer `/metrics` beside `/v2/`, to everybody.
    pub metrics: bool,
    /// What requests and upkeep spend their time on, told to a collector while the registry is served on a socket.
    pub traces: Option<Traces>,
    /// Is told of every request.
    pub on_request: Option<RequestHook>,
    /// Is told of every decision about who may do what.
    pub on_decision: Option<DecisionHook>,
    /// Is told of failures that a caller sees only as status 500.
    pub on_failure: Option<FailureHook>,
    /// Fetches the keys of issuers. Without it only those are known that are given.
    pub documents: Option<Arc<dyn DocumentFetch>>,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            referrers: true,
            single_post: true,
            deletes: true,
            mounts: true,
            sparse: false,
            history: true,
            immutable: Immutability::default(),
            quotas: Quotas::default(),
            retention: Retention::default(),
            events: Events::default(),
            access: Access::Open,
            proxies: Proxies::default(),
            rate_limits: RateLimits::default(),
            audit: AuditOptions::default(),
            blob_max_bytes: 1 << 40,
            uploads_max: 1000,
            uploads_max_each: 250,
            upload_lifetime: Duration::from_hours(1),
            idle_timeout: Duration::from_mins(1),
            connections_max: 4096,
            http2: Http2::default(),
            tags_page: 10_000,
            referrers_page: 1000,
            collect_period: Some(Duration::from_mins(1)),
            journal: true,
            scrub: Some(Scrub { period: Some(SCRUB_PERIOD), bytes_per_second: Some(SCRUB_RATE) }),
            shutdown_grace: Duration::from_secs(10),
            shutdown_delay: Duration::ZERO,
            probes: true,
            metrics: false,
            traces: None,
            on_request: None,
            on_decision: None,
            on_failure: None,
            documents: None,
        }
    }
}

/// Who may do what.
#[derive(Clone, Debug, Default)]
pub enum Access {
    /// Everybody everything.
    #[default]
    Open,
    /// One user everything, by the password in every request.
    Basic(Credentials),
    /// By tokens, which `/token` of the same server issues for the scopes asked for.
    Bearer {
        /// The user who is given tokens for everything.
        credentials: Credentials,
        /// Whether a token to pull is given to everybody.
        anonymous_pull: bool,
        /// How long a token is good for.
        lifetime: Duration,
    },
    /// By users, keys, tokens and rules.
    Rules(Box<AccessOptions>),
}

/// A user's name and password. The password never shows in debug output.
#[derive(Clone)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A function that is told of failures.
#[derive(Clone)]
pub struct FailureHook(Arc<Hook>);

type Hook = dyn Fn(&(dyn Error + Send + Sync + 'static)) + Send + Sync;

impl FailureHook {
    /// Returns a hook that calls `function`, on the task that serves the request.
    pub fn new(function: impl Fn(&(dyn Error + Send + Sync + 'static)) + Send + Sync + 'static) -> Self {
        Self(Arc::new(function))
    }

    pub(crate) fn call(&self, failure: &(dyn Error + Send + Sync + 'static)) {
        (self.0)(failure);
    }
}

impl fmt::Debug for FailureHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FailureHook")
    }
}
