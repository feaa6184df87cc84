//! An application as one OCI index, with its project and its lock as an artifact about it (docs/formats/application.md).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};
use std::sync::Arc;

use bytes::Bytes;
use oci::{Algorithm, Annotations, Descriptor, Digest, Manifest, ManifestError, ManifestKind, MediaType, Reference};
use oci::{Tag, annotation};
use resolve::lock::{self, Lock, LockedImage};
use resolve::project::{self, Project, flat};
use serde_json::json;
use store::{Referrers, Store};
use transfer::TransferError;

use crate::artifact::{Content, PreparedArtifact, assemble};
use crate::context::Context;
use crate::error::OpsError;
use crate::found::{Found, fetch, find_in, read_blob};
use crate::project::OpenProject;

/// Type of the artifact that carries project and lock.
pub const ARTIFACT_TYPE: &str = "application/vnd.supercargo.application.v1";
/// Annotation of the index: the digest of the project's file.
pub const PROJECT_ANNOTATION: &str = "vnd.supercargo.project";
/// Annotation of the index: the digest of the lock.
pub const LOCK_ANNOTATION: &str = "vnd.supercargo.lock";
/// Annotation of a member: what the project calls the image.
pub const NAME_ANNOTATION: &str = "vnd.supercargo.image.name";
/// Annotation of a member: the repository that the project names, with the tag that was locked.
pub const ORIGIN_ANNOTATION: &str = "vnd.supercargo.image.origin";

/// Type of both files.
const TOML: &str = "application/toml";
/// Most artifacts about an index among which the one with its project and lock is sought.
const ARTIFACTS_MAX: usize = 1024;

/// An application that was read: project and lock are those that the index names, and the lock is of the index's images.
#[derive(Clone, Debug)]
pub struct Application {
    /// The repository that holds the index, and all the images.
    pub store: Arc<dyn Store>,
    /// By which tag or digest it was found.
    pub tag: Option<Tag>,
    /// The index.
    pub index: Manifest,
    /// The artifact that carries project and lock.
    pub artifact: Manifest,
    /// The text of the project's file.
    pub project_text: String,
    /// What it says.
    pub project: Project,
    /// The text of the lock.
    pub lock_text: String,
    /// What it says.
    pub lock: Lock,
}

/// An application of which every byte is known, to be put somewhere.
#[derive(Clone, Debug)]
pub(crate) struct Assembled {
    /// The index of the images.
    pub(crate) index: Manifest,
    /// Project and lock.
    pub(crate) artifact: PreparedArtifact,
}

/// Makes the index and the artifact of a project. The same project, lock and images give the same bytes.
///
/// # Errors
/// [`OpsError::NotFound`] when `members` lacks an image of the lock.
pub(crate) fn assemble_application(
    open: &OpenProject,
    lock_text: &str,
    members: &BTreeMap<String, Descriptor>,
) -> Result<Assembled, OpsError> {
    let layer = |title: &str, text: &str| {
        // The constant is a media type.
        let toml = TOML.parse().unwrap_or(MediaType::OCTET_STREAM);
        let mut descriptor = Descriptor::of(toml, text.as_bytes());
        descriptor.annotations.insert(annotation::TITLE.to_owned(), title.to_owned());
        (Content::Memory(Bytes::copy_from_slice(text.as_bytes())), descriptor)
    };
    let text = flat(&open.sources).map_err(|error| OpsError::usage(error.to_string(), None))?;
    let layers = vec![layer(project::FILE_NAME, &text), layer(lock::FILE_NAME, lock_text)];
    let mut annotations = facts(&open.project);
    annotations.insert(PROJECT_ANNOTATION.to_owned(), layers[0].1.digest.to_string());
    annotations.insert(LOCK_ANNOTATION.to_owned(), layers[1].1.digest.to_string());
    let manifests = open.lock.images.iter().map(|(name, image)| {
        let found = members.get(name).ok_or_else(|| OpsError::NotFound {
            location: image.repository.to_string(),
            name: format!("manifest {}", image.digest),
        })?;
        let mut member = Descriptor::new(found.media_type.clone(), found.digest, found.size);
        member.annotations = Annotations::from([
            (NAME_ANNOTATION.to_owned(), name.clone()),
            (ORIGIN_ANNOTATION.to_owned(), format!("{}:{}", image.repository, image.tag)),
            (annotation::VERSION.to_owned(), image.version.clone()),
        ]);
        Ok(member)
    });
    let document = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX,
        "manifests": manifests.collect::<Result<Vec<_>, OpsError>>()?,
        "annotations": annotations,
    });
    let bytes = serde_json::to_vec(&document).map_err(ManifestError::Json).map_err(TransferError::from)?;
    let index = Manifest::from_new(bytes.into(), &MediaType::OCI_INDEX, Algorithm::Sha256);
    let index = index.map_err(TransferError::from)?;
    let artifact = assemble(ARTIFACT_TYPE, &Annotations::new(), layers, Some(&index.descriptor()))?;
    Ok(Assembled { index, artifact })
}

/// Returns what the project says of the application, under the keys of the image-spec.
fn facts(project: &Project) -> Annotations {
    let facts = [
        (annotation::TITLE, &project.name),
        (annotation::VERSION, &project.version),
        (annotation::LICENSES, &project.license),
        (annotation::VENDOR, &project.supplier),
        (annotation::SOURCE, &project.source),
    ];
    facts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?))).collect()
}

/// Returns the tag of an image beside the application: its name and its own tag. `None` where that is no tag.
pub(crate) fn member_tag(name: &str, image: &LockedImage) -> Option<Tag> {
    format!("{name}-{}", image.tag).parse().ok()
}

/// Reads an application, whoever published it.
///
/// # Errors
/// [`OpsError::Usage`] when the reference names something else, [`OpsError::Integrity`] when project or lock are missing, are not
/// those that the index names, contradict the index or each other, or reach out of the project's directory; what
/// [`find_in`] and the store bring.
pub async fn read(context: &Context, reference: &Reference) -> Result<Application, OpsError> {
    let store = context.open_source(reference).await?;
    let Found { store, selector, manifest: index, .. } = find_in(context, store, reference, None).await?;
    let wanted = [PROJECT_ANNOTATION, LOCK_ANNOTATION].map(|key| named_digest(&index, key));
    let (ManifestKind::Index, [Some(project), Some(lock)]) = (index.kind(), wanted) else {
        return Err(OpsError::usage(
            format!("`{reference}` is no application: it does not say what it is made of"),
            format!("supercargo inspect {reference}"),
        ));
    };
    let artifact = find_artifact(context, &*store, &index, [project, lock]).await?;
    let broken = |message: String| OpsError::Integrity { location: store.location().to_owned(), message };
    let mut texts = Vec::new();
    for (layer, (title, limit)) in artifact.layers().iter().zip(FILES) {
        let given = layer.annotation(annotation::TITLE).unwrap_or_default();
        if given != title {
            return Err(broken(format!("the application calls its {title} `{}`", given.escape_debug())));
        }
        if layer.size > limit as u64 {
            return Err(broken(format!("{title} has {} bytes, the limit is {limit}", layer.size)));
        }
        let bytes = read_blob(&*store, layer, limit).await?;
        let bytes = bytes.ok_or_else(|| broken(format!("{title}, {}, is not there", layer.digest)))?;
        let text = String::from_utf8(bytes.to_vec()).map_err(|_| broken(format!("{title} is not UTF-8")))?;
        texts.push(text);
    }
    // There are as many as limits: the artifact was chosen by having two layers.
    let (lock_text, project_text) = (texts.pop().unwrap_or_default(), texts.pop().unwrap_or_default());
    let project = Project::parse(&project_text)
        .map_err(|error| broken(format!("{} cannot be understood: {error}", project::FILE_NAME)))?;
    let lock = Lock::parse(&lock_text)
        .map_err(|error| broken(format!("{} cannot be understood: {error}", lock::FILE_NAME)))?;
    check(&index, &project, &lock).map_err(broken)?;
    Ok(Application { tag: selector.tag, index, artifact, project_text, project, lock_text, lock, store })
}

fn named_digest(index: &Manifest, key: &str) -> Option<Digest> {
    index.annotations().get(key)?.parse().ok()
}

/// The files of an application and the most bytes of each, in the order of the layers.
const FILES: [(&str, usize); 2] =
    [(project::FILE_NAME, project::FILE_MAX_BYTES), (lock::FILE_NAME, lock::FILE_MAX_BYTES)];

/// Finds the artifact whose layers are what the index names. Others of the type may be anybody's: one that describes the same
/// layers wrongly is returned only where there is no better one.
async fn find_artifact(
    context: &Context,
    store: &dyn Store,
    index: &Manifest,
    wanted: [Digest; 2],
) -> Result<Manifest, OpsError> {
    let listed = match store.referrers(index.digest(), Some(ARTIFACT_TYPE)).await? {
        Referrers::Listed(listed) => listed,
        Referrers::Unsupported => transfer::fallback::read(store, index.digest()).await?,
    };
    let of_type = |listed: &&Descriptor| listed.artifact_type.as_deref() == Some(ARTIFACT_TYPE);
    let of_type: Vec<&Descriptor> = listed.iter().filter(of_type).collect();
    let mut misdescribed = None;
    for descriptor in of_type.iter().take(ARTIFACTS_MAX) {
        let artifact = match fetch(context, store, descriptor).await {
            Ok(artifact) => artifact,
            // Whoever may list something here is not to keep others from the application.
            Err(error) if error.is_lost() => continue,
            Err(error) => return Err(error),
        };
        let is_about = artifact.subject().is_some_and(|subject| subject.digest == *index.digest());
        if !is_about || !artifact.layers().iter().map(|layer| layer.digest).eq(wanted) {
            continue;
        }
        let is_described = |(layer, (title, limit)): (&Descriptor, (&str, usize))| {
            layer.annotation(annotation::TITLE) == Some(title) && layer.size <= limit as u64
        };
        if artifact.layers().iter().zip(FILES).all(is_described) {
            return Ok(artifact);
        }
        misdescribed.get_or_insert(artifact);
    }
    if let Some(artifact) = misdescribed {
        return Ok(artifact);
    }
    Err(OpsError::Integrity {
        location: store.location().to_owned(),
        message: match of_type.len() {
            0 => format!(
                "the application {} is without its project and lock: it was copied without artifacts",
                index.digest()
            ),
            count => format!(
                "the application {} is without its project and lock: they are not among the first {} of {count} artifacts about it",
                index.digest(),
                count.min(ARTIFACTS_MAX)
            ),
        },
    })
}

/// Checks that index, project and lock are about the same, and that the project stays where it is.
fn check(index: &Manifest, project: &Project, lock: &Lock) -> Result<(), String> {
    if let Some(reason) = lock.stale(project).first() {
        return Err(format!("the application's lock is not one of its project: {reason}"));
    }
    let mut members = BTreeSet::new();
    for child in index.children() {
        let name = child.annotation(NAME_ANNOTATION).unwrap_or_default();
        match lock.images.get(name) {
            Some(image) if image.digest == child.digest => members.insert(name),
            Some(image) => {
                return Err(format!(
                    "`{name}` is {} in the application and {} in its lock",
                    child.digest, image.digest
                ));
            }
            None => return Err(format!("the lock has nothing of {} in the application", child.digest)),
        };
    }
    if let Some(name) = lock.images.keys().find(|name| !members.contains(name.as_str())) {
        return Err(format!("`{name}` is in the lock and not in the application"));
    }
    let escapes = |path: &&String| {
        Path::new(path.as_str()).components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir))
    };
    match project.targets.iter().flat_map(|target| &target.paths).chain(&project.vendor).find(escapes) {
        Some(path) => Err(format!("the project names files outside of its directory: `{}`", path.escape_debug())),
        None => Ok(()),
    }
}
