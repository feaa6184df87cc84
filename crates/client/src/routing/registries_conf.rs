//! `registries.conf` of podman and skopeo: which names are found elsewhere, have mirrors, or are forbidden.
//!
//! A later file replaces what an earlier one says of the same prefix; the longest prefix of a name counts.

mod aliases;
mod older;
mod parse;
mod prefix;

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use oci::{Host, RepositoryName};
use store::StoreError;

use super::file::{self, refused};
use super::route::{Endpoint, Pulls, Route};

/// Most entries, aliases and files in all.
const ENTRIES_MAX: usize = 16 * 1024;
const ALIASES_MAX: usize = 64 * 1024;
const FILES_MAX: usize = 1024;

/// What all files together say.
#[derive(Debug, Default)]
pub(super) struct RegistriesConf {
    /// By prefix; of two that match and are equally long the first counts.
    entries: BTreeMap<String, Entry>,
    search: Vec<String>,
    /// By short name; `None` where a file takes one back.
    aliases: BTreeMap<String, Option<String>>,
}

/// What one file says.
#[derive(Debug, Default)]
struct One {
    entries: BTreeMap<String, Entry>,
    search: Option<Vec<String>>,
    aliases: BTreeMap<String, Option<String>>,
}

/// What is said of the names that begin with a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// What takes the place of the prefix; `None` when it stays.
    location: Option<String>,
    insecure: bool,
    blocked: bool,
    mirrors: Vec<Mirror>,
    source: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mirror {
    location: String,
    insecure: bool,
    pulls: Pulls,
}

impl RegistriesConf {
    /// Reads the file, then those in directories whose name ends in `.conf`. The file must be there when it is `named`.
    pub(super) fn read(main: Option<&Path>, named: bool, drop_ins: &[PathBuf]) -> Result<Self, StoreError> {
        let mut all = Self::default();
        if let Some(path) = main {
            match file::read(path)? {
                Some(text) => all.add(path, &text, parse::Form::Any)?,
                None if named => {
                    let source = std::io::ErrorKind::NotFound.into();
                    return Err(StoreError::File { action: "cannot read", path: path.to_owned(), source });
                }
                None => {}
            }
        }
        let mut files = 0;
        for directory in drop_ins {
            for entry in file::list(directory)?.unwrap_or_default() {
                if entry.is_directory || !entry.name.as_bytes().ends_with(b".conf") {
                    continue;
                }
                files += 1;
                if files > FILES_MAX {
                    return Err(refused(directory)(format!("there are more than {FILES_MAX} files")));
                }
                let path = directory.join(&entry.name);
                // One that is gone by now was removed while we looked.
                if let Some(text) = file::read(&path)? {
                    all.add(&path, &text, parse::Form::Second)?;
                }
            }
        }
        Ok(all)
    }

    fn add(&mut self, path: &Path, text: &str, form: parse::Form) -> Result<(), StoreError> {
        let one = One::parse(text, path, form).map_err(refused(path))?;
        self.entries.extend(one.entries);
        self.aliases.extend(one.aliases);
        if let Some(search) = one.search {
            self.search = search;
        }
        if self.entries.len() > ENTRIES_MAX || self.aliases.len() > ALIASES_MAX {
            return Err(refused(path)("with it there are too many registries or aliases".to_owned()));
        }
        Ok(())
    }

    pub(super) fn alias(&self, short: &str) -> Option<&str> {
        self.aliases.get(short)?.as_deref()
    }

    pub(super) fn search(&self) -> &[String] {
        &self.search
    }

    /// Returns the entry with the longest prefix of a name, `HOST[/REPOSITORY]`.
    fn entry(&self, name: &str) -> Option<(&str, &Entry)> {
        let mut longest: Option<(&str, &Entry)> = None;
        for (prefix, entry) in &self.entries {
            if prefix.len() > longest.map_or(0, |(prefix, _)| prefix.len()) && prefix::matched(name, prefix).is_some() {
                longest = Some((prefix, entry));
            }
        }
        longest
    }

    /// Returns the route where an entry says something of the name.
    ///
    /// # Errors
    /// When what an entry makes of the name is none.
    pub(super) fn route(&self, host: &Host, repository: Option<&RepositoryName>) -> Result<Option<Route>, StoreError> {
        let name = repository.map_or_else(|| host.to_string(), |repository| format!("{host}/{repository}"));
        let Some((prefix, entry)) = self.entry(&name) else { return Ok(None) };
        let source = Some(entry.source.clone());
        let itself = Endpoint { insecure: entry.insecure, source, ..Endpoint::itself(host, repository) };
        let mut route = Route { blocked: entry.blocked.then(|| entry.source.clone()), endpoints: Vec::new() };
        // Mirrors and other locations are for reading images; whatever else is asked of a registry goes to it.
        if repository.is_some() {
            for mirror in &entry.mirrors {
                let (host, repository) = entry.rewritten(&name, prefix, &mirror.location)?;
                let (pulls, insecure) = (mirror.pulls, mirror.insecure);
                let found = format!("{host}/{repository}");
                // As for skopeo: what is forbidden under its own name is no mirror.
                if self.entry(&found).is_none_or(|(_, entry)| !entry.blocked) {
                    let repository = Some(repository);
                    let mirror = Endpoint { host, repository, pulls, insecure, pushes: false, ..itself.clone() };
                    route.endpoints.push(Endpoint { origin: false, referrers: pulls.digests, ..mirror });
                }
            }
            if let Some(location) = &entry.location {
                let (host, repository) = entry.rewritten(&name, prefix, location)?;
                let found = format!("{host}/{repository}");
                if found != name {
                    let other = self.entry(&found).map(|(_, entry)| entry).filter(|entry| entry.blocked);
                    route.blocked = route.blocked.or_else(|| other.map(|entry| entry.source.clone()));
                    if route.blocked.is_none() {
                        route.endpoints.push(Endpoint {
                            host,
                            repository: Some(repository),
                            pushes: false,
                            ..itself.clone()
                        });
                    }
                    // Images are read there, and still written where their name says.
                    if !entry.blocked {
                        route.endpoints.push(Endpoint { pulls: Pulls::NONE, referrers: false, ..itself });
                    }
                    return Ok(Some(route));
                }
            }
        }
        if !entry.blocked {
            route.endpoints.push(itself);
        }
        Ok(Some(route))
    }
}

impl Entry {
    fn rewritten(&self, name: &str, prefix: &str, location: &str) -> Result<(Host, RepositoryName), StoreError> {
        prefix::rewritten(name, prefix, location).map_err(refused(&self.source))
    }
}

#[cfg(test)]
mod tests;
