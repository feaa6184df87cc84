//! Attaches files to an image as an artifact about it.

mod package;

use std::collections::BTreeSet;
use std::sync::Arc;

use oci::{Descriptor, Digest, Manifest, MediaType, Platform, Reference};
use store::{Referrers, Store, SubjectIndexed};
use transfer::{Progress, TransferError};

use crate::artifact::{ArtifactRequest, PreparedArtifact, prepare};
use crate::context::Context;
use crate::error::OpsError;
use crate::found::{find_in, open_to_change};

/// What to attach to what.
#[derive(Clone, Debug)]
pub struct AttachRequest {
    /// What the artifact is about: an image, an index, another artifact, or a layer by its digest.
    pub subject: Reference,
    /// Of an index, the image for this platform.
    pub platform: Option<Platform>,
    /// The artifact.
    pub artifact: ArtifactRequest,
    /// Whether to make it and put nothing.
    pub dry_run: bool,
}

/// What was attached.
#[derive(Clone, Debug)]
pub struct AttachReport {
    /// Where it is.
    pub location: String,
    /// The artifact's manifest.
    pub artifact: Descriptor,
    /// What it is about.
    pub subject: Descriptor,
}

/// Attaches files to an image. Where the store keeps no lists of referrers, the fallback tag is brought up to date
/// (distribution-spec, "Referrers Tag Schema").
///
/// Cancelling leaves blobs without a manifest, or an artifact that no list names; a repetition completes it.
///
/// # Errors
/// As [`find_in`]; [`OpsError::Project`] for a package descriptor that cannot be read; [`OpsError::Integrity`] when the store does not
/// list the artifact afterwards; what the store brings.
pub async fn attach(
    context: &Context,
    request: &AttachRequest,
    progress: Arc<dyn Progress>,
) -> Result<AttachReport, OpsError> {
    let files = package::checked(&request.artifact)?;
    let about = About::find(context, &request.subject, request.platform.as_ref()).await?;
    let artifact = prepare(&files, Some(&about.subject)).await?;
    if !request.dry_run {
        about.put(context, &artifact, &*progress).await?;
    }
    Ok(AttachReport { location: about.location, artifact: artifact.manifest.descriptor(), subject: about.subject })
}

/// What an artifact is to be about, and where it is.
#[derive(Debug)]
pub(crate) struct About<'a> {
    /// As the user names it.
    reference: &'a Reference,
    /// Where it is.
    pub(crate) location: String,
    /// What it is.
    pub(crate) subject: Descriptor,
}

impl<'a> About<'a> {
    /// Finds what an artifact is to be about. A digest that names no manifest may name a layer, of which the type is not known.
    ///
    /// # Errors
    /// As [`find_in`].
    pub(crate) async fn find(
        context: &Context,
        reference: &'a Reference,
        platform: Option<&Platform>,
    ) -> Result<Self, OpsError> {
        let store = context.open_itself(reference).await?;
        let location = store.location().to_owned();
        let missing = match find_in(context, Arc::clone(&store), reference, platform).await {
            Ok(found) => return Ok(Self { reference, location, subject: found.manifest.descriptor() }),
            Err(error @ OpsError::Transfer(TransferError::NotFound { .. })) => error,
            Err(error) => return Err(error),
        };
        let Some(digest) = reference.selector().digest else { return Err(missing) };
        let Some(size) = store.stat_blob(&digest).await? else { return Err(missing) };
        Ok(Self { reference, location, subject: Descriptor::new(MediaType::OCTET_STREAM, digest, size) })
    }

    /// Puts an artifact, and sees to it that it is listed.
    ///
    /// # Errors
    /// [`OpsError::Usage`] for an archive, [`OpsError::Integrity`] when the store does not list the artifact afterwards, and what the
    /// store brings.
    pub(crate) async fn put(
        &self,
        context: &Context,
        artifact: &PreparedArtifact,
        progress: &dyn Progress,
    ) -> Result<(), OpsError> {
        let store = open_to_change(context, self.reference).await?;
        artifact.put_blobs(&*store, progress).await?;
        let indexed = store.put_manifest(&artifact.manifest).await?;
        progress.manifest_put(artifact.manifest.digest());
        list(&*store, &self.subject.digest, &artifact.manifest, indexed).await?;
        Ok(store.finish().await?)
    }
}

/// Sees to it that the artifact is listed for its subject, and proves it.
pub(crate) async fn list(
    store: &dyn Store,
    subject: &Digest,
    artifact: &Manifest,
    indexed: SubjectIndexed,
) -> Result<(), OpsError> {
    let listed: BTreeSet<Digest> = match store.referrers(subject, None).await? {
        Referrers::Listed(listed) if indexed == SubjectIndexed::Yes => {
            listed.iter().map(|listed| listed.digest).collect()
        }
        _ => {
            transfer::fallback::add_referrers(store, subject, std::slice::from_ref(artifact), &transfer::NoCache)
                .await?
        }
    };
    if listed.contains(artifact.digest()) {
        return Ok(());
    }
    Err(OpsError::Integrity {
        location: store.location().to_owned(),
        message: format!("{} was put but is not listed as referring to {subject}", artifact.digest()),
    })
}
