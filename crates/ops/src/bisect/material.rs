//! What the test of a candidate is given: reference, digest, lock, layout.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci::{Digest, ManifestKind, Platform, Reference, ReferenceError, RegistryReference, Selector, Tag};
use resolve::bisect::session::{Candidate, Subject};
use resolve::bisect::{ChangeSet, Session};
use resolve::lock::{Lock, LockedImage, LockedKind};
use store::{LayoutStore, Store};
use transfer::{CopyOptions, RootRequest, Route, Silent, TransferError};

use super::axis::{BAD_LOCK, GOOD_LOCK, apply, read_lock};
use super::child::Material;
use super::place::Workshop;
use super::request::Axis;
use crate::context::Context;
use crate::copy::{CopyRequest, copy};
use crate::destination::Destination;
use crate::error::OpsError;
use crate::found::find_in;
use crate::sources::Sources;

/// Gets ready what tests are given.
pub(super) struct Supply<'a> {
    pub(super) context: &'a Context,
    pub(super) workshop: &'a Workshop,
    pub(super) axis: Axis,
    /// Whether every candidate is brought into a layout.
    pub(super) layout: bool,
}

impl Supply<'_> {
    /// Returns what a test is given; `None` when the candidate is not there any more.
    pub(super) async fn material(&self, session: &Session, subject: &Subject) -> Result<Option<Material>, OpsError> {
        let material = match subject {
            Subject::Changes(changes) => self.locked(lock_with(self.workshop, session, changes)?).await,
            Subject::Candidate(number) => {
                let Some(candidate) = session.candidate(*number) else { return Ok(None) };
                match self.axis {
                    Axis::Locks => self.locked(self.workshop.lock_of_key(&candidate.key)).await,
                    _ => self.image(candidate).await,
                }
            }
        };
        match material {
            Ok(material) => Ok(Some(material)),
            Err(OpsError::NotFound { .. } | OpsError::Transfer(TransferError::NotFound { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns a lock, and where it is asked for a layout with all of its images, each tagged with its name.
    async fn locked(&self, lock: PathBuf) -> Result<Material, OpsError> {
        let mut material = Material { lock: Some(lock.clone()), ..Material::default() };
        if !self.layout {
            return Ok(material);
        }
        let path = self.workshop.layout_of(&lock.to_string_lossy());
        let platform = platform(self.workshop)?.map(|platform| platform.to_string());
        for (name, image) in &read_lock(&lock)?.images {
            let on = image.platforms.iter().find(|on| Some(&on.on) == platform.as_ref());
            let digest = on.map_or(image.digest, |on| on.digest);
            let reference = Reference::Registry(image.repository.clone());
            let reference = reference.with_selector(Selector { tag: None, digest: Some(digest) });
            let tag: Tag = name.parse().map_err(ReferenceError::Name)?;
            self.bring(&reference, &path, tag).await?;
        }
        material.layout = Some(path);
        Ok(material)
    }

    /// Brings what a later round may need to this machine. What fails will fail again when it is needed.
    pub(super) async fn prefetch(&self, session: &Session, subjects: &[Subject]) {
        let (Axis::Tags | Axis::Digests) = self.axis else { return };
        for subject in subjects.iter().filter(|_| self.layout) {
            let Subject::Candidate(number) = subject else { continue };
            let Some(candidate) = session.candidate(*number).filter(|candidate| !candidate.absent) else { continue };
            if let Ok(image) = image_of(candidate) {
                let _ = self.kept(&image).await;
            }
        }
    }

    async fn image(&self, candidate: &Candidate) -> Result<Material, OpsError> {
        let reference: Reference = candidate.reference.parse()?;
        let digest = reference.selector().digest;
        let mut material = Material {
            image: Some(candidate.reference.clone()),
            digest: digest.map(|digest| digest.to_string()),
            ..Material::default()
        };
        if let Reference::Registry(of) = &reference {
            material.lock = Some(self.lock(candidate, &reference, of).await?);
        }
        if self.layout {
            let layout = self.layout(candidate, &reference).await?;
            if self.axis == Axis::Layers {
                // Nowhere else is there such an image.
                let place = Reference::Layout { path: layout.clone(), selector: reference.selector() };
                material.image = Some(place.to_string());
            }
            material.layout = Some(layout);
        }
        Ok(material)
    }

    /// Writes the project's lock with the candidate in place of the image from its repository; without such an image, a lock of
    /// the candidate alone.
    async fn lock(
        &self,
        candidate: &Candidate,
        reference: &Reference,
        of: &RegistryReference,
    ) -> Result<PathBuf, OpsError> {
        let path = self.workshop.lock_of_key(&candidate.reference);
        if path.exists() {
            return Ok(path);
        }
        let repository = RegistryReference { selector: Selector::default(), ..of.clone() };
        let mut lock = self.workshop.project.as_ref().map(|open| (*open.lock).clone()).unwrap_or_default();
        let same = lock.images.iter().filter(|(_, image)| image.repository == repository);
        let mut names: Vec<String> = same.map(|(name, _)| name.clone()).collect();
        if names.is_empty() {
            lock = Lock::default();
            names.push(repository.repository.last_component().to_owned());
        }
        let found = find_in(self.context, self.source(reference, of).await?, reference, None).await?;
        let kind = if found.manifest.kind() == ManifestKind::Index { LockedKind::Index } else { LockedKind::Image };
        let tag = of.selector.tag.clone().unwrap_or_else(Tag::latest);
        for name in names {
            let old = lock.images.get(&name);
            let track = old.map(|image| image.track.clone()).unwrap_or_default();
            let digest = *found.manifest.digest();
            let mut image = LockedImage::new(repository.clone(), tag.to_string(), tag.clone(), digest, kind);
            image.track = track;
            "bisect".clone_into(&mut image.chosen);
            lock.images.insert(name, image);
        }
        self.workshop.write_lock(&path, &lock.text())?;
        Ok(path)
    }

    /// Brings the candidate into a layout of its own, unless it is there.
    async fn layout(&self, candidate: &Candidate, reference: &Reference) -> Result<PathBuf, OpsError> {
        let path = self.workshop.layout_of(&candidate.reference);
        let tag = reference.selector().tag.unwrap_or_else(Tag::latest);
        self.bring(&image_of(candidate)?, &path, tag).await?;
        Ok(path)
    }

    /// Brings an image into a layout under a tag, unless it is there.
    async fn bring(&self, image: &Reference, path: &Path, tag: Tag) -> Result<(), OpsError> {
        if is_there(path, &tag).await? {
            return Ok(());
        }
        let from = self.kept(image).await?;
        let selector = Selector { tag: Some(tag), digest: None };
        self.copy(from, Destination::Exactly(Reference::Layout { path: path.to_owned(), selector })).await
    }

    /// Returns where an image is to be copied from: a layout that all candidates share, into which it is brought from a registry,
    /// so that what neighbours have in common moves once.
    async fn kept(&self, image: &Reference) -> Result<Reference, OpsError> {
        let Reference::Registry(of) = image else { return Ok(image.clone()) };
        let kept = Reference::Layout { path: self.workshop.fetched(), selector: Selector::default() };
        let route = Route {
            source: self.source(image, of).await?,
            destination: self.context.open_destination(&kept).await?,
            roots: vec![RootRequest { selector: image.selector(), ..RootRequest::default() }],
            source_tags: None,
            urls: None,
        };
        let cache = self.context.manifest_cache();
        for route in transfer::copy(vec![route], &options(), cache, Arc::new(Silent)).await?.routes {
            route?;
        }
        Ok(kept.with_selector(image.selector()))
    }

    /// Opens the repository of an image as the project reads it: what was vendored, mirrors, itself.
    async fn source(&self, image: &Reference, of: &RegistryReference) -> Result<Arc<dyn Store>, OpsError> {
        let Some(open) = &self.workshop.project else { return self.context.open_source(image).await };
        let repository = RegistryReference { selector: Selector::default(), ..of.clone() };
        let mut sources = Sources::new(self.context, open).await?;
        match &of.selector.digest {
            Some(digest) => sources.of_former(digest, &repository).await,
            None => sources.of_repository(&repository).await,
        }
    }

    async fn copy(&self, from: Reference, to: Destination) -> Result<(), OpsError> {
        let request = CopyRequest { pairs: vec![(from, to)], options: options(), ..CopyRequest::default() };
        for route in copy(self.context, &request, Arc::new(Silent)).await?.routes {
            route?;
        }
        Ok(())
    }
}

/// Returns how images are brought: without what is attached to them.
fn options() -> CopyOptions {
    let walk = graph::WalkOptions { artifacts: false, layer_artifacts: false };
    CopyOptions { walk, ..CopyOptions::default() }
}

/// Writes the good lock with some of the changes made, unless it is there.
pub(super) fn lock_with(workshop: &Workshop, session: &Session, changes: &ChangeSet) -> Result<PathBuf, OpsError> {
    let path = workshop.lock_of_key(&session.key(&Subject::Changes(changes.clone())).unwrap_or_default());
    if !path.exists() {
        let good = read_lock(&workshop.lock_of(GOOD_LOCK))?;
        let bad = read_lock(&workshop.lock_of(BAD_LOCK))?;
        workshop.write_lock(&path, &apply(&good, &bad, changes).text())?;
    }
    Ok(path)
}

/// Returns what of a candidate is tested: the image for the platform that is meant, by its digest.
fn image_of(candidate: &Candidate) -> Result<Reference, OpsError> {
    let reference: Reference = candidate.reference.parse()?;
    let digest: Option<Digest> = candidate.key.parse().ok().or(reference.selector().digest);
    Ok(reference.with_selector(Selector { tag: None, digest }))
}

/// Tells whether a layout is complete: a tag is the last thing that a copy sets.
async fn is_there(path: &Path, tag: &Tag) -> Result<bool, OpsError> {
    if !path.exists() {
        if let Some(parent) = path.parent() {
            super::place::make(parent)?;
        }
        return Ok(false);
    }
    Ok(LayoutStore::open_or_create(path)?.resolve(tag).await?.is_some())
}

/// Reads the platform that a session is about.
pub(super) fn platform(workshop: &Workshop) -> Result<Option<Platform>, OpsError> {
    Ok(workshop.read_asked()?.and_then(|text| super::request::Asked::platform_in(&text)))
}
