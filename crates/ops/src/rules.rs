//! Rules by which a project refuses candidates for what they are, beyond what a resolution knows of itself.
//!
//! A rule looks at a candidate as it is in its repository and says why it is not accepted. The reason stands against the candidate in
//! the resolution as any other: the newest version that is accepted is chosen, `candidates` shows the reason beside the others, and
//! where nothing is left the explanation ends with it.

mod attached;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use oci::{Descriptor, Manifest};
use resolve::project::{Image, Project};
use store::Store;

use crate::context::Context;
use crate::error::OpsError;
use crate::past::Past;

/// A candidate as a rule sees it.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) context: &'a Context,
    /// Its repository.
    pub(crate) store: &'a dyn Store,
    /// What its tag names.
    pub(crate) manifest: &'a Manifest,
    /// What the repository lists as referring to that. An entry is a claim: it may be about something else.
    pub(crate) referrers: &'a [Descriptor],
    /// The time that is looked at.
    pub(crate) past: &'a Past,
}

/// A rule of a project about candidates of an image.
#[async_trait]
pub(crate) trait Rule: fmt::Debug + Send + Sync {
    /// Returns why a candidate is not accepted, in a sentence; `None` when it is.
    ///
    /// # Errors
    /// What the store brings.
    async fn refuse(&self, candidate: Seen<'_>) -> Result<Option<String>, OpsError>;
}

/// Returns the rules of a project for an image, in the order in which they are asked.
pub(crate) fn of(project: &Project, image: &Image) -> Vec<Arc<dyn Rule>> {
    let attached = attached::Attached::of(&project.policy, image);
    attached.map(|rule| Arc::new(rule) as Arc<dyn Rule>).into_iter().collect()
}
