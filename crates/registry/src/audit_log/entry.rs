//! What a line says. Nothing of a query is in it but tags, and nothing of a header: tokens and passwords never come here.

use axum::http::{Method, StatusCode};
use axum::response::Response;
use oci::{RepositoryName, Tag};
use serde::Serialize;

use crate::access::Identity;
use crate::error::ApiError;
use crate::moment;
use crate::observe::reference;
use crate::peer::Client;
use crate::query::Query;
use crate::route::{ManifestName, Resource};
use crate::routes::CONTENT_DIGEST;

/// Most tags of one request that a line names; a request that sets more is refused.
const TAGS_MAX: usize = 100;

/// What somebody did, or wanted to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Change(Change),
    Token,
    Denied,
}

/// What changes what a registry keeps. An upload does when it becomes a blob, not while its bytes arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    PutManifest,
    DeleteManifest,
    DeleteTag,
    PutBlob,
    MountBlob,
    DeleteBlob,
    RevertTag,
    PutHold,
    DeleteHold,
}

impl Change {
    /// Returns what a request changes; `None` where it changes nothing that is kept.
    pub(crate) fn of(resource: &Resource, method: &Method, query: &Query) -> Option<Self> {
        Some(match (resource, method) {
            (Resource::Manifest(_), &Method::PUT) => Self::PutManifest,
            (Resource::Manifest(ManifestName::Tag(_)), &Method::DELETE) => Self::DeleteTag,
            (Resource::Manifest(ManifestName::Digest(_)), &Method::DELETE) => Self::DeleteManifest,
            (Resource::Uploads, &Method::POST) if query.get("mount").is_some() => Self::MountBlob,
            (Resource::Uploads, &Method::POST) if query.get("digest").is_some() => Self::PutBlob,
            (Resource::Upload(_), &Method::PUT) => Self::PutBlob,
            (Resource::Blob(_), &Method::DELETE) => Self::DeleteBlob,
            (Resource::TagThen(_), &Method::PUT) => Self::RevertTag,
            (Resource::Hold(_), &Method::PUT) => Self::PutHold,
            (Resource::Hold(_), &Method::DELETE) => Self::DeleteHold,
            _ => return None,
        })
    }

    const fn word(self) -> &'static str {
        match self {
            Self::PutManifest => "manifest.put",
            Self::DeleteManifest => "manifest.delete",
            Self::DeleteTag => "tag.delete",
            Self::PutBlob => "blob.put",
            Self::MountBlob => "blob.mount",
            Self::DeleteBlob => "blob.delete",
            Self::RevertTag => "tag.revert",
            Self::PutHold => "hold.put",
            Self::DeleteHold => "hold.delete",
        }
    }
}

impl What {
    const fn word(self) -> &'static str {
        match self {
            Self::Change(change) => change.word(),
            Self::Token => "token.issue",
            Self::Denied => "denied",
        }
    }
}

/// Who does something, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Doer<'e> {
    pub(crate) client: Client,
    /// `None` where credentials were wrong.
    pub(crate) identity: Option<&'e Identity>,
    /// As whom somebody wanted to come in with credentials that were wrong. Only users that there are: in the place of a name that nobody has
    /// may stand a password.
    pub(crate) claimed: Option<&'e str>,
}

/// Something that is told, without how it ended.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'e> {
    pub(crate) what: What,
    pub(crate) doer: Doer<'e>,
    pub(crate) method: &'e Method,
    pub(crate) repository: Option<&'e RepositoryName>,
    pub(crate) reference: Option<String>,
    /// What is asked for beside the reference.
    pub(crate) tags: Vec<Tag>,
    /// What a token is good for.
    pub(crate) scopes: Option<String>,
    /// Why somebody may not.
    pub(crate) why: Option<String>,
}

/// How something ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Answered {
        status: StatusCode,
        digest: Option<String>,
    },
    /// The client went away, and the change may have been done or not.
    Abandoned,
}

/// A line. The names of its fields are a public interface.
#[derive(Serialize)]
struct Line<'l> {
    time: Option<String>,
    event: &'static str,
    id: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'static str>,
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'l str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'l str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed: Option<&'l str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    method: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<&'l str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'l str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<&'l str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'l str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'l str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'l str>,
}

impl<'e> Entry<'e> {
    /// Returns what is told of somebody who does something.
    pub(crate) fn new(what: What, doer: Doer<'e>, method: &'e Method) -> Self {
        let (repository, reference, tags, scopes, why) = (None, None, Vec::new(), None, None);
        Self { what, doer, method, repository, reference, tags, scopes, why }
    }

    /// Returns what is told, with what it is done to.
    #[must_use]
    pub(crate) fn to(mut self, repository: &'e RepositoryName, resource: &Resource, query: &Query) -> Self {
        self.repository = Some(repository);
        self.reference = reference(resource);
        if matches!(resource, Resource::Manifest(_)) {
            self.tags = query.all("tag").filter_map(|tag| tag.parse().ok()).take(TAGS_MAX).collect();
        }
        self
    }

    /// Returns the line, with its line end.
    pub(super) fn line(&self, now: i64, id: &str, phase: Option<&'static str>, outcome: Option<&Outcome>) -> Vec<u8> {
        let Doer { client, identity, claimed } = self.doer;
        let (word, status, digest) = match outcome {
            None => (None, None, None),
            Some(Outcome::Abandoned) => (Some("abandoned"), None, None),
            Some(Outcome::Answered { status, digest }) => {
                let word = match status.as_u16() {
                    500.. => "failed",
                    400.. => "refused",
                    _ => "done",
                };
                (Some(word), Some(status.as_u16()), digest.as_deref())
            }
        };
        let line = Line {
            time: moment::text(now),
            event: "audit",
            id,
            phase,
            what: self.what.word(),
            user: identity.and_then(Identity::name),
            key: identity.and_then(Identity::key),
            claimed,
            address: client.address.map(|address| address.to_string()),
            method: self.method.as_str(),
            repository: self.repository.map(RepositoryName::as_str),
            reference: self.reference.as_deref(),
            tags: self.tags.iter().map(Tag::as_str).collect(),
            scope: self.scopes.as_deref(),
            why: self.why.as_deref(),
            outcome: word,
            status,
            digest,
        };
        // Texts and numbers are always written, and no text brings a line end.
        let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

impl Outcome {
    pub(crate) fn of(answer: &Result<Response, ApiError>) -> Self {
        match answer {
            Ok(response) => {
                let digest = response.headers().get(CONTENT_DIGEST).and_then(|value| value.to_str().ok());
                Self::Answered { status: response.status(), digest: digest.map(str::to_owned) }
            }
            Err(error) => Self::Answered { status: error.status, digest: None },
        }
    }
}
