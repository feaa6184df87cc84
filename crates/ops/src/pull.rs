//! Brings an image into the local content store, or an artifact's files into a directory.

mod files;
mod place;

use oci::{Reference, ReferenceError, RepositoryName, Selector};

use crate::context::Context;
use crate::copy::CopyRequest;
use crate::destination::Destination;
use crate::error::{ErrorKind, OpsError};
use crate::genealogy;

pub use files::{PullFilesRequest, PulledFile, PulledFiles, pull_files};

/// Returns the copy that brings an image into the local content store under its own name. To be filled in with options and
/// given to [`copy`](fn@crate::copy::copy).
///
/// # Errors
/// [`OpsError::Usage`] when the image is in the local content store already, or has no name.
pub fn into_content_store(source: Reference) -> Result<CopyRequest, OpsError> {
    let name = name_in_content_store(&source)?;
    // What is pulled by a digest alone gets no tag.
    let destination = Reference::Store { name, selector: Selector::default() };
    Ok(CopyRequest { pairs: vec![(source, Destination::Exactly(destination))], ..CopyRequest::default() })
}

/// Remembers what was pulled under the name of its source, so that it is recognised as the base of others.
///
/// # Errors
/// What the content store brings. What is not there under the name of the source, because it was narrowed perhaps, is not remembered.
pub async fn remember(context: &Context, source: &Reference) -> Result<(), OpsError> {
    let store = context.content_store()?.name(name_in_content_store(source)?);
    match genealogy::whole_images(context, &store, source, &[]).await {
        Ok(images) => genealogy::remember(context, images).await,
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Returns the name under which the local content store keeps an image from elsewhere: registry and repository, with `__` for the
/// colon before a port, which no name may hold; for a layout or an archive the name of its file.
fn name_in_content_store(source: &Reference) -> Result<RepositoryName, OpsError> {
    let text = match source {
        Reference::Registry(reference) => {
            let host = reference.host.as_str().replace(['[', ']'], "").replace("::", "-").replace(':', "__");
            format!("{}/{}", host.trim_start_matches('-'), reference.repository)
        }
        Reference::Layout { path, .. } | Reference::Archive { path, .. } | Reference::DockerArchive { path, .. } => {
            path.file_stem().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default()
        }
        Reference::Store { name, .. } => {
            return Err(OpsError::usage(
                format!("`{source}` is in the local content store already"),
                format!("supercargo inspect store:{name}"),
            ));
        }
    };
    text.parse().map_err(|error| OpsError::Reference(ReferenceError::Name(error)))
}

#[cfg(test)]
mod tests {
    use super::name_in_content_store;

    #[test]
    fn every_registry_has_names_of_its_own() {
        let name = |reference: &str| name_in_content_store(&reference.parse().unwrap()).unwrap().to_string();
        assert_eq!(name("docker.io/alpine:3"), "docker.io/library/alpine");
        assert_eq!(name("127.0.0.1:5000/team/app"), "127.0.0.1__5000/team/app");
        assert_eq!(name("[::1]:5000/app"), "1__5000/app");
        assert_eq!(name("oci-archive:dir/App.tar:1"), "app");
        assert!(name_in_content_store(&"store:app".parse().unwrap()).is_err());
    }
}
