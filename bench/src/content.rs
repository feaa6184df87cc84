//! What a copy should have carried, and how much of it arrived.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::registry::Registry;

/// The manifests and blobs of a part of a layout, by digest.
#[derive(Clone, Debug, Default)]
pub struct Content {
    manifests: BTreeSet<String>,
    blobs: BTreeSet<String>,
}

/// How much of some content is at a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    pub manifests: usize,
    pub blobs: usize,
}

impl Content {
    /// Reads what the entries of a layout lead to: all of them, or those with one tag and what that contains.
    pub fn of_layout(layout: &Path, tag: Option<&str>) -> Result<Self> {
        let index = parse(&layout.join("index.json"))?;
        let mut content = Self::default();
        for entry in list(&index, "manifests") {
            let name = entry["annotations"]["org.opencontainers.image.ref.name"].as_str();
            if tag.is_none() || tag == name {
                content.add_manifest(layout, entry)?;
            }
        }
        Ok(content)
    }

    fn add_manifest(&mut self, layout: &Path, descriptor: &Value) -> Result<()> {
        let digest = digest(descriptor)?;
        if !self.manifests.insert(digest.clone()) {
            return Ok(());
        }
        let manifest = parse(&blob_path(layout, &digest))?;
        for child in list(&manifest, "manifests") {
            self.add_manifest(layout, child)?;
        }
        let config = manifest.get("config").into_iter();
        for blob in config.chain(list(&manifest, "layers")) {
            self.blobs.insert(self::digest(blob)?);
        }
        Ok(())
    }

    /// Returns how much there is.
    pub fn count(&self) -> Carried {
        Carried { manifests: self.manifests.len(), blobs: self.blobs.len() }
    }

    /// Returns the files of the blobs in a layout that has them.
    pub fn blob_files(&self, layout: &Path) -> Vec<PathBuf> {
        self.blobs.iter().map(|digest| blob_path(layout, digest)).collect()
    }

    /// Returns the bytes of the blobs.
    pub fn blob_bytes(&self, layout: &Path) -> Result<u64> {
        let sizes = self.blob_files(layout).into_iter().map(|file| Ok(fs::metadata(file)?.len()));
        sizes.sum()
    }

    /// Looks for it in a repository.
    pub fn in_repository(&self, registry: &Registry, repository: &str) -> Result<Carried> {
        let count = |kind: &str, digests: &BTreeSet<String>| -> Result<usize> {
            let found = digests.iter().map(|digest| registry.has(&format!("{repository}/{kind}/{digest}")));
            Ok(found.collect::<Result<Vec<_>>>()?.into_iter().filter(|&found| found).count())
        };
        Ok(Carried { manifests: count("manifests", &self.manifests)?, blobs: count("blobs", &self.blobs)? })
    }

    /// Looks for it in a layout.
    pub fn in_layout(&self, layout: &Path) -> Carried {
        let count = |digests: &BTreeSet<String>| digests.iter().filter(|d| blob_path(layout, d).is_file()).count();
        Carried { manifests: count(&self.manifests), blobs: count(&self.blobs) }
    }
}

impl std::ops::AddAssign for Carried {
    fn add_assign(&mut self, other: Self) {
        self.manifests += other.manifests;
        self.blobs += other.blobs;
    }
}

fn blob_path(layout: &Path, digest: &str) -> PathBuf {
    layout.join("blobs").join(digest.replace(':', "/"))
}

fn parse(path: &Path) -> Result<Value> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is not JSON", path.display()))
}

fn digest(descriptor: &Value) -> Result<String> {
    descriptor["digest"].as_str().map(str::to_owned).context("a descriptor without digest")
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}
