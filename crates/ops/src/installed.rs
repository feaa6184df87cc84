//! Where the images of an application can be had that was installed: in their own registries, or where it was published.
//!
//! The lock names the repositories that the images come from, wherever they were copied. What was published is known to one file
//! beside it, `Supercargo.installed`: lines that begin with `#`, and one reference with a digest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use oci::{Descriptor, Digest, Host, Manifest, Reference, RegistryReference, Tag};
use store::{BlobBody, BlobSource, Identity, Meter, Put, Referrers, Store, StoreError, SubjectIndexed};

use crate::application::{self, Application};
use crate::context::Context;
use crate::error::{ErrorKind, OpsError};
use crate::project::{OpenProject, read_text};
use crate::sources;

/// Name of the file.
pub const FILE_NAME: &str = "Supercargo.installed";
/// Most bytes of the file.
const FILE_MAX_BYTES: usize = 16 << 10;

const HEAD: &str =
    "# Written by supercargo install: where the images are when their own registries cannot be reached.\n";

/// Returns the path of the file in a directory.
pub(crate) fn file(directory: &Path) -> PathBuf {
    directory.join(FILE_NAME)
}

/// Returns the text of the file for an application at a place.
pub fn text(place: &Reference) -> String {
    format!("{HEAD}{place}\n")
}

/// Returns where the application of a project was installed from; `None` where it was not installed.
///
/// # Errors
/// [`OpsError::Usage`] when the file cannot be understood, [`OpsError::File`] when it cannot be read.
pub fn place(open: &OpenProject) -> Result<Option<Reference>, OpsError> {
    let path = file(open.directory());
    let Some(text) = read_text(&path, FILE_MAX_BYTES)? else { return Ok(None) };
    let place = parse(&text).map_err(|message| OpsError::usage(format!("{}: {message}", path.display()), None))?;
    Ok(Some(place))
}

/// Reads the text of the file.
///
/// # Errors
/// What is wrong with it, in one line.
pub fn parse(text: &str) -> Result<Reference, String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Err("one reference is expected, with the digest of the application".to_owned());
    };
    let reference: Reference = line.parse().map_err(|error: oci::ReferenceError| error.to_string())?;
    match reference.selector().digest {
        Some(_) => Ok(reference),
        None => Err(format!("`{reference}` has no digest")),
    }
}

/// Opens the repositories of images, each repository once. One that cannot be reached, admits nobody or is empty is replaced by the
/// place that the application was installed from, if it was.
///
/// # Errors
/// What [`place`] and [`application::read`] bring. A repository is not asked where there is no other place for its images.
pub(crate) async fn repositories<'a>(
    context: &Context,
    open: &OpenProject,
    images: impl Iterator<Item = (&'a String, &'a RegistryReference)>,
) -> Result<BTreeMap<String, Arc<dyn Store>>, OpsError> {
    let place = place(open)?;
    let mut published: Option<Arc<Application>> = None;
    let mut opened: BTreeMap<String, Arc<dyn Store>> = BTreeMap::new();
    // A registry that does not answer for one repository is not waited for again.
    let mut silent: BTreeSet<&Host> = BTreeSet::new();
    let mut stores = BTreeMap::new();
    for (name, repository) in images {
        let key = repository.to_string();
        let store = if let Some(store) = opened.get(&key) {
            Arc::clone(store)
        } else {
            let origin = sources::repository(context, open, repository).await?;
            match &place {
                Some(place)
                    if silent.contains(&repository.host) || !answers(&*origin, repository, &mut silent).await? =>
                {
                    if published.is_none() {
                        published = Some(Arc::new(application::read(context, place).await?));
                    }
                    match published.as_ref().and_then(|application| Member::of(application, repository)) {
                        Some(member) => Arc::new(member),
                        None => origin,
                    }
                }
                _ => origin,
            }
        };
        opened.insert(key, Arc::clone(&store));
        stores.insert(name.clone(), store);
    }
    Ok(stores)
}

/// Tells whether a repository can be read and has something.
async fn answers<'a>(
    store: &dyn Store,
    repository: &'a RegistryReference,
    silent: &mut BTreeSet<&'a Host>,
) -> Result<bool, OpsError> {
    let error = match store.tags().await.map_err(OpsError::from) {
        Ok(tags) => return Ok(!tags.is_empty()),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::Unreachable => {
            silent.insert(&repository.host);
            Ok(false)
        }
        ErrorKind::Denied => Ok(false),
        _ => Err(error),
    }
}

/// The repository of an image as far as it was published with an application: what is locked of it, under the tags that it had
/// there when it was locked.
#[derive(Debug)]
struct Member {
    store: Arc<dyn Store>,
    tags: BTreeMap<Tag, Descriptor>,
}

impl Member {
    fn of(application: &Application, repository: &RegistryReference) -> Option<Self> {
        let mut tags = BTreeMap::new();
        for image in application.lock.images.values().filter(|image| image.repository == *repository) {
            let child = application.index.children().iter().find(|child| child.digest == image.digest)?;
            let child = Descriptor::new(child.media_type.clone(), child.digest, child.size);
            tags.extend(image.aliases.iter().chain([&image.tag]).map(|tag| (tag.clone(), child.clone())));
        }
        (!tags.is_empty()).then(|| Self { store: Arc::clone(&application.store), tags })
    }
}

#[async_trait]
impl Store for Member {
    fn location(&self) -> &str {
        self.store.location()
    }

    fn identity(&self) -> Identity {
        self.store.identity()
    }

    fn concurrency(&self) -> usize {
        self.store.concurrency()
    }

    fn backlog(&self) -> usize {
        self.store.backlog()
    }

    async fn resolve(&self, tag: &Tag) -> Result<Option<Descriptor>, StoreError> {
        match self.tags.get(tag) {
            Some(found) => self.store.stat_manifest(&found.digest).await,
            // Fallback and convention tags are about what is here, whichever repository it came from.
            None if tag.is_attachment() => self.store.resolve(tag).await,
            None => Ok(None),
        }
    }

    async fn stat_manifest(&self, digest: &Digest) -> Result<Option<Descriptor>, StoreError> {
        self.store.stat_manifest(digest).await
    }

    async fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, StoreError> {
        self.store.manifest(digest).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<SubjectIndexed, StoreError> {
        self.store.put_manifest(manifest).await
    }

    async fn tag(&self, tag: &Tag, manifest: &Manifest) -> Result<(), StoreError> {
        self.store.tag(tag, manifest).await
    }

    async fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        let attachments = self.store.tags().await?.into_iter().filter(Tag::is_attachment);
        Ok(self.tags.keys().cloned().chain(attachments).collect())
    }

    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers, StoreError> {
        self.store.referrers(subject, artifact_type).await
    }

    async fn stat_blob(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        self.store.stat_blob(digest).await
    }

    async fn open_blob(&self, descriptor: &Descriptor, offset: u64) -> Result<Option<BlobBody>, StoreError> {
        self.store.open_blob(descriptor, offset).await
    }

    async fn put_blob(
        &self,
        descriptor: &Descriptor,
        source: &dyn BlobSource,
        meter: &Meter,
    ) -> Result<Put, StoreError> {
        self.store.put_blob(descriptor, source, meter).await
    }

    async fn adopt_blob(&self, descriptor: &Descriptor, from: &Identity) -> Result<bool, StoreError> {
        self.store.adopt_blob(descriptor, from).await
    }

    async fn delete_manifest(&self, digest: &Digest) -> Result<bool, StoreError> {
        self.store.delete_manifest(digest).await
    }

    async fn delete_tag(&self, tag: &Tag) -> Result<bool, StoreError> {
        self.store.delete_tag(tag).await
    }

    async fn delete_blob(&self, digest: &Digest) -> Result<bool, StoreError> {
        self.store.delete_blob(digest).await
    }
}
