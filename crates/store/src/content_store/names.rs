//! Names, what their tags point to, and their roots without a tag.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use oci::{Descriptor, Digest, RepositoryName, Tag};
use serde::{Deserialize, Serialize};

use crate::atomic::{self, STAGING_NAME};
use crate::error::StoreError;
use crate::lock::Lock;
use crate::regular_file;
use crate::staging::Staging;

/// The file of a name. No component of a repository name begins with `_`, so it is never in the way of another name.
const FILE: &str = "_name.json";
const SCHEMA: &str = "supercargo.store-name.v1";

/// Largest file of a name that is read, in bytes.
const FILE_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The directory of names.
#[derive(Debug)]
pub(super) struct Names {
    path: PathBuf,
    staging: Staging,
}

/// What a name stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) tags: BTreeMap<Tag, Descriptor>,
    pub(super) roots: Vec<Descriptor>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    schema: String,
    tags: BTreeMap<String, Descriptor>,
    #[serde(default)]
    roots: Vec<Descriptor>,
}

impl Name {
    /// Removes every tag of a manifest, and the manifest from the roots. Returns whether anything changed.
    pub(super) fn remove(&mut self, digest: &Digest) -> bool {
        let before = (self.tags.len(), self.roots.len());
        self.tags.retain(|_, descriptor| descriptor.digest != *digest);
        self.roots.retain(|descriptor| descriptor.digest != *digest);
        before != (self.tags.len(), self.roots.len())
    }
}

impl Names {
    pub(super) fn new(root: &Path) -> Self {
        Self { path: root.join("names"), staging: Staging::new(root.join(STAGING_NAME)) }
    }

    fn file(&self, name: &RepositoryName) -> PathBuf {
        self.path.join(name.as_str()).join(FILE)
    }

    /// Returns what a name stands for; nothing if nobody has used it.
    pub(super) fn read(&self, name: &RepositoryName) -> Result<Name, StoreError> {
        let path = self.file(name);
        let Some(bytes) = regular_file::read(&path, FILE_MAX_BYTES)? else { return Ok(Name::default()) };
        let damaged = |reason: &str| StoreError::format(&path, format!("is not the file of a name: {reason}"));
        let document: Document =
            serde_json::from_slice(&bytes).map_err(|error| damaged(&oci::text::printable(&error.to_string())))?;
        if document.schema != SCHEMA {
            return Err(damaged("it has another schema"));
        }
        let mut pointers = document.tags.values().chain(&document.roots);
        if pointers.any(|descriptor| descriptor.manifest_kind().is_none()) {
            return Err(damaged("it names something that is no manifest"));
        }
        let tags = document.tags.into_iter().map(|(tag, descriptor)| Some((tag.parse().ok()?, descriptor)));
        let tags = tags.collect::<Option<_>>().ok_or_else(|| damaged("a tag is none"))?;
        Ok(Name { tags, roots: document.roots })
    }

    /// Changes what a name stands for, alone. `change` returns whether it changed anything.
    pub(super) fn change(
        &self,
        name: &RepositoryName,
        change: impl FnOnce(&mut Name) -> bool,
    ) -> Result<bool, StoreError> {
        let _lock = self.lock()?;
        let mut content = self.read(name)?;
        if !change(&mut content) {
            return Ok(false);
        }
        self.write(name, content)?;
        Ok(true)
    }

    /// Waits until nobody else changes names or lists of referrers.
    pub(super) fn lock(&self) -> Result<Lock, StoreError> {
        fs::create_dir_all(&self.path).map_err(StoreError::file("cannot make", &self.path))?;
        Lock::exclusive(&self.path)
    }

    fn write(&self, name: &RepositoryName, content: Name) -> Result<(), StoreError> {
        let path = self.file(name);
        if content == Name::default() {
            return self.remove(&path);
        }
        let directory = self.path.join(name.as_str());
        make_durably(&directory, &self.path)?;
        let tags = content.tags.into_iter().map(|(tag, descriptor)| (tag.to_string(), descriptor)).collect();
        let document = Document { schema: SCHEMA.to_owned(), tags, roots: content.roots };
        let mut bytes = serde_json::to_vec_pretty(&document)
            .map_err(|error| StoreError::file("cannot write", &path)(error.into()))?;
        bytes.push(b'\n');
        atomic::replace(self.staging.begin()?, &path, &directory, &bytes)
    }

    /// Removes the file of a name and the directories that only it was in.
    fn remove(&self, path: &Path) -> Result<(), StoreError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::file("cannot remove", path)(error));
            }
            _ => {}
        }
        let directories = path.ancestors().skip(1).take_while(|directory| *directory != self.path);
        for directory in directories {
            // One that is still needed is not empty.
            if fs::remove_dir(directory).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Returns every name, sorted.
    pub(super) fn list(&self) -> Result<Vec<RepositoryName>, StoreError> {
        let mut names = Vec::new();
        let mut pending: Vec<Option<RepositoryName>> = vec![None];
        while let Some(parent) = pending.pop() {
            let directory = parent.as_ref().map_or_else(|| self.path.clone(), |name| self.path.join(name.as_str()));
            let failed = |error| StoreError::file("cannot list", &directory)(error);
            let entries = match fs::read_dir(&directory) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            for entry in entries {
                let entry = entry.map_err(failed)?;
                let component = entry.file_name();
                if component == FILE {
                    names.extend(parent.clone());
                    continue;
                }
                // A name has at most 255 bytes, which bounds the depth.
                let name = component.to_str().and_then(|component| match &parent {
                    Some(parent) => format!("{parent}/{component}").parse().ok(),
                    None => component.parse().ok(),
                });
                if let Some(name) = name
                    && entry.file_type().map_err(failed)?.is_dir()
                {
                    pending.push(Some(name));
                }
            }
        }
        names.sort();
        Ok(names)
    }
}

/// Makes a directory below `root`, and its name and those of its parents durable.
pub(super) fn make_durably(directory: &Path, root: &Path) -> Result<(), StoreError> {
    if directory.is_dir() {
        return Ok(());
    }
    let failed = |error| StoreError::file("cannot make", directory)(error);
    fs::create_dir_all(directory).map_err(failed)?;
    for parent in directory.ancestors().skip(1) {
        fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed)?;
        if parent == root {
            break;
        }
    }
    Ok(())
}
