//! The files of an artifact: its layers that have a title.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use futures_util::stream::{self, StreamExt as _};
use graph::NodeId;
use oci::{Descriptor, ManifestKind, Platform, Reference, annotation};
use store::{Meter, Store, StoreError};
use tokio::io::AsyncWriteExt as _;
use transfer::{BlobOutcome, Progress};

use super::place;
use crate::artifact;
use crate::context::Context;
use crate::error::OpsError;
use crate::found::find;

/// Which artifact's files to bring where.
#[derive(Clone, Debug)]
pub struct PullFilesRequest {
    /// The artifact.
    pub reference: Reference,
    /// Of an index, the artifact for this platform.
    pub platform: Option<Platform>,
    /// The directory. It is made if it does not exist.
    pub directory: PathBuf,
    /// Whether to look only.
    pub dry_run: bool,
}

/// The files of an artifact.
#[derive(Clone, Debug)]
pub struct PulledFiles {
    /// Where the artifact is.
    pub location: String,
    /// The artifact's manifest.
    pub artifact: Descriptor,
    /// Its files, in its order.
    pub files: Vec<PulledFile>,
}

/// A file of an artifact.
#[derive(Clone, Debug)]
pub struct PulledFile {
    /// Where it lies now.
    pub path: PathBuf,
    /// What it is.
    pub descriptor: Descriptor,
    /// Whether it was there already.
    pub was_there: bool,
}

/// Brings the files of an artifact into a directory: each layer that has a title (image-spec, "Pre-Defined Annotation Keys"),
/// under that title. A file that is there with another content is replaced, whole; content is checked before it is seen.
///
/// # Errors
/// [`OpsError::Integrity`] when a title is no safe path, two files have one title, or a layer is missing;
/// [`OpsError::NotFound`] when the artifact has no files. Files before the one that failed stay.
pub async fn pull_files(
    context: &Context,
    request: &PullFilesRequest,
    progress: Arc<dyn Progress>,
) -> Result<PulledFiles, OpsError> {
    let found = find(context, &request.reference, request.platform.as_ref()).await?;
    let location = found.store.location();
    if found.manifest.kind() == ManifestKind::Index {
        return Err(OpsError::usage(
            format!("`{}` is an index, which has no files of its own", request.reference),
            format!("supercargo inspect {}", request.reference),
        ));
    }
    let titled = titled(location, found.manifest.layers())?;
    if titled.is_empty() {
        return Err(OpsError::NotFound {
            location: location.to_owned(),
            name: format!("files in {}: none of its layers has a title", found.manifest.digest()),
        });
    }
    progress.planned(titled.len(), titled.iter().map(|(_, layer)| layer.size).sum(), 0);
    let work = titled.iter().map(|(parts, layer)| {
        let (store, progress) = (&*found.store, &*progress);
        async move {
            if request.dry_run {
                let path = parts.iter().fold(request.directory.clone(), |path, part| path.join(part));
                return Ok(PulledFile { path, descriptor: (*layer).clone(), was_there: false });
            }
            pull(store, layer, &request.directory, parts, progress).await
        }
    });
    let files = stream::iter(work).buffered(found.store.concurrency().max(1)).try_collect::<Vec<_>>().await?;
    Ok(PulledFiles { location: location.to_owned(), artifact: found.manifest.descriptor(), files })
}

type Titled<'a> = (Vec<&'a str>, &'a Descriptor);

/// Returns the layers that have a title, with the parts of their paths.
fn titled<'a>(location: &str, layers: &'a [Descriptor]) -> Result<Vec<Titled<'a>>, OpsError> {
    let mut titled = Vec::new();
    let mut seen: BTreeMap<&str, &Descriptor> = BTreeMap::new();
    for layer in layers {
        let Some(title) = layer.annotation(annotation::TITLE) else { continue };
        let parts = place::parts(location, title)?;
        match seen.insert(title, layer) {
            Some(other) if other.digest != layer.digest => {
                return Err(OpsError::Integrity {
                    location: location.to_owned(),
                    message: format!("two files are called `{title}`"),
                });
            }
            Some(_) => {}
            None => titled.push((parts, layer)),
        }
    }
    Ok(titled)
}

async fn pull(
    store: &dyn Store,
    layer: &Descriptor,
    directory: &Path,
    parts: &[&str],
    progress: &dyn Progress,
) -> Result<PulledFile, OpsError> {
    let path = place::prepare(directory, parts)?;
    let was_there = is_content(&path, layer);
    if was_there {
        progress.blob_finished(layer, BlobOutcome::Present);
    } else {
        let meter = Meter::default();
        progress.blob_started(layer, &meter);
        fetch(store, layer, &path, &meter).await?;
        progress.blob_finished(layer, BlobOutcome::Moved);
    }
    Ok(PulledFile { path, descriptor: layer.clone(), was_there })
}

/// Tells whether a regular file holds this content. What cannot be read is replaced, or fails to be.
fn is_content(path: &Path, layer: &Descriptor) -> bool {
    let regular = fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.len() == layer.size);
    regular && artifact::is_content(path, &layer.digest)
}

/// Writes a blob to a file that becomes visible when it is whole, checked and on disk.
async fn fetch(store: &dyn Store, layer: &Descriptor, path: &Path, meter: &Meter) -> Result<(), OpsError> {
    let failed = |source| OpsError::File { action: "cannot write", path: path.to_owned(), source };
    let missing =
        || StoreError::Missing { location: store.location().to_owned(), what: NodeId::blob(layer.digest).to_string() };
    let body = store.open_blob(layer, 0).await?.ok_or_else(missing)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let staged = tempfile::Builder::new()
        .prefix(".supercargo-")
        // As any file that a user makes: the umask takes away what it takes away.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(directory)
        .map_err(failed)?;
    let mut file = tokio::fs::File::from_std(staged.reopen().map_err(failed)?);
    let mut chunks = body.into_verified_stream(layer, store.location());
    while let Some(chunk) = chunks.try_next().await? {
        file.write_all(&chunk).await.map_err(failed)?;
        meter.advance(chunk.len() as u64);
    }
    file.sync_all().await.map_err(failed)?;
    staged.persist(path).map_err(|error| failed(error.error))?;
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
}
