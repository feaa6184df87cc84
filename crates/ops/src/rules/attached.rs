//! `[[policy.verify]]`: something has to be attached. That it is there is all that is looked at, not what it says.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use oci::name::ConventionSuffix;
use oci::{Descriptor, Digest, Manifest, ManifestKind, Tag};
use resolve::project::{Image, Policy, Role};

use super::{Rule, Seen};
use crate::error::OpsError;
use crate::facts;
use crate::lock::role;

/// Most images of an index of which each has to have what the index has not.
const CHILDREN_MAX: usize = 64;
/// Most entries of a list of referrers that are looked at.
const LOOKED_AT_MAX: usize = 256;

/// What has to be attached to a candidate.
#[derive(Debug)]
pub(super) struct Attached {
    /// Each with the first table that requires it, from 0.
    required: BTreeMap<Role, usize>,
}

impl Attached {
    /// Returns the rule for an image; `None` where nothing is required of it.
    pub(super) fn of(policy: &Policy, image: &Image) -> Option<Self> {
        let required = policy.required_of(image);
        (!required.is_empty()).then_some(Self { required })
    }
}

#[async_trait]
impl Rule for Attached {
    async fn refuse(&self, candidate: Seen<'_>) -> Result<Option<String>, OpsError> {
        let wanted: BTreeSet<Role> = self.required.keys().copied().collect();
        let digest = candidate.manifest.digest();
        let mut missing = missing(candidate, digest, candidate.referrers, wanted).await?;
        if !missing.is_empty() && candidate.manifest.kind() == ManifestKind::Index {
            missing = missing_of_images(candidate, missing).await?;
        }
        let first = missing.into_iter().next().and_then(|role| Some((role, self.required.get(&role)?)));
        Ok(first.map(|(role, table)| {
            let role = role.shown();
            format!("no {role} is attached to it, and policy.verify[{table}] requires one")
        }))
    }
}

/// Returns what of this is not there for every image of an index: what each has, the whole has.
async fn missing_of_images(candidate: Seen<'_>, wanted: BTreeSet<Role>) -> Result<BTreeSet<Role>, OpsError> {
    let children = candidate.manifest.children();
    let images: Vec<&Descriptor> = children.iter().filter(|child| !child.is_buildkit_attestation()).collect();
    if images.is_empty() || images.len() > CHILDREN_MAX {
        return Ok(wanted);
    }
    let mut missing_somewhere = BTreeSet::new();
    for image in images {
        let of_image = children.iter().filter(|child| child.is_buildkit_attestation()).any(|attestation| {
            attestation.annotation(oci::annotation::BUILDKIT_REFERENCE_DIGEST)
                == Some(image.digest.to_string().as_str())
        });
        let mut wanted: BTreeSet<Role> = wanted.difference(&missing_somewhere).copied().collect();
        if of_image {
            wanted.remove(&Role::Attestation);
        }
        if wanted.is_empty() {
            continue;
        }
        let referrers = facts::referrers(candidate.store, &image.digest).await?;
        missing_somewhere.extend(missing(candidate, &image.digest, &referrers, wanted).await?);
    }
    Ok(missing_somewhere)
}

/// Returns what of this is not attached to one manifest, neither as an artifact that refers to it nor under the tag of a convention.
async fn missing(
    candidate: Seen<'_>,
    digest: &Digest,
    referrers: &[Descriptor],
    mut wanted: BTreeSet<Role>,
) -> Result<BTreeSet<Role>, OpsError> {
    for referrer in referrers.iter().take(LOOKED_AT_MAX) {
        let claimed = referrer.artifact_type.as_deref().map(role);
        let Some(claimed) = wanted.iter().copied().find(|wanted| claimed == Some(wanted.as_str())) else { continue };
        let artifact = match crate::found::fetch(candidate.context, candidate.store, referrer).await {
            Ok(artifact) => artifact,
            Err(error) if error.is_lost() => continue,
            Err(error) => return Err(error),
        };
        if is_it(&artifact, digest, claimed) && !candidate.past.is_later(&artifact) {
            wanted.remove(&claimed);
        }
    }
    for role in wanted.clone() {
        let suffix = match role {
            Role::Signature => ConventionSuffix::Signature,
            Role::Attestation => ConventionSuffix::Attestation,
            Role::Sbom => ConventionSuffix::Sbom,
        };
        if candidate.past.resolve(candidate.store, &Tag::convention(digest, suffix)).await?.is_some() {
            wanted.remove(&role);
        }
    }
    Ok(wanted)
}

/// Tells whether an artifact is about a manifest and of the role that a list says it has.
fn is_it(artifact: &Manifest, digest: &Digest, claimed: Role) -> bool {
    let artifact_type = artifact.referrer_descriptor().artifact_type;
    artifact.subject().is_some_and(|subject| subject.digest == *digest)
        && artifact_type.is_some_and(|artifact_type| role(&artifact_type) == claimed.as_str())
}
