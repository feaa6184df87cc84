//! Events: what changed, told to others over HTTP as CloudEvents 1.0, each at least once.
//!
//! ```text
//!   a change ─┬─▶ its tables                                          one transaction
//!             └─▶ a row for every endpoint that asks for such events ─┘
//!   for every endpoint a task: claims it ─▶ takes rows, the oldest first ─▶ EventSender ─▶ the rows that were taken go
//! ```
//!
//! A row goes when the endpoint has answered that it has the event, so a crash between the two sends it again, under the same id. One node
//! at a time sends to an endpoint, in order. Each endpoint has rows of its own: one that does not answer holds up no other.

mod delivery;
mod envelope;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use oci::RepositoryName;
use resolve::retention::Pattern;

use crate::access::Secret;
pub use delivery::EventTrouble;
pub(crate) use delivery::deliver;
pub(crate) use envelope::Event;

/// What an event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// A manifest was put. If it was there before, it was put again.
    ManifestPushed,
    /// A manifest was removed: on request, with others, or by the collector.
    ManifestDeleted,
    /// A tag names another manifest than before, or is new.
    TagMoved,
    /// A tag was removed.
    TagDeleted,
    /// A repository has a blob that was sent to it.
    BlobPushed,
    /// A repository has a blob that was taken from another one.
    BlobMounted,
    /// A repository has a blob no more.
    BlobDeleted,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::ManifestPushed,
        Self::ManifestDeleted,
        Self::TagMoved,
        Self::TagDeleted,
        Self::BlobPushed,
        Self::BlobMounted,
        Self::BlobDeleted,
    ];

    /// Returns the word for it: `manifest.pushed`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ManifestPushed => "manifest.pushed",
            Self::ManifestDeleted => "manifest.deleted",
            Self::TagMoved => "tag.moved",
            Self::TagDeleted => "tag.deleted",
            Self::BlobPushed => "blob.pushed",
            Self::BlobMounted => "blob.mounted",
            Self::BlobDeleted => "blob.deleted",
        }
    }

    /// Returns the kind that a word says.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Returns the number for it, which the database keeps: one bit.
    pub(crate) const fn bit(self) -> i64 {
        match self {
            Self::ManifestPushed => 1,
            Self::ManifestDeleted => 2,
            Self::TagMoved => 4,
            Self::TagDeleted => 8,
            Self::BlobPushed => 16,
            Self::BlobMounted => 32,
            Self::BlobDeleted => 64,
        }
    }
}

/// Where events are sent.
#[derive(Clone)]
pub struct EventEndpoint {
    /// What it is called, in the database and in the log. Its events wait under this name.
    pub name: String,
    /// The URL that events are sent to by POST: `http` or `https`.
    pub url: String,
    /// What is told.
    pub kinds: Vec<EventKind>,
    /// What the repositories' names are like of which it is told; one of these must match.
    pub repositories: Vec<Pattern>,
    /// By what events are signed; they are not where there is none.
    pub secret: Option<Secret>,
    /// How long the endpoint may take to answer.
    pub timeout: Duration,
    /// How long an event is kept that cannot be sent.
    pub keep: Duration,
    /// Most events that are kept; of more the oldest are dropped.
    pub events_max: u64,
}

impl fmt::Debug for EventEndpoint {
    /// Does not show the URL: what stands behind its host may be as good as a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventEndpoint").field("name", &self.name).finish_non_exhaustive()
    }
}

impl EventEndpoint {
    /// Most events that are kept, unless it is said otherwise.
    pub const EVENTS_MAX: u64 = 100_000;
    /// How long an event is kept, unless it is said otherwise.
    pub const KEEP: Duration = Duration::from_hours(3 * 24);
    /// How long an endpoint may take, unless it is said otherwise.
    pub const TIMEOUT: Duration = Duration::from_secs(10);
    /// What is told, unless it is said otherwise: of manifests and tags, not of blobs.
    pub const KINDS: [EventKind; 4] =
        [EventKind::ManifestPushed, EventKind::ManifestDeleted, EventKind::TagMoved, EventKind::TagDeleted];

    /// Returns an endpoint that is told of manifests and tags in all repositories.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            kinds: Self::KINDS.to_vec(),
            repositories: Pattern::parse("*").into_iter().collect(),
            secret: None,
            timeout: Self::TIMEOUT,
            keep: Self::KEEP,
            events_max: Self::EVENTS_MAX,
        }
    }

    /// Tells whether it is told of a repository.
    pub(crate) fn is_for(&self, repository: &RepositoryName) -> bool {
        self.repositories.iter().any(|pattern| pattern.matches(repository.as_str()))
    }
}

/// One attempt to send an event.
#[derive(Clone, Debug)]
pub struct EventRequest {
    /// Where it goes.
    pub url: String,
    /// The headers, by their names in lower case: the type of the body, and the signature if there is one.
    pub headers: Vec<(&'static str, String)>,
    /// The body: the same whenever the same event is sent.
    pub body: Bytes,
    /// How long the endpoint may take to answer.
    pub timeout: Duration,
}

/// What an endpoint answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventAnswer {
    /// The status.
    pub status: u16,
    /// In how many seconds the endpoint wants to be asked again, if it said so (`Retry-After`).
    pub retry_after: Option<Duration>,
}

/// Why nothing was answered, in one line. It says no secrets.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct EventFailure(pub String);

/// What sends events. It follows no redirects.
#[async_trait]
pub trait EventSender: Send + Sync + fmt::Debug {
    /// Sends an event once, and returns what was answered.
    async fn send(&self, request: EventRequest) -> Result<EventAnswer, EventFailure>;
}

/// Where events go, and by what. The default sends none. Cloning gives another handle to the same.
#[derive(Clone, Debug, Default)]
pub struct Events {
    endpoints: Arc<Vec<EventEndpoint>>,
    sender: Option<Arc<dyn EventSender>>,
}

impl Events {
    /// Returns events to these endpoints. No two have the same name.
    pub fn new(endpoints: Vec<EventEndpoint>, sender: Arc<dyn EventSender>) -> Self {
        Self { endpoints: Arc::new(endpoints), sender: Some(sender) }
    }

    /// Returns the endpoints.
    pub fn endpoints(&self) -> &[EventEndpoint] {
        &self.endpoints
    }

    pub(crate) const fn sender(&self) -> Option<&Arc<dyn EventSender>> {
        self.sender.as_ref()
    }
}
