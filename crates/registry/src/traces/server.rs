//! The span of a request, by the semantic conventions of OpenTelemetry for HTTP.

use axum::http::Version;
use axum::http::header::{HOST, USER_AGENT};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use oci::RepositoryName;

use super::current::Active;
use super::span::{Attributes, Described, Kind, Value};
use super::{Traces, state};
use crate::observe::{RouteKind, TraceContext};
use crate::peer::{Client, Peer};
use crate::storage::Clock;

/// What stands for a method that is not known.
const OTHER_METHOD: &str = "_OTHER";
/// What uploads are called by is as good as a key to them.
const UPLOADS: &str = "/blobs/uploads/";

/// A request that is recorded.
#[derive(Debug)]
pub(crate) struct ServerSpan {
    active: Active,
    attributes: Attributes,
}

/// What has come of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended<'e> {
    /// The method; `None` for one that is not known.
    pub(crate) method: Option<&'static str>,
    pub(crate) route: RouteKind,
    pub(crate) repository: Option<&'e RepositoryName>,
    pub(crate) reference: Option<&'e str>,
    pub(crate) status: Option<u16>,
    pub(crate) is_whole: bool,
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

impl ServerSpan {
    /// Begins the span of a request, if it is to be recorded.
    pub(crate) fn begin(
        traces: &Traces,
        context: &TraceContext,
        (parts, client): (&Parts, &Client),
        clock: &Clock,
    ) -> Option<Self> {
        if !traces.has(context) {
            return None;
        }
        // A caller that says who it is not in a way that counts says nothing else.
        let state = context.parent.and_then(|_| state::of(&parts.headers));
        Some(Self { active: Active::begin(traces, context, state, clock), attributes: of_head(parts, client) })
    }

    /// Returns what the work for the request runs within.
    pub(crate) fn active(&self) -> Active {
        self.active.clone()
    }

    /// Ends the span.
    pub(crate) fn end(&mut self, context: &TraceContext, ended: &Ended<'_>) {
        let Ended { method, route, repository, reference, status, is_whole, received, sent } = *ended;
        let mut attributes = std::mem::take(&mut self.attributes);
        let method = method.unwrap_or(OTHER_METHOD);
        attributes.push(("http.request.method", method.into()));
        attributes.push(("supercargo.operation", route.word().into()));
        let template = route.template();
        if !template.is_empty() {
            attributes.push(("http.route", template.into()));
        }
        if let Some(repository) = repository {
            attributes.push(("supercargo.repository", Value::of(repository.as_str())));
        }
        if let Some(reference) = reference {
            let kind = if reference.contains(':') { "digest" } else { "tag" };
            attributes.push(("supercargo.reference.kind", kind.into()));
        }
        for (name, bytes) in [("http.request.body.size", received), ("http.response.body.size", sent)] {
            if bytes > 0 {
                attributes.push((name, bytes.into()));
            }
        }
        if let Some(status) = status {
            attributes.push(("http.response.status_code", u64::from(status).into()));
        }
        let error = match status {
            None => Some(Value::from("aborted")),
            Some(status) if status >= 500 => Some(Value::of(&status.to_string())),
            Some(_) if !is_whole => Some("broken_off".into()),
            Some(_) => None,
        };
        let has_failed = error.is_some();
        attributes.extend(error.map(|error| ("error.type", error)));
        let method = if method == OTHER_METHOD { "HTTP" } else { method };
        let name = if template.is_empty() { method.into() } else { format!("{method} {template}").into() };
        self.active.end(context.parent, Described { name, kind: Kind::Server, attributes }, has_failed);
    }
}

/// Returns what the head of a request says.
fn of_head(parts: &Parts, client: &Client) -> Attributes {
    let mut attributes = Attributes::with_capacity(20);
    attributes.push(("url.path", path(parts.uri.path())));
    let peer = parts.extensions.get::<Peer>();
    let is_https = client.is_https.unwrap_or_else(|| peer.is_some_and(|peer| peer.is_secure()));
    attributes.push(("url.scheme", if is_https { "https" } else { "http" }.into()));
    let version = match parts.version {
        Version::HTTP_2 => "2",
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    };
    attributes.push(("network.protocol.version", version.into()));
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    if let Some(host) = host {
        attributes.push(("server.address", Value::of(host.host())));
        attributes.extend(host.port_u16().map(|port| ("server.port", u64::from(port).into())));
    }
    let peer = peer.map(|peer| peer.address());
    for (name, address) in [("client.address", client.address), ("network.peer.address", peer)] {
        attributes.extend(address.map(|address| (name, Value::of(&address.to_string()))));
    }
    let agent = parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    attributes.extend(agent.map(|agent| ("user_agent.original", Value::of(agent))));
    attributes
}

/// Returns a path without the name of an upload.
fn path(path: &str) -> Value {
    match path.split_once(UPLOADS) {
        Some((before, upload)) if !upload.is_empty() => Value::of(&format!("{before}{UPLOADS}{{id}}")),
        _ => Value::of(path),
    }
}
