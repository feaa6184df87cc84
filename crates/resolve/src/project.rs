//! `Supercargo.toml`: the images that an application is made of, and what is wanted of them.
//!
//! ```text
//!  text ─▶ document (TOML with places) ─▶ keys (what may stand where) ─▶ project
//! ```

mod copies;
mod edit;
mod flat;
mod groups;
mod keys;
mod line_ends;
pub(crate) mod mirror;
mod read;
mod sources;
mod verify;
mod workspace;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use oci::{Platform, RegistryReference};

use crate::document::{self, DocumentError, shifted};
use crate::requirement::Requirement;
use crate::scheme::Scheme;
use crate::template::{Template, VERSION_AXIS};
use crate::value::Value;

pub use copies::{MirrorPlace, MirrorUse};
pub use edit::{Addition, EditError, ProjectFile};
pub use flat::flat;
pub use groups::{Groups, Included};
pub use sources::{Source, Sources};
pub use verify::{Role, Verify};
pub use workspace::{Directories, MEMBERS_MAX, Member, Workspace};

/// Name of the file.
pub const FILE_NAME: &str = "Supercargo.toml";
/// Most bytes of the file.
pub const FILE_MAX_BYTES: usize = 4 << 20;
/// Most bytes of the files of a workspace.
pub const WORKSPACE_MAX_BYTES: usize = 16 << 20;
/// Most images of a project, those of all members together.
pub const IMAGES_MAX: usize = 4096;

/// Returns the JSON Schema (draft 2020-12) of the file.
pub fn json_schema() -> serde_json::Value {
    document::json_schema(FILE_NAME, keys::ROOT)
}

/// A project: the images that an application is made of, and what is wanted of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Project {
    /// What the application is called.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Its licence, as an SPDX expression.
    pub license: Option<String>,
    /// Who supplies it.
    pub supplier: Option<String>,
    /// Where its source is.
    pub source: Option<String>,
    /// The platforms that every image must be there for. None means: whatever each image is there for.
    pub platforms: Vec<Platform>,
    /// The directory in which the locked images are kept with the project, where it is not the usual one.
    pub vendor: Option<String>,
    /// The hosts of registries by the short names with which a repository may begin.
    pub registries: BTreeMap<String, String>,
    /// By the hosts of registries: where their repositories are found too, the first before the others.
    pub mirrors: BTreeMap<String, Vec<MirrorPlace>>,
    /// What is asked of all images.
    pub policy: Policy,
    /// The images by their names.
    pub images: BTreeMap<String, Image>,
    /// What images need of each other, where their publishers do not say.
    pub edges: Vec<Edge>,
    /// Files of others into which the locked references are written.
    pub targets: Vec<Target>,
    /// Which directories are members, where it is the root of a workspace.
    pub workspace: Option<Workspace>,
    /// The members that were joined to it, in the order of their files.
    pub members: Vec<Member>,
}

/// An image that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The repository. Its selector is empty.
    pub repository: RegistryReference,
    /// The versions that are wanted.
    pub version: Requirement,
    /// How its tags are made, where the project says so. Otherwise the repository's tags show it.
    pub template: Option<Template>,
    /// How versions are written and ordered.
    pub scheme: Scheme,
    /// What is wanted on the other axes of the template, and how their values are ordered.
    pub axes: BTreeMap<String, Axis>,
    /// Without a template: what stands in the tag beside the version, such as `alpine`.
    pub variant: Option<String>,
    /// The image whose version this one always has.
    pub follows: Option<String>,
    /// Whether the others are locked without it where it has no solution.
    pub optional: bool,
    /// The groups it belongs to. None means that it is always wanted.
    pub groups: BTreeSet<String>,
    /// The platforms it must be there for, where they are others than the project's.
    pub platforms: Option<Vec<Platform>>,
    /// Whether it stays as it is locked.
    pub hold: bool,
    /// How long a version must have been there, in seconds, where that is another time than the policy's.
    pub cooldown: Option<u64>,
    /// When prereleases are taken, where that is otherwise than the policy says.
    pub prerelease: Option<Prerelease>,
    /// Where the entry and its parts stand in the file.
    pub places: Places,
}

impl Image {
    /// Returns how the values of an axis are written and ordered.
    pub fn scheme_of(&self, axis: &str) -> Scheme {
        if axis == VERSION_AXIS {
            return self.scheme.clone();
        }
        self.axes.get(axis).map_or(Scheme::Opaque, |axis| axis.scheme.clone())
    }
}

/// What is wanted on an axis beside the version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// The values.
    pub requirement: Requirement,
    /// How they are written and ordered.
    pub scheme: Scheme,
}

/// Where something stands in the file: bytes of its text. Of several files: bytes of all of them ([`Sources`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The name.
    pub name: Range<usize>,
    /// The requirement on the version; that of the name where there is none.
    pub version: Range<usize>,
    /// The name of the followed image.
    pub follows: Range<usize>,
}

impl Places {
    /// Returns the places of a file that begins at a place among others.
    fn below(&self, start: usize) -> Self {
        let [name, version, follows] = [&self.name, &self.version, &self.follows].map(|place| shifted(place, start));
        Self { name, version, follows }
    }
}

/// What is asked of all images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// When prereleases are taken.
    pub prerelease: Prerelease,
    /// How long a version must have been there before it is taken, in seconds.
    pub cooldown: u64,
    /// What to do when the tag of a locked image names something else now.
    pub moved_tags: MovedTags,
    /// What to do about versions that were withdrawn.
    pub yanked: Marked,
    /// What to do about versions that are no longer supported.
    pub eol: Marked,
    /// What has to be attached to images.
    pub verify: Vec<Verify>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            prerelease: Prerelease::default(),
            cooldown: 0,
            moved_tags: MovedTags::default(),
            yanked: Marked::Deny,
            eol: Marked::Warn,
            verify: Vec::new(),
        }
    }
}

/// When prereleases are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prerelease {
    /// Only where a requirement names one.
    Never,
    /// Where there is no release that is wanted.
    #[default]
    IfNecessary,
    /// As if they were releases.
    Allow,
}

/// What to do when the tag of a locked image names something else now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MovedTags {
    /// Fail.
    Error,
    /// Say so, and stay with what is locked.
    #[default]
    Warn,
    /// Take what the tag names at the next update.
    Follow,
}

/// What to do about versions that were marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    /// Do not choose them. A locked one stays, with a warning.
    Deny,
    /// Choose them, with a warning.
    Warn,
    /// Choose them.
    Allow,
}

/// What one image needs of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The image that needs something.
    pub image: String,
    /// The versions of it that do.
    pub version: Requirement,
    /// What it needs, by the names of the images.
    pub requires: BTreeMap<String, Needed>,
    /// Where the edge stands in the file.
    pub place: Range<usize>,
}

/// What is needed of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needed {
    /// The same version: `=same`.
    Same,
    /// A version that is wanted.
    Version(Requirement),
}

impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("=same"),
            Self::Version(requirement) => requirement.fmt(f),
        }
    }
}

/// Files of others into which the locked references are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What the files are: `kubernetes`, `compose`, `helm-values` and so on.
    pub kind: String,
    /// Patterns of paths, relative to the directory of their file.
    pub paths: Vec<String>,
    /// What is written: `tag`, `digest` or `tag@digest`.
    pub write: Option<String>,
    /// Which value holds which image, where the file does not show it.
    pub map: BTreeMap<String, String>,
    /// Further paths of references in custom resources.
    pub fields: Vec<String>,
    /// The directory that the paths are relative to, from the project's; empty for that one itself.
    pub directory: String,
    /// Where the target stands in the file.
    pub place: Range<usize>,
}

impl Target {
    /// Returns the patterns of paths, relative to the project's directory.
    pub fn paths_from_root(&self) -> impl Iterator<Item = String> {
        self.paths.iter().map(|path| match self.directory.as_str() {
            "" => path.clone(),
            directory => format!("{directory}/{path}"),
        })
    }
}

impl Project {
    /// Reads a project.
    ///
    /// # Errors
    /// [`DocumentError`] with the place in the text.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        Self::join(&Sources::new(text.to_owned()))
    }

    /// Makes one project of the file of a workspace's root and those of its members.
    ///
    /// # Errors
    /// [`DocumentError`] with the place among all files.
    pub fn join(sources: &Sources) -> Result<Self, DocumentError> {
        read::project(sources)
    }

    /// Returns what speaks of an image, as in "an edge"; `None` where nothing does.
    pub fn named_by(&self, name: &str) -> Option<String> {
        let follower = self.images.iter().find(|(_, image)| image.follows.as_deref() == Some(name));
        if let Some((follower, _)) = follower {
            return Some(format!("`{follower}`, which follows it"));
        }
        if self.edges.iter().any(|edge| edge.image == name || edge.requires.contains_key(name)) {
            return Some("an edge".to_owned());
        }
        if let Some(member) = self.members.iter().find(|member| member.takes.contains(name)) {
            return Some(format!("the member {}, which takes it over", member.directory));
        }
        let is_mapped = self.targets.iter().any(|target| target.map.values().any(|image| image == name));
        is_mapped.then(|| "a target's map".to_owned())
    }

    /// Returns the copies of a repository that are asked before it, in their order, and what each is asked for.
    pub fn mirrors_of(&self, repository: &RegistryReference) -> Vec<(RegistryReference, MirrorUse)> {
        let mirrors = self.mirrors.get(repository.host.as_str()).into_iter().flatten();
        // That each is the beginning of a reference was seen when the project was read.
        let copy = |mirror: &MirrorPlace| {
            Some((format!("{}/{}", mirror.place, repository.repository).parse().ok()?, mirror.by))
        };
        mirrors.filter_map(copy).collect()
    }

    /// Tells whether an edge of the project says what a version of an image needs of another image.
    pub(crate) fn decides(&self, name: &str, version: &Value, other: &str) -> bool {
        let decides =
            |edge: &Edge| edge.image == name && edge.requires.contains_key(other) && edge.version.matches(version);
        self.edges.iter().any(decides)
    }

    /// Returns the platforms that an image must be there for; none means whatever it is there for.
    pub fn platforms_of<'a>(&'a self, image: &'a Image) -> &'a [Platform] {
        image.platforms.as_deref().unwrap_or(&self.platforms)
    }
}
