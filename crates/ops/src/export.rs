//! The locked images as lists of other tools.

use std::collections::BTreeMap;
use std::path::Path;

use oci::{RegistryReference, Selector};
use resolve::lock::{Lock, LockedImage};
use resolve::project::Groups;
use targets::Kind;
use targets::import::{Entry, compose, docker_lock, imgpkg};

use crate::error::OpsError;
use crate::lock::{stale, stale_error};
use crate::project::{OpenProject, Scope};
use crate::rewrite::{TargetReference, target_references};

/// A list of another tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// `.imgpkg/images.yml` of Carvel: every locked image.
    Imgpkg,
    /// `docker-lock.json`: the images that Dockerfiles, Compose files and Kubernetes manifests of the project name.
    DockerLock,
    /// An override file that pins the services of the project's Compose files.
    Compose,
}

/// A list that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportReport {
    /// What it says.
    pub text: String,
    /// How many images are in it.
    pub images: usize,
    /// The references of targets that have no place in it: file and place.
    pub left_out: Vec<String>,
}

/// Makes a list of the locked images that are wanted by their groups, and writes it to a path of the user's if one is named.
///
/// # Errors
/// [`OpsError::Stale`] when the lock is no answer to the project, [`OpsError::NotFound`] for a group without images, those of [`rewrite`](crate::rewrite::rewrite) where the list is about
/// files, [`OpsError::Usage`] when no file names an image or services contradict each other, and what the file system brings.
pub fn export(
    open: &OpenProject,
    groups: &Groups,
    format: ExportFormat,
    output: Option<&Path>,
) -> Result<ExportReport, OpsError> {
    let reasons = stale(open);
    if !reasons.is_empty() || open.lock_text.is_none() {
        return Err(stale_error(open, &reasons));
    }
    let wanted = open.narrowed(groups, Scope::Workspace)?.lock;
    let mut left_out = Vec::new();
    let entries = match format {
        ExportFormat::Imgpkg => locked(&wanted),
        ExportFormat::DockerLock => in_files(open, &wanted, docker_lock_entry, &mut left_out)?,
        ExportFormat::Compose => services(in_files(open, &wanted, compose_entry, &mut left_out)?)?,
    };
    let text = match format {
        ExportFormat::Imgpkg => imgpkg::write(&entries),
        ExportFormat::DockerLock => docker_lock::write(&entries),
        ExportFormat::Compose => compose::write(&entries),
    };
    if let Some(path) = output {
        store::atomic::save(path, text.as_bytes())?;
    }
    Ok(ExportReport { text, images: entries.len(), left_out })
}

/// Returns the locked images, named as kbld names what it resolved: with the tag, for which imgpkg has no place in a reference.
fn locked(wanted: &Lock) -> Vec<Entry> {
    let entry = |locked: &LockedImage| {
        let with = |selector| RegistryReference { selector, ..locked.repository.clone() };
        Entry {
            name: with(Selector { tag: Some(locked.tag.clone()), digest: None }).to_string(),
            reference: with(Selector { tag: None, digest: Some(locked.digest) }),
            annotations: BTreeMap::new(),
        }
    };
    wanted.images.values().map(entry).collect()
}

/// Returns an entry for every reference in the project's targets that is of a wanted image and has a place in the list.
fn in_files(
    open: &OpenProject,
    wanted: &Lock,
    entry: fn(&TargetReference) -> Option<Entry>,
    left_out: &mut Vec<String>,
) -> Result<Vec<Entry>, OpsError> {
    let mut entries = Vec::new();
    let is_wanted = |reference: &TargetReference| {
        wanted.images.values().any(|locked| Some(locked.digest) == reference.locked.selector.digest)
    };
    // Which image a reference is of is decided among all.
    for reference in target_references(open)?.into_iter().filter(is_wanted) {
        match entry(&reference) {
            Some(entry) => entries.push(entry),
            None => left_out.push(format!("{}: {}", reference.file, reference.path)),
        }
    }
    if entries.is_empty() {
        return Err(OpsError::usage(
            "no file of the project's targets names an image that has a place in this list",
            "supercargo export --as imgpkg".to_owned(),
        ));
    }
    Ok(entries)
}

fn docker_lock_entry(reference: &TargetReference) -> Option<Entry> {
    let list = match reference.kind {
        Kind::Dockerfile => "dockerfiles",
        Kind::Compose => "composefiles",
        Kind::Kubernetes => "kubernetesfiles",
        _ => return None,
    };
    let mut annotations = BTreeMap::from([
        (docker_lock::LIST.to_owned(), list.to_owned()),
        (docker_lock::PATH.to_owned(), reference.file.clone()),
    ]);
    if reference.kind == Kind::Compose {
        annotations.extend(service(reference).map(|service| ("service".to_owned(), service.to_owned())));
    }
    Some(Entry { name: reference.name.clone(), reference: reference.locked.clone(), annotations })
}

fn compose_entry(reference: &TargetReference) -> Option<Entry> {
    let name = service(reference).filter(|_| reference.kind == Kind::Compose)?.to_owned();
    Some(Entry { name, reference: reference.locked.clone(), annotations: BTreeMap::new() })
}

/// Returns the service whose image a place of a Compose file is.
fn service(reference: &TargetReference) -> Option<&str> {
    let name = reference.path.strip_prefix("services.")?.strip_suffix(".image")?;
    let quoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    // A dot outside of quotes leads to something else than a service.
    quoted.or_else(|| (!name.contains(['.', '['])).then_some(name))
}

/// Returns each service once.
fn services(entries: Vec<Entry>) -> Result<Vec<Entry>, OpsError> {
    let mut services: BTreeMap<String, Entry> = BTreeMap::new();
    for entry in entries {
        if let Some(known) = services.get(&entry.name)
            && known.reference != entry.reference
        {
            return Err(OpsError::usage(
                format!(
                    "two Compose files of the project have a service `{}`: {} and {}",
                    oci::text::printable(&entry.name),
                    known.reference,
                    entry.reference
                ),
                "supercargo export --as docker-lock".to_owned(),
            ));
        }
        services.insert(entry.name.clone(), entry);
    }
    Ok(services.into_values().collect())
}
