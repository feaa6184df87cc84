//! What a request needs the right to do: one table for every route and method.

use axum::http::Method;
use oci::RepositoryName;

use super::policy::{Action, Reference};
use crate::query::Query;
use crate::route::{ManifestName, Resource};

/// Something that a request must be allowed to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) repository: RepositoryName,
    pub(crate) reference: Reference,
    /// One of these is enough to be let in. Which of two it is shows where the tag is moved.
    pub(crate) any_of: &'static [Action],
    /// Whether the request has an answer also for those who may not.
    pub(crate) is_optional: bool,
}

impl Demand {
    fn new(repository: &RepositoryName, reference: Reference, any_of: &'static [Action]) -> Self {
        Self { repository: repository.clone(), reference, any_of, is_optional: false }
    }
}

/// Returns what a request needs the right to do, the repository of its path first. A method that no route has needs the right to read, to be
/// told so.
pub(crate) fn demands(name: &RepositoryName, resource: &Resource, method: &Method, query: &Query) -> Vec<Demand> {
    use Action::{Create, Delete, Mount, Read, Update};

    let reference = match resource {
        Resource::Manifest(ManifestName::Tag(_)) | Resource::TagThen(_) => Reference::Tag,
        Resource::Manifest(ManifestName::Digest(_)) => Reference::Digest,
        Resource::Blob(_) => Reference::Blob,
        Resource::Uploads | Resource::Upload(_) => Reference::Upload,
        Resource::Tags | Resource::TagsThen | Resource::History(_) | Resource::Extensions => Reference::Tags,
        Resource::Holds | Resource::Hold(_) => Reference::Hold,
        Resource::Referrers(_) => Reference::Referrers,
    };
    let any_of: &[Action] = match (reference, method) {
        // Also to look how far one is, and to throw one away.
        (Reference::Upload, _) | (Reference::Digest, &Method::PUT) => &[Create],
        (Reference::Tag, &Method::PUT) => &[Create, Update],
        // What nobody may delete is decided by those who may.
        (Reference::Hold, &Method::PUT)
        | (Reference::Tag | Reference::Digest | Reference::Blob | Reference::Hold, &Method::DELETE) => &[Delete],
        _ => &[Read],
    };
    let mut demands = vec![Demand::new(name, reference, any_of)];
    if reference == Reference::Digest && *method == Method::PUT && query.get("tag").is_some() {
        demands.push(Demand::new(name, Reference::Tag, &[Create, Update]));
    }
    if *resource == Resource::Uploads
        && query.get("mount").is_some()
        && let Some(Ok(from)) = query.get("from").map(str::parse)
    {
        demands.push(Demand { is_optional: true, ..Demand::new(&from, Reference::Blob, &[Mount]) });
    }
    demands
}
