//! One request, from its head to the last byte of its answer.

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use oci::RepositoryName;

use super::count::{Counter, Gauge, Histogram};
use super::trace::TraceContext;
use crate::memory::Share;
use crate::peer::Client;
use crate::route::Resource;
use crate::storage::Clock;
use crate::traces::{Active, Ended, ServerSpan, Traces};

/// Methods as labels; the last stands for all others.
pub(super) const METHODS: [&str; 7] = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "other"];
/// Kinds of status as labels; the first is a client that went before there was an answer.
pub(super) const STATUSES: [&str; 5] = ["aborted", "2xx", "3xx", "4xx", "5xx"];
/// Decisions as labels.
pub(super) const DECISIONS: [&str; 3] = ["allowed", "denied", "unverified"];

macro_rules! routes {
    ($($id:ident $word:literal $template:literal $meaning:literal;)*) => {
        /// What a request is about, without the names in it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum RouteKind {
            $(#[doc = $meaning] $id,)*
        }

        impl RouteKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$id),*];
            const COUNT: usize = Self::ALL.len();

            /// Returns its label.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$id => $word),* }
            }

            /// Returns its path, with words for what differs.
            pub const fn template(self) -> &'static str {
                match self { $(Self::$id => $template),* }
            }
        }
    };
}

routes! {
    Other "other" "" "No route of the registry, or none that was found before the request was refused.";
    Ping "ping" "/v2/" "Whether this is a registry.";
    Token "token" "/token" "A token is asked for.";
    Blob "blob" "/v2/{name}/blobs/{digest}" "A blob.";
    Uploads "uploads" "/v2/{name}/blobs/uploads/" "The beginning of an upload.";
    Upload "upload" "/v2/{name}/blobs/uploads/{id}" "An upload.";
    Manifest "manifest" "/v2/{name}/manifests/{reference}" "A manifest.";
    Tags "tags" "/v2/{name}/tags/list" "A list of tags.";
    Referrers "referrers" "/v2/{name}/referrers/{digest}" "A list of referrers.";
    Extension "extension" "/v2/{name}/_oci/ext/discover" "Which extensions there are.";
    History "history" "/v2/{name}/_supercargo/tags" "The past of tags.";
    Holds "holds" "/v2/{name}/_supercargo/holds" "Pins and holds.";
}

impl From<&Resource> for RouteKind {
    fn from(resource: &Resource) -> Self {
        match resource {
            Resource::Blob(_) => Self::Blob,
            Resource::Uploads => Self::Uploads,
            Resource::Upload(_) => Self::Upload,
            Resource::Manifest(_) => Self::Manifest,
            Resource::Tags => Self::Tags,
            Resource::Referrers(_) => Self::Referrers,
            Resource::Extensions => Self::Extension,
            Resource::History(_) | Resource::TagsThen | Resource::TagThen(_) => Self::History,
            Resource::Holds | Resource::Hold(_) => Self::Holds,
        }
    }
}

/// What a registry counts of requests.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(super) requests: [[[Counter; STATUSES.len()]; METHODS.len()]; RouteKind::COUNT],
    pub(super) durations: [[Histogram; METHODS.len()]; RouteKind::COUNT],
    pub(super) in_flight: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) received: Counter,
    pub(super) sent: Counter,
    pub(super) broken: Counter,
    pub(super) decisions: [Counter; DECISIONS.len()],
}

impl Counts {
    /// Counts a decision about access; `None` where it is not known who asks.
    pub(crate) fn decided(&self, is_known: bool, is_allowed: bool) {
        let [allowed, denied, unverified] = &self.decisions;
        match (is_known, is_allowed) {
            (_, true) => allowed.one(),
            (true, false) => denied.one(),
            (false, false) => unverified.one(),
        }
    }
}

/// A request that was answered, as it is told to the log and to traces. Nothing of a query is in it.
#[derive(Clone, Copy, Debug)]
pub struct RequestEvent<'e> {
    /// Which request it was.
    pub context: TraceContext,
    /// Whether it is recorded as a span of that name.
    pub is_traced: bool,
    /// The method; `other` for one that is not known.
    pub method: &'static str,
    /// What it was about.
    pub route: RouteKind,
    /// The address of the client, as far as it is known: that of its connection, or what a proxy that is trusted says.
    pub client: Option<IpAddr>,
    /// Who asked, if it came so far.
    pub identity: Option<&'e str>,
    /// In which repository.
    pub repository: Option<&'e RepositoryName>,
    /// The tag, digest or upload that the path named.
    pub reference: Option<&'e str>,
    /// The status of the answer; `None` when the client went before there was one.
    pub status: Option<u16>,
    /// Whether all of the answer went out.
    pub is_whole: bool,
    /// Bytes of the body of the request that were read.
    pub received: u64,
    /// Bytes of the body of the answer.
    pub sent: u64,
    /// From the head of the request to the last byte of the answer.
    pub took: Duration,
    /// When it ended, in milliseconds since 1970.
    pub ended_at: i64,
}

/// A function that is told of every request, if it wants to be.
#[derive(Clone)]
pub struct RequestHook(Arc<Hook>);

struct Hook {
    is_wanted: Box<dyn Fn() -> bool + Send + Sync>,
    tell: Box<dyn Fn(&RequestEvent<'_>) + Send + Sync>,
}

impl RequestHook {
    /// Returns a hook that calls `tell` when a request has ended, on the task that served it. Where `is_wanted` says no when a request begins,
    /// nothing is gathered for it.
    pub fn new(
        is_wanted: impl Fn() -> bool + Send + Sync + 'static,
        tell: impl Fn(&RequestEvent<'_>) + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Hook { is_wanted: Box::new(is_wanted), tell: Box::new(tell) }))
    }
}

impl fmt::Debug for RequestHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestHook")
    }
}

/// A request that is being answered.
pub(crate) struct Watch {
    counts: Arc<Counts>,
    began: Instant,
    pub(crate) route: RouteKind,
    method: usize,
    status: Option<u16>,
    sent: u64,
    has_ended: bool,
    told: Option<Box<Told>>,
    /// The memory of the answer.
    share: Option<Share>,
}

/// What only a hook and a trace want to know.
struct Told {
    hook: Option<RequestHook>,
    span: Option<ServerSpan>,
    clock: Clock,
    context: TraceContext,
    client: Option<IpAddr>,
    identity: Option<String>,
    repository: Option<RepositoryName>,
    reference: Option<String>,
    received: u64,
}

impl Watch {
    /// Begins with the head of a request.
    pub(crate) fn begin(
        counts: &Arc<Counts>,
        hook: Option<&RequestHook>,
        traces: Option<&Traces>,
        clock: &Clock,
        parts: &Parts,
        client: &Client,
    ) -> Self {
        counts.in_flight.add(1);
        let known = METHODS.iter().position(|known| *known == parts.method.as_str());
        let hook = hook.filter(|hook| (hook.0.is_wanted)());
        let is_told = hook.is_some() || traces.is_some();
        let told = is_told.then(|| Told::begin(hook, traces, clock, parts, client)).flatten();
        Self {
            counts: Arc::clone(counts),
            began: Instant::now(),
            route: RouteKind::Other,
            method: known.unwrap_or(METHODS.len() - 1),
            status: None,
            sent: 0,
            has_ended: false,
            told: told.map(Box::new),
            share: None,
        }
    }

    /// Returns the span within which the request is answered, if it is recorded.
    pub(crate) fn active(&self) -> Option<Active> {
        self.told.as_ref()?.span.as_ref().map(ServerSpan::active)
    }

    /// Says what the path names.
    pub(crate) fn names(&mut self, repository: &RepositoryName, resource: &Resource) {
        self.route = resource.into();
        if let Some(told) = &mut self.told {
            told.repository = Some(repository.clone());
            told.reference = reference(resource);
        }
    }

    /// Says who asks.
    pub(crate) fn identified(&mut self, identity: &impl fmt::Display) {
        if let Some(told) = &mut self.told {
            told.identity = Some(identity.to_string());
        }
    }

    /// Says how much of the request's body was read.
    pub(crate) fn received(&mut self, bytes: u64) {
        if let Some(told) = &mut self.told {
            told.received = bytes;
        }
    }

    /// Has a share of the memory be had until the answer was sent.
    pub(crate) fn holds(&mut self, share: Share) {
        self.share = Some(share);
    }

    /// Watches the answer until its last byte is handed over.
    pub(crate) fn answer(mut self, response: Response) -> Response {
        self.status = Some(response.status().as_u16());
        if response.body().is_end_stream() {
            self.end(true);
            return response;
        }
        let length = response.body().size_hint().exact().or_else(|| stated(response.headers()));
        response.map(|body| Body::new(Watched { body, length, watch: self }))
    }

    fn end(&mut self, is_whole: bool) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let (took, counts) = (self.began.elapsed(), &self.counts);
        counts.in_flight.add(-1);
        let status = usize::from(self.status.map_or(0, |status| status / 100).clamp(1, 5) - 1);
        let (route, method) = (self.route as usize, self.method);
        // Routes, methods and statuses have their places in the arrays.
        counts.requests[route][method][status].one();
        counts.durations[route][method].observe(took);
        if !is_whole && self.status.is_some() {
            counts.broken.one();
        }
        if let Some(told) = &mut self.told {
            if let Some(span) = &mut told.span {
                span.end(
                    &told.context,
                    &Ended {
                        method: METHODS.get(self.method).copied().filter(|_| self.method + 1 < METHODS.len()),
                        route: self.route,
                        repository: told.repository.as_ref(),
                        reference: told.reference.as_deref(),
                        status: self.status,
                        is_whole,
                        received: told.received,
                        sent: self.sent,
                    },
                );
            }
            let Some(hook) = &told.hook else { return };
            (hook.0.tell)(&RequestEvent {
                context: told.context,
                client: told.client,
                is_traced: told.span.is_some(),
                method: METHODS[self.method],
                route: self.route,
                identity: told.identity.as_deref(),
                repository: told.repository.as_ref(),
                reference: told.reference.as_deref(),
                status: self.status,
                is_whole,
                received: told.received,
                sent: self.sent,
                took,
                ended_at: told.clock.now(),
            });
        }
    }
}

impl Told {
    /// Returns what is to be told of a request, if anybody wants to know it.
    fn begin(
        hook: Option<&RequestHook>,
        traces: Option<&Traces>,
        clock: &Clock,
        parts: &Parts,
        client: &Client,
    ) -> Option<Self> {
        let context = TraceContext::of_request(&parts.headers);
        let span = traces.and_then(|traces| ServerSpan::begin(traces, &context, (parts, client), clock));
        (hook.is_some() || span.is_some()).then(|| Self {
            hook: hook.cloned(),
            span,
            clock: clock.clone(),
            context,
            client: client.address,
            identity: None,
            repository: None,
            reference: None,
            received: 0,
        })
    }
}

impl Drop for Watch {
    /// What was not ended was broken off.
    fn drop(&mut self) {
        self.end(false);
    }
}

/// Returns the length of a body as its header says it.
fn stated(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Returns what a path names in a repository. The name of an upload is as good as a key to it, so it is not told.
pub(crate) fn reference(resource: &Resource) -> Option<String> {
    match resource {
        Resource::Blob(digest) | Resource::Referrers(digest) | Resource::Hold(digest) => Some(digest.to_string()),
        Resource::Manifest(name) => Some(name.to_string()),
        Resource::History(tag) | Resource::TagThen(tag) => Some(tag.to_string()),
        Resource::Uploads
        | Resource::Upload(_)
        | Resource::Tags
        | Resource::Extensions
        | Resource::TagsThen
        | Resource::Holds => None,
    }
}

/// The body of an answer. It ends, as far as is counted, before its last bytes are sent: so who has read an answer finds it counted.
struct Watched {
    body: Body,
    length: Option<u64>,
    watch: Watch,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Self { body, length, watch } = &mut *self;
        let frame = ready!(Pin::new(&mut *body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                watch.sent += bytes;
                watch.counts.sent.add(bytes);
                if *length == Some(watch.sent) || body.is_end_stream() {
                    watch.end(true);
                }
            }
            // A body that brought less than it said is broken off by the HTTP server, where that can be seen.
            None => watch.end(length.is_none_or(|length| length == watch.sent)),
            Some(Err(_)) => watch.end(false),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
