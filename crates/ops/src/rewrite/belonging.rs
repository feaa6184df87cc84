//! Which image of a project a reference in a file belongs to.

use std::collections::{BTreeMap, BTreeSet};

use oci::{Host, RegistryReference, RepositoryName, Selector, Tag};
use resolve::lock::LockedImage;
use resolve::project::{Image, Member, Target};
use resolve::template::VERSION_AXIS;
use resolve::{Repository, Value};
use targets::{Form, Place};

use crate::project::OpenProject;

/// Docker Hub, and the names that it has beside its own.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_ALIASES: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];

/// What a reference is to a project.
pub(crate) enum Belonging<'a> {
    /// An image of the project, by its name, and what is to stand in the place of the reference.
    Of(&'a str, RegistryReference),
    /// None of the project.
    Stranger,
    /// It could be each of these.
    Ambiguous(Vec<&'a str>),
}

/// An image that could be meant.
#[derive(Clone, Copy, Debug)]
struct Candidate<'a> {
    name: &'a str,
    image: &'a Image,
    locked: &'a LockedImage,
}

/// The locked images of a project by their repositories.
#[derive(Debug)]
pub(crate) struct Images<'a> {
    by_repository: BTreeMap<(&'a str, &'a str), Vec<Candidate<'a>>>,
    by_name: BTreeMap<&'a str, Candidate<'a>>,
}

impl<'a> Images<'a> {
    pub(crate) fn of(open: &'a OpenProject) -> Self {
        let mut images = Self { by_repository: BTreeMap::new(), by_name: BTreeMap::new() };
        for (name, image) in &open.project.images {
            let Some(locked) = open.lock.images.get(name) else { continue };
            let candidate = Candidate { name, image, locked };
            let key = (canonical(&image.repository.host), image.repository.repository.as_str());
            images.by_repository.entry(key).or_default().push(candidate);
            images.by_name.insert(name, candidate);
        }
        images
    }
}

/// What a target's map says: of places, and of repositories that hold what images of the project are.
#[derive(Debug)]
pub(crate) struct Relocations<'a> {
    places: &'a BTreeMap<String, String>,
    repositories: BTreeMap<(String, String), Vec<&'a str>>,
}

impl<'a> Relocations<'a> {
    pub(crate) fn of(target: &'a Target) -> Self {
        let mut repositories: BTreeMap<_, Vec<&str>> = BTreeMap::new();
        for (written, name) in &target.map {
            if let Some((host, repository)) = repository_of(written) {
                let key = (canonical(&host).to_owned(), repository.to_string());
                repositories.entry(key).or_default().push(name);
            }
        }
        Self { places: &target.map, repositories }
    }

    /// Returns the image that the map names for a place: by its path, by that of the mapping in which it is split, or by the
    /// build argument that it is.
    fn of_place(&self, place: &Place) -> Option<&'a str> {
        let path = place.path.as_str();
        let parent = path.rsplit_once('.').map(|(parent, _)| parent).filter(|_| place.form() == Form::Split);
        let argument = path.rsplit_once("ARG ").or_else(|| path.rsplit_once("args.")).map(|(_, argument)| argument);
        let keys = [Some(path), parent, argument];
        keys.into_iter().flatten().find_map(|key| self.places.get(key)).map(String::as_str)
    }
}

/// What speaks for an image, the strongest first. One digest may have tags of several variants, so each is asked.
const FITS: [fn(&Candidate<'_>, &RegistryReference, &Repository) -> bool; 3] =
    [is_locked_as, is_variant_of, is_version_of];

/// Tells to which image of a project the reference at a place belongs: the one that the target's map names for the place or for
/// its repository, else the one of the same repository. Of several with the same repository those of the `owner`, the member in whose
/// directory the file lies, come first; of these it is the one that is locked as the reference says, or else the one whose variant and
/// whose versions its tag is of.
pub(crate) fn belonging<'a>(
    images: &Images<'a>,
    relocations: &Relocations<'a>,
    owner: Option<&Member>,
    place: &Place,
    reference: &RegistryReference,
) -> Belonging<'a> {
    if let Some(name) = relocations.of_place(place) {
        return match images.by_name.get(name) {
            Some(Candidate { locked, .. }) => Belonging::Of(name, locked_reference(&locked.repository, locked)),
            None => Belonging::Stranger,
        };
    }
    let (host, repository) = (canonical(&reference.host), reference.repository.as_str());
    let relocated = relocations.repositories.get(&(host.to_owned(), repository.to_owned()));
    let candidates = match relocated {
        Some(names) => names.iter().filter_map(|name| images.by_name.get(name)).copied().collect(),
        None => images.by_repository.get(&(host, repository)).map_or_else(Vec::new, |all| nearest(all, owner)),
    };
    match fitting(candidates, reference)[..] {
        [] => Belonging::Stranger,
        // The name stays as it is: a mirror holds the same under the same digest.
        [Candidate { name, locked, .. }] => Belonging::Of(name, locked_reference(reference, locked)),
        ref several => Belonging::Ambiguous(several.iter().map(|candidate| candidate.name).collect()),
    }
}

/// Returns the images of the owner, or all where none is: what a member's files name is what it has asked for.
fn nearest<'a>(all: &[Candidate<'a>], owner: Option<&Member>) -> Vec<Candidate<'a>> {
    let is_own = |name: &str| owner.is_some_and(|owner| owner.declares.contains(name) || owner.takes.contains(name));
    let own: Vec<_> = all.iter().filter(|one| is_own(one.name)).copied().collect();
    if own.is_empty() { all.to_vec() } else { own }
}

/// Returns the candidates among which the reference does not decide, each locked image once.
fn fitting<'a>(mut fitting: Vec<Candidate<'a>>, reference: &RegistryReference) -> Vec<Candidate<'a>> {
    if fitting.len() < 2 {
        return fitting;
    }
    let tags = fitting.iter().flat_map(|candidate| {
        std::iter::once(&candidate.locked.tag).chain(&candidate.locked.aliases).chain(reference.selector.tag.as_ref())
    });
    let repository = Repository::read(tags.cloned().collect::<BTreeSet<Tag>>());
    for fits in FITS {
        let better: Vec<_> = fitting.iter().filter(|one| fits(one, reference, &repository)).copied().collect();
        if !better.is_empty() {
            fitting = better;
        }
    }
    // What is locked twice alike is written alike.
    let mut seen = BTreeSet::new();
    fitting.retain(|one| seen.insert((&one.locked.tag, one.locked.digest)));
    fitting
}

fn is_locked_as(candidate: &Candidate<'_>, reference: &RegistryReference, _: &Repository) -> bool {
    let Selector { tag, digest } = &reference.selector;
    let is_tag = tag.as_ref().is_some_and(|tag| *tag == candidate.locked.tag || candidate.locked.aliases.contains(tag));
    // A digest decides over a tag that has moved.
    digest.map_or(is_tag, |digest| digest == candidate.locked.digest)
}

fn is_version_of(candidate: &Candidate<'_>, reference: &RegistryReference, repository: &Repository) -> bool {
    let Some(version) = version_in(candidate, reference, repository) else { return false };
    let locked = candidate.locked.version_for(candidate.image);
    // `16` is what `16.4` is locked for, although it is no version that is wanted.
    let begins = |locked: &Value| !version.numbers().is_empty() && locked.numbers().starts_with(version.numbers());
    candidate.image.version.matches(&version) || locked.is_some_and(|locked| begins(&locked))
}

fn is_variant_of(candidate: &Candidate<'_>, reference: &RegistryReference, repository: &Repository) -> bool {
    version_in(candidate, reference, repository).is_some()
}

/// Returns the version in a reference's tag if the tag is one of the image's, whatever version is wanted.
fn version_in(candidate: &Candidate<'_>, reference: &RegistryReference, repository: &Repository) -> Option<Value> {
    let tag = reference.selector.tag.as_ref()?;
    let image = candidate.image;
    if let Some(template) = &image.template {
        let mut axes = template.read(tag.as_str(), |axis| image.scheme_of(axis))?;
        let version = axes.remove(VERSION_AXIS);
        let is_wanted =
            |(name, value): (&String, &Value)| image.axes.get(name).is_none_or(|axis| axis.requirement.matches(value));
        return version.filter(|_| axes.iter().all(is_wanted));
    }
    let reading = repository.reading(tag)?;
    let fits = match &image.variant {
        Some(variant) => reading.is_variant(variant),
        None => reading.is_plain(),
    };
    let version = reading.version.as_ref().filter(|_| fits)?;
    image.scheme.read(&version.to_string())
}

fn locked_reference(place: &RegistryReference, locked: &LockedImage) -> RegistryReference {
    let selector = Selector { tag: Some(locked.tag.clone()), digest: Some(locked.digest) };
    RegistryReference { selector, ..place.clone() }
}

/// Reads a key of a target's map as a repository, as files name it.
fn repository_of(written: &str) -> Option<(Host, RepositoryName)> {
    let full = match written.parse::<RegistryReference>() {
        Err(oci::ReferenceError::ShortName { instead, .. }) => instead.parse().ok()?,
        reference => reference.ok()?,
    };
    (full.selector == Selector::default()).then_some((full.host, full.repository))
}

/// Returns the name of a registry, of Docker Hub the one that references have.
pub(crate) fn canonical(host: &Host) -> &str {
    if DOCKER_HUB_ALIASES.contains(&host.as_str()) { DOCKER_HUB } else { host.as_str() }
}
