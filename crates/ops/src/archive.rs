//! Images, with everything attached to them, into one archive and out of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci::{Reference, Selector};
use transfer::{CopyOptions, CopyReport, Progress, RootRequest, Route};

use crate::context::Context;
use crate::copy::CopyRequest;
use crate::destination::Destination;
use crate::error::OpsError;
use crate::relocate;

/// Returns the copy that saves images into a new archive, each under its own tag. To be filled in with options and given to
/// [`copy`](fn@crate::copy::copy).
///
/// # Errors
/// [`OpsError::Usage`] when there is something at that path already.
pub fn save(file: PathBuf, sources: Vec<Reference>) -> Result<CopyRequest, OpsError> {
    require_free(&file)?;
    let archive = Reference::Archive { path: file, selector: Selector::default() };
    let pairs = sources.into_iter().map(|source| (source, Destination::Exactly(archive.clone()))).collect();
    Ok(CopyRequest { pairs, ..CopyRequest::default() })
}

/// Returns a new archive as the destination of a copy.
///
/// # Errors
/// [`OpsError::Usage`] when there is something at that path already.
pub fn new_archive(file: PathBuf) -> Result<Destination, OpsError> {
    require_free(&file)?;
    Ok(Destination::Exactly(Reference::Archive { path: file, selector: Selector::default() }))
}

/// Checks that there is nothing at the path of a new archive.
fn require_free(file: &Path) -> Result<(), OpsError> {
    if file.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(OpsError::usage(format!("{} exists already", file.display()), format!("mv {0} {0}.old", file.display())))
}

/// What to load from where.
#[derive(Clone, Debug)]
pub struct LoadRequest {
    /// The archive.
    pub file: PathBuf,
    /// Where its images go.
    pub destination: Destination,
    /// What belongs to the copy and how it is done.
    pub options: CopyOptions,
    /// Whether to look only.
    pub dry_run: bool,
}

/// Copies every image of an archive to one place, with their tags; those without a tag stay without one. The archive of a project
/// goes where a copy of the project would; where it leaves out what a former lock has, that has to be there.
///
/// # Errors
/// [`OpsError::Unsound`] when what the archive leaves out is not there; then nothing was written.
/// [`OpsError::NotFound`] when the archive holds nothing, [`OpsError::Usage`] when one tag is given for several images; otherwise
/// as [`transfer::copy`](fn@transfer::copy).
pub async fn load(
    context: &Context,
    request: &LoadRequest,
    progress: Arc<dyn Progress>,
) -> Result<CopyReport, OpsError> {
    let archive = Reference::Archive { path: request.file.clone(), selector: Selector::default() };
    let source = context.open_source(&archive).await?;
    let roots = source.roots().await?.unwrap_or_default();
    if let Some(carried) = relocate::project_of(&*source, &roots).await? {
        return relocate::load(context, request, source, &carried, progress).await;
    }
    let place = request.destination.place_for(&archive)?;
    let given = place.selector().tag;
    match (&roots[..], &given) {
        ([], _) => {
            return Err(OpsError::NotFound { location: source.location().to_owned(), name: "images".to_owned() });
        }
        ([_, _, ..], Some(tag)) => {
            return Err(OpsError::usage(
                format!("{} has {} images, and the destination one tag, `{tag}`", source.location(), roots.len()),
                format!("supercargo load {} {}", request.file.display(), place.with_selector(Selector::default())),
            ));
        }
        _ => {}
    }
    let roots = roots.into_iter().map(|(tag, descriptor)| RootRequest {
        selector: Selector { tag: tag.clone(), digest: Some(descriptor.digest) },
        tag: given.clone().or(tag),
        ..RootRequest::default()
    });
    let roots = roots.collect();
    let urls = context.url_source(&request.options)?;
    if request.dry_run {
        let destination: Arc<dyn store::Store> = match &place {
            // It would be made, and has nothing yet.
            Reference::Archive { .. } => Arc::new(store::MemoryStore::new(place.to_string())),
            // A layout is made with the first thing that is put.
            _ => context.open_destination(&place).await?,
        };
        let routes = vec![Route { source, destination, roots, source_tags: None, urls }];
        let planned = transfer::plan(routes, &request.options, &*context.manifest_cache()).await;
        return Ok(CopyReport { routes: planned });
    }
    let destination = context.open_destination(&place).await?;
    let routes = vec![Route { source, destination, roots, source_tags: None, urls }];
    Ok(transfer::copy(routes, &request.options, context.manifest_cache(), progress).await?)
}
