//! The server: the distribution-spec's pull, push, tag, delete and referrers routes over a database of metadata and
//! a store of blobs.
//!
//! ```text
//!   RunningRegistry ─▶ Registry ─▶ access ─▶ routes/ ─▶ Storage ─▶ database, blobs
//!     (a socket)       (a function)   │         └─▶ upload (files and hashes of what is on its way in)
//!                                     └─ one place decides who may do what
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`route`], [`query`], [`range`] | paths, queries and ranges as values; no I/O |
//! | [`Registry`] | request in, response out |
//! | [`RunningRegistry`] | the same on a socket |
//! | [`Storage`] | what is kept: metadata in SQLite or PostgreSQL, blobs in files or a bucket, or both in memory |
//! | [`Import`] | a directory of another registry that is taken over |
//! | [`access`] | who may do what |
//! | [`RegistryOptions`] | what is served and to whom |
//! | [`Events`] | what changed, told to others |
//! | [`RateLimits`] | how often somebody may ask |
//! | [`AuditOptions`] | who did what, a line each |
//! | [`Traces`] | what time was spent on, told to a collector |
//! | [`configuration`] | the same from a file and from variables |

pub mod access;
mod audit_log;
mod conditions;
pub mod configuration;
mod context;
mod error;
mod events;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod head;
mod immutability;
mod import;
mod incoming;
mod limits;
mod memory;
mod moment;
mod observe;
mod options;
mod outgoing;
mod page;
mod peer;
pub mod query;
mod quota;
pub mod range;
mod registry;
mod retention;
pub mod route;
mod routes;
mod serve;
mod storage;
mod traces;
mod upload;

pub use audit_log::{AuditFile, AuditOptions, AuditSink, OnAuditFailure};
pub use configuration::{Configuration, ConfigurationError};
pub use events::{
    EventAnswer, EventEndpoint, EventFailure, EventKind, EventRequest, EventSender, EventTrouble, Events,
};
pub use immutability::{Immutability, ImmutableTags};
pub use import::{Form, Import, ImportError, ImportTarget, ImportWay, Imported, LeftOut};
pub use limits::{Per, RateLimit, RateLimits, Requests};
pub use observe::{FAMILIES, Family, Kind, Readiness, RequestEvent, RequestHook, RouteKind, TraceContext};
pub use options::{Access, Credentials, FailureHook, RegistryOptions};
pub use peer::{ForwardHeader, Network, NetworkError, Peer, Proxies};
pub use quota::{Counted, Quota, QuotaScope, Quotas};
pub use registry::Registry;
pub use retention::{Retention, RetentionRule, Untagged};
pub use serve::{
    CertificateName, ClientTrust, ClientTrustError, Http2, RunningOperations, RunningRegistry, Tls, TlsError,
    TlsIdentity, TlsVersion,
};
pub use storage::{
    Audit, Bad, BlobFiles, BlobMemory, BlobObjects, BlobStorage, BlobWriter, Bucket, Clock, Collected, Fault, Findings,
    Flaw, Found, Keeping, Kept, Listed, Lost, PostgresUrl, Reindex, Reindexed, RetentionReason, Scrub, Scrubbed,
    Storage, StorageError, TagVerdict,
};
pub use traces::{SampleRatio, SpanAnswer, SpanFailure, SpanRequest, SpanSender, SpansLost, TraceSettings, Traces};
