//! Which image of the output of `docker save` is meant.

use oci::{Reference, Selector, Tag};
use store::DockerArchive;

use crate::error::OpsError;

/// Returns the image that a reference to a docker archive names, with the tag of that name; `None` for a reference that names none,
/// and for every other kind of reference.
///
/// # Errors
/// [`OpsError::NotFound`] when the archive has no image of that name, or several of a tag that is given alone.
pub(crate) async fn named_image(reference: &Reference) -> Result<Option<Selector>, OpsError> {
    let Reference::DockerArchive { path, tag: Some(name) } = reference else { return Ok(None) };
    let path = path.clone();
    let archive = match tokio::task::spawn_blocking(move || DockerArchive::open(path)).await {
        Ok(opened) => opened?,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    };
    let image = archive.image(name).ok_or_else(|| OpsError::NotFound {
        location: reference.to_string(),
        name: format!("such image; it has: {}", names(&archive)),
    })?;
    // The name may be a digest or an identifier of docker's, which gives no tag.
    let tag = name.rsplit_once(':').map_or(name.as_str(), |(_, tag)| tag).parse::<Tag>().ok();
    Ok(Some(Selector { tag, digest: Some(image.descriptor.digest) }))
}

fn names(archive: &DockerArchive) -> String {
    let names = archive.images().iter().flat_map(|image| &image.names);
    let names: Vec<String> = names.take(5).map(|name| oci::text::printable(name).into_owned()).collect();
    if names.is_empty() { "no names".to_owned() } else { names.join(", ") }
}
