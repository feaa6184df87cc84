//! Whether a lock is still an answer to what a project asks. Nothing but the two files is needed to tell.

use std::collections::BTreeMap;
use std::fmt;

use oci::{Platform, Tag};

use super::{Lock, LockedImage, LockedKind};
use crate::candidates::template_of;
use crate::project::{Image, Needed, Project};
use crate::requirement::Requirement;
use crate::scheme::Scheme;
use crate::tag::{PLAIN_TRACKS, Repository, same_variant};
use crate::template::{Template, VERSION_AXIS};
use crate::value::Value;

/// Why a lock is no answer to what a project asks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stale {
    /// An image is not in the lock.
    Missing {
        /// Its name.
        name: String,
    },
    /// An image is in the lock and not in the project.
    Extra {
        /// Its name.
        name: String,
    },
    /// An image is locked as something that the project does not want any more.
    Refused {
        /// Its name.
        name: String,
        /// What is not wanted, as in "is locked at 1.55.0, and ^1.57 is wanted".
        reason: String,
    },
}

impl Stale {
    /// Returns the name of the image.
    pub fn name(&self) -> &str {
        match self {
            Self::Missing { name } | Self::Extra { name } | Self::Refused { name, .. } => name,
        }
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name } => write!(f, "`{name}` is not locked"),
            Self::Extra { name } => write!(f, "`{name}` is locked, and the project has no such image"),
            Self::Refused { name, reason } => write!(f, "`{name}` {reason}"),
        }
    }
}

impl Lock {
    /// Returns the version at which an image is locked, if that is what the project wants of it; what images need of each other
    /// does not count.
    pub fn admits(&self, project: &Project, name: &str) -> Option<Value> {
        refusal(project, project.images.get(name)?, self.images.get(name)?).ok()
    }

    /// Returns every reason why the lock is no answer to what a project asks, in the order of the names. A release that came
    /// out since is none, nor is a requirement that admits more than it did.
    pub fn stale(&self, project: &Project) -> Vec<Stale> {
        let mut reasons = Vec::new();
        let mut versions: BTreeMap<&str, Value> = BTreeMap::new();
        for (name, image) in &project.images {
            let Some(locked) = self.images.get(name) else {
                if !image.optional {
                    reasons.push(Stale::Missing { name: name.clone() });
                }
                continue;
            };
            match refusal(project, image, locked) {
                Ok(version) => {
                    versions.insert(name, version);
                }
                Err(reason) => reasons.push(Stale::Refused { name: name.clone(), reason }),
            }
        }
        let extra = self.images.keys().filter(|name| !project.images.contains_key(*name));
        reasons.extend(extra.map(|name| Stale::Extra { name: name.clone() }));
        reasons.extend(broken_edges(project, &versions));
        reasons.extend(self.broken_declarations(project, &versions));
        reasons.sort();
        reasons.dedup_by(|next, kept| next.name() == kept.name());
        reasons
    }
}

impl Lock {
    /// Returns what publishers have declared of locked images and does not hold, as after a merge of two locks.
    fn broken_declarations(&self, project: &Project, versions: &BTreeMap<&str, Value>) -> Vec<Stale> {
        let mut reasons = Vec::new();
        for (name, locked) in &self.images {
            let Some(version) = versions.get(name.as_str()) else { continue };
            for (other, text, is_conflict) in locked.declarations() {
                let (Some(image), Some(found)) = (project.images.get(other), versions.get(other)) else { continue };
                let requirement = Requirement::parse(text, &image.scheme).ok();
                let holds = requirement.is_none_or(|requirement| requirement.matches(found) != is_conflict);
                if !holds && !project.decides(name, version, other) {
                    let verb = if is_conflict { "does not go with" } else { "needs" };
                    let reason = format!("{verb} {other} {text}, which is locked at {found}");
                    reasons.push(Stale::Refused { name: name.clone(), reason });
                }
            }
        }
        reasons
    }
}

/// Returns the version of a locked image as the project reads it; or why it is not wanted.
fn refusal(project: &Project, image: &Image, locked: &LockedImage) -> Result<Value, String> {
    if locked.repository != image.repository {
        return Err(format!("is locked in {}, and is wanted in {}", locked.repository, image.repository));
    }
    let Read { version, is_floating } = read(image, locked)
        .ok_or_else(|| format!("is locked as {}, which is no longer how its tags are read", locked.tag))?;
    if !image.version.matches(&version) || (is_floating && image.version != Requirement::any()) {
        return Err(format!("is locked at {version}, and {} is wanted", image.version));
    }
    for platform in project.platforms_of(image) {
        if !has_platform(locked, platform) {
            return Err(format!("is locked without {platform}"));
        }
    }
    Ok(version)
}

/// A locked entry as the tags of an image are read.
struct Read {
    version: Value,
    /// Whether it is there for a tag that moves, which is no version: who wants one does not want it.
    is_floating: bool,
}

/// Reads the version of a locked entry as the tags of an image are read; `None` where no lock of the image could hold it.
pub(super) fn locked_version(image: &Image, locked: &LockedImage) -> Option<Value> {
    read(image, locked).map(|read| read.version)
}

fn read(image: &Image, locked: &LockedImage) -> Option<Read> {
    match template_of(image) {
        Some(template) => by_template(image, &template, locked),
        None => by_track(image, locked),
    }
}

fn by_template(image: &Image, template: &Template, locked: &LockedImage) -> Option<Read> {
    let read = |tag: &Tag| {
        let mut axes = template.read(tag.as_str(), |axis| image.scheme_of(axis))?;
        let version = axes.remove(VERSION_AXIS);
        let is_wanted =
            axes.iter().all(|(name, value)| image.axes.get(name).is_none_or(|axis| axis.requirement.matches(value)));
        if is_wanted { version.or_else(|| Scheme::Opaque.read(tag.as_str())) } else { None }
    };
    let own = read(&locked.tag).map(|version| Read { version, is_floating: locked.floating });
    if template.axes().any(|axis| axis == VERSION_AXIS) {
        // A tag that moves is no version, whatever it looks like.
        return own.filter(|own| !own.is_floating);
    }
    // A tag that moves is locked as the exact version that it named, with itself among the aliases; or as itself, where no such version was
    // found, and then an alias is another image's tag that happened to name the same.
    let moving = || locked.aliases.iter().find_map(read).filter(|_| !locked.floating);
    own.or_else(|| Some(Read { version: moving()?, is_floating: true }))
}

fn by_track(image: &Image, locked: &LockedImage) -> Option<Read> {
    // Where nothing has a version this tag is what there is.
    let is_latest = |tag: &Tag| image.variant.is_none() && *tag == Tag::latest();
    let fits = |track: &str| match &image.variant {
        Some(variant) => same_variant(track, variant),
        None => PLAIN_TRACKS.contains(&track),
    };
    if locked.floating {
        let has_version = |tag: &Tag| {
            let repository = Repository::read([tag.clone()]);
            repository.reading(tag).is_some_and(|reading| reading.version.is_some() && fits(&reading.track))
        };
        let is_all = is_latest(&locked.tag) && !locked.aliases.iter().any(has_version);
        let version = is_all.then(|| Scheme::Opaque.read(&locked.version))??;
        return Some(Read { version, is_floating: true });
    }
    if !locked.track.is_empty() {
        let version = image.scheme.read(&locked.version).filter(|_| fits(&locked.track))?;
        return Some(Read { version, is_floating: false });
    }
    // Either the version is all there is to the tag, or the project said how its tags were made when it was locked.
    let repository = Repository::read([locked.tag.clone()]);
    let reading = repository.reading(&locked.tag).filter(|reading| fits(&reading.track));
    if let Some(version) = reading.and_then(|reading| reading.version.as_ref()) {
        return Some(Read { version: Value::from(version), is_floating: false });
    }
    let version = locked.aliases.iter().any(is_latest).then(|| image.scheme.read(&locked.version))??;
    Some(Read { version, is_floating: true })
}

fn has_platform(locked: &LockedImage, wanted: &Platform) -> bool {
    let is_it = |on: &str| on.parse::<Platform>().is_ok_and(|platform| platform.satisfies(wanted));
    locked.platforms.iter().any(|platform| is_it(&platform.on))
        // An image that does not say what it is for was taken for what was asked.
        || (locked.kind == LockedKind::Image && locked.platforms.iter().all(|platform| platform.on == super::UNKNOWN_PLATFORM))
}

fn broken_edges(project: &Project, versions: &BTreeMap<&str, Value>) -> Vec<Stale> {
    let mut reasons = Vec::new();
    let mut check = |name: &str, other: &str, needed: &Needed| {
        let (Some(version), Some(found)) = (versions.get(name), versions.get(other)) else { return };
        let holds = match needed {
            Needed::Same => found == version,
            Needed::Version(requirement) => requirement.matches(found),
        };
        if !holds {
            let needed = match needed {
                Needed::Same => Requirement::exactly(version).to_string(),
                Needed::Version(requirement) => requirement.to_string(),
            };
            let reason = format!("needs {other} {needed}, which is locked at {found}");
            reasons.push(Stale::Refused { name: name.to_owned(), reason });
        }
    };
    for (name, image) in &project.images {
        if let Some(followed) = &image.follows {
            check(name, followed, &Needed::Same);
        }
    }
    for edge in &project.edges {
        if versions.get(edge.image.as_str()).is_some_and(|version| edge.version.matches(version)) {
            for (other, needed) in &edge.requires {
                check(&edge.image, other, needed);
            }
        }
    }
    reasons
}
