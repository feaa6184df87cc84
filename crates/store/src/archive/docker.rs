//! What `docker save` writes (moby's "Docker Image Specification v1.2", "Combined Image JSON + Filesystem Changeset Format").
//!
//! Docker 25 and later put an OCI layout into the archive, and then that is what is read. Earlier ones, and other tools, have
//! only `manifest.json`, which names a configuration and layers that are not compressed. From these a manifest is made: a layer
//! that is not compressed has the digest that the configuration gives as its `diff_id`, so nothing has to be read for it, and
//! whoever copies the layer finds out whether that is true.

mod store;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use oci::limits::{CONFIG_MAX_BYTES, DESCRIPTORS_MAX};
use oci::{Algorithm, Descriptor, Digest, ImageConfig, Manifest, MediaType, Tag, annotation};
use serde::{Deserialize, Serialize};

use super::contents::ArchiveContents;
use super::files::{Range, TarFiles, TarIndex};
use super::{ArchiveStore, GZIP_MAGIC, ZSTD_MAGIC, begins_with, read_index, read_names, read_range};
use crate::blob_directory::digest_of;
use crate::error::StoreError;
use crate::layout::index::LayoutIndex;

/// How references name this kind of place.
const TRANSPORT: &str = "docker-archive";

/// The file that names what is in an archive.
const MANIFEST: &str = "manifest.json";

/// Largest [`MANIFEST`] that is read, in bytes.
const MANIFEST_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Where the name of an image stands that is more than a tag, as containerd writes it and docker with it.
const IMAGE_NAME: &str = "io.containerd.image.name";

/// The output of `docker save`, which can only be read.
#[derive(Clone, Debug)]
pub struct DockerArchive {
    archive: ArchiveStore,
    images: Vec<DockerImage>,
}

/// An image in the output of `docker save`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerImage {
    /// Its names with their tags as docker has them, such as `alpine:3`.
    pub names: Vec<String>,
    /// Its manifest or index.
    pub descriptor: Descriptor,
}

/// An entry of `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SavedImage {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// The manifest that is made of an image.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MadeManifest {
    schema_version: u8,
    media_type: MediaType,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

impl DockerArchive {
    /// Opens an archive. This waits for the disk.
    ///
    /// # Errors
    /// [`StoreError::Format`] when it is not what `docker save` writes, or is damaged; it names the entry.
    /// [`StoreError::File`] when it cannot be read.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        let file = File::open(&path).map_err(StoreError::file("cannot open", &path))?;
        if begins_with(&file, &ZSTD_MAGIC, &path)? {
            return Err(StoreError::format(
                &path,
                "is compressed with zstd, which `docker save` does not do: unpack it",
            ));
        }
        let names = read_names(&file, &path)?;
        let (index, files, images) = match read_index(&names, &file, &path)? {
            Some(index) => {
                let images = listed_images(&index);
                (index, TarFiles::new(&path, file, names.content(), BTreeMap::new()), images)
            }
            None => Converter::new(&names, file, &path).convert()?,
        };
        let contents = ArchiveContents::new(&path, TRANSPORT, index, Arc::new(files));
        Ok(Self { archive: ArchiveStore::new(contents, None, None), images })
    }

    /// Returns the images in the order of the archive.
    pub fn images(&self) -> &[DockerImage] {
        &self.images
    }

    /// Returns the image that is called `name`, with its tag or, where there is only one of that tag, by the tag alone.
    pub fn image(&self, name: &str) -> Option<&DockerImage> {
        let called = |image: &&DockerImage| image.names.iter().any(|known| same_name(known, name));
        let tagged = |image: &&DockerImage| image.names.iter().any(|known| tag_of(known) == name);
        self.images.iter().find(called).or_else(|| {
            let mut tagged = self.images.iter().filter(tagged);
            tagged.next().filter(|_| tagged.next().is_none())
        })
    }
}

/// Docker shortens the names of its own registry, other tools do not.
fn same_name(one: &str, other: &str) -> bool {
    let short = |name: &str| {
        let name = name.strip_prefix("docker.io/").unwrap_or(name);
        name.strip_prefix("library/").unwrap_or(name).to_owned()
    };
    short(one) == short(other)
}

fn tag_of(name: &str) -> &str {
    name.rsplit_once(':').map_or("", |(_, tag)| tag)
}

/// Returns the images that the layout of an archive lists.
fn listed_images(index: &LayoutIndex) -> Vec<DockerImage> {
    let mut images: Vec<DockerImage> = Vec::new();
    for entry in index.entries().filter(|entry| entry.descriptor.manifest_kind().is_some()) {
        let name = entry.descriptor.annotation(IMAGE_NAME).or(entry.descriptor.annotation(annotation::REF_NAME));
        match images.iter_mut().find(|image| image.descriptor.digest == entry.descriptor.digest) {
            Some(image) => image.names.extend(name.map(str::to_owned)),
            None => images.push(DockerImage {
                names: name.map(str::to_owned).into_iter().collect(),
                descriptor: entry.descriptor.clone(),
            }),
        }
    }
    images
}

/// Lists the images under their tags, as far as a tag means one image, and the others without.
fn list(index: &mut LayoutIndex, images: &[DockerImage]) -> Result<(), serde_json::Error> {
    for image in images {
        let mut named = false;
        for tag in image.names.iter().map(|name| tag_of(name)) {
            let unique =
                images.iter().all(|other| other == image || !other.names.iter().any(|name| tag_of(name) == tag));
            if let (true, Ok(tag)) = (unique, tag.parse::<Tag>()) {
                index.set_tag(&tag, &image.descriptor)?;
                named = true;
            }
        }
        if !named {
            index.add(&image.descriptor)?;
        }
    }
    Ok(())
}

/// Makes manifests of what `manifest.json` names.
struct Converter<'a> {
    names: &'a TarIndex,
    file: File,
    path: &'a Path,
    ranges: HashMap<Digest, Range>,
    made: BTreeMap<Digest, Bytes>,
    /// Digests of compressed layers by where they lie, because images share layers.
    hashed: HashMap<u64, Digest>,
}

impl<'a> Converter<'a> {
    fn new(names: &'a TarIndex, file: File, path: &'a Path) -> Self {
        Self { names, file, path, ranges: HashMap::new(), made: BTreeMap::new(), hashed: HashMap::new() }
    }

    fn broken(&self, reason: &str) -> StoreError {
        StoreError::format(self.path, oci::text::printable(reason))
    }

    fn convert(mut self) -> Result<(LayoutIndex, TarFiles, Vec<DockerImage>), StoreError> {
        let range = self.names.file(MANIFEST);
        let range = range.ok_or_else(|| self.broken("is not what `docker save` writes: it has no `manifest.json`"))?;
        let bytes = read_range(&self.file, range, MANIFEST, MANIFEST_MAX_BYTES, self.path)?;
        let saved: Vec<SavedImage> = serde_json::from_slice(&bytes)
            .map_err(|error| self.broken(&format!("has a `manifest.json` that is none: {error}")))?;
        if saved.len() > DESCRIPTORS_MAX {
            return Err(self.broken(&format!("names {} images, the limit is {DESCRIPTORS_MAX}", saved.len())));
        }
        let mut index = LayoutIndex::empty();
        let mut images: Vec<DockerImage> = Vec::new();
        for image in saved {
            let manifest = self.manifest(&image)?;
            let names = image.repo_tags.unwrap_or_default();
            images.push(DockerImage { names, descriptor: manifest.descriptor() });
            self.made.insert(*manifest.digest(), manifest.bytes().clone());
        }
        list(&mut index, &images).map_err(|error| self.broken(&error.to_string()))?;
        Ok((index, TarFiles::new(self.path, self.file, self.ranges, self.made), images))
    }

    fn manifest(&mut self, image: &SavedImage) -> Result<Manifest, StoreError> {
        let range = self.range(&image.config)?;
        let bytes = read_range(&self.file, range, &image.config, CONFIG_MAX_BYTES as u64, self.path)?;
        let config = ImageConfig::parse(&bytes)
            .map_err(|error| self.broken(&format!("has a configuration `{}` that is none: {error}", image.config)))?;
        let config_descriptor = Descriptor::of(MediaType::OCI_CONFIG, &bytes);
        self.ranges.insert(config_descriptor.digest, range);
        let names = image.layers.as_deref().unwrap_or_default();
        let diff_ids = config.rootfs.map(|rootfs| rootfs.diff_ids).unwrap_or_default();
        if names.len() != diff_ids.len() {
            return Err(self.broken(&format!(
                "has an image with {} layers whose configuration `{}` says {}",
                names.len(),
                image.config,
                diff_ids.len()
            )));
        }
        let layers = names.iter().zip(&diff_ids).map(|(name, diff_id)| self.layer(name, diff_id));
        let layers = layers.collect::<Result<Vec<_>, _>>()?;
        let made =
            MadeManifest { schema_version: 2, media_type: MediaType::OCI_MANIFEST, config: config_descriptor, layers };
        let bytes = serde_json::to_vec(&made).map_err(|error| self.broken(&error.to_string()))?;
        Manifest::from_new(bytes.into(), &MediaType::OCI_MANIFEST, Algorithm::Sha256).map_err(|source| {
            let location = oci::text::printable(&self.path.to_string_lossy()).into_owned();
            StoreError::Manifest { location, name: image.config.clone(), source }
        })
    }

    fn layer(&mut self, name: &str, diff_id: &Digest) -> Result<Descriptor, StoreError> {
        let range = self.range(name)?;
        let head = Range { size: range.size.min(ZSTD_MAGIC.len() as u64), ..range };
        let head = read_range(&self.file, head, name, range.size, self.path)?;
        let media_type = if head.starts_with(&GZIP_MAGIC) {
            MediaType::OCI_LAYER_GZIP
        } else if head.starts_with(&ZSTD_MAGIC) {
            MediaType::OCI_LAYER_ZSTD
        } else {
            MediaType::OCI_LAYER
        };
        let digest = if media_type == MediaType::OCI_LAYER {
            *diff_id
        } else if let Some(known) = self.hashed.get(&range.offset) {
            *known
        } else {
            let digest = digest_of(&self.file, range.offset, range.size, self.path)?;
            self.hashed.insert(range.offset, digest);
            digest
        };
        self.ranges.insert(digest, range);
        Ok(Descriptor::new(media_type, digest, range.size))
    }

    fn range(&self, name: &str) -> Result<Range, StoreError> {
        // As docker writes them; whatever else stands there names no entry.
        let found = self.names.file_or_link(name);
        found.ok_or_else(|| self.broken(&format!("lacks the entry `{name}`, which its `manifest.json` names")))
    }
}
