//! What a lock holds and why, from the two files of a project alone.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;

use resolve::lock::{LockedBase, LockedImage, LockedPlatform};
use resolve::project::{Needed, Target};

use crate::error::OpsError;
use crate::lock::require_image;
use crate::project::{OpenProject, Position};

/// What is locked of an image, and why.
#[derive(Clone, Debug)]
pub struct Reason {
    /// Its name.
    pub name: String,
    /// What is locked.
    pub locked: LockedImage,
    /// The file that declares it.
    pub file: PathBuf,
    /// What is asked of it, each with the line of the file on which it stands.
    pub asked: Vec<Asked>,
    /// The images that need it, with what they need.
    pub needed_by: Vec<(String, String)>,
    /// What of that the publishers of those images declare.
    pub declared_by: BTreeSet<(String, String)>,
    /// The images that some versions of it do not go with, each with those versions, as their publishers declare.
    pub conflicts_of: Vec<(String, String)>,
    /// Files of the project into which its reference is written.
    pub targets: Vec<String>,
}

/// Something that is asked of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What is asked, as in `version ^1.57`.
    pub what: String,
    /// Where.
    pub position: Position,
}

/// Returns why an image is locked as it is.
///
/// # Errors
/// [`OpsError::NotFound`] when the project has no such image, or the lock does not.
pub fn why(open: &OpenProject, name: &str) -> Result<Reason, OpsError> {
    require_image(open, name)?;
    let missing =
        || OpsError::NotFound { location: open.lock_file().display().to_string(), name: format!("image `{name}`") };
    let image = open.project.images.get(name).ok_or_else(missing)?;
    let locked = open.lock.images.get(name).ok_or_else(missing)?;
    let mut asked = Vec::new();
    let mut ask = |what: String, place: &Range<usize>| asked.push(Asked { what, position: open.position(place) });
    ask(format!("version {}", image.version), &image.places.version);
    if let Some(followed) = &image.follows {
        ask(format!("follows {followed}"), &image.places.follows);
    }
    let name_place = &image.places.name;
    if let Some(variant) = &image.variant {
        ask(format!("variant {variant}"), name_place);
    }
    for (axis, wanted) in &image.axes {
        ask(format!("{axis} {}", wanted.requirement), name_place);
    }
    if image.hold {
        ask("held".to_owned(), name_place);
    }
    for edge in &open.project.edges {
        for (other, needed) in edge.requires.iter().filter(|(other, _)| *other == name) {
            let needed = if *needed == Needed::Same { "same version".to_owned() } else { needed.to_string() };
            ask(format!("{} needs {other} {needed}", edge.image), &edge.place);
        }
    }
    let targets = open.project.targets.iter().flat_map(Target::paths_from_root).collect();
    let file = open.position(name_place).file;
    let needed_by = needed_by(open, name);
    let declarations = |is_conflict: bool| {
        let declarations = open.lock.images.iter().flat_map(|(other, locked)| {
            locked.declarations().map(move |(about, text, conflict)| (other.clone(), about, text.to_owned(), conflict))
        });
        declarations.filter(move |(_, about, _, conflict)| *about == name && *conflict == is_conflict)
    };
    let declared_by = declarations(false).map(|(other, _, text, _)| (other, text)).collect();
    let conflicts_of = declarations(true).map(|(other, _, text, _)| (other, text)).collect();
    Ok(Reason {
        name: name.to_owned(),
        locked: locked.clone(),
        file,
        asked,
        needed_by,
        declared_by,
        conflicts_of,
        targets,
    })
}

/// Returns the images that need one, each with what it needs.
pub fn needed_by(open: &OpenProject, name: &str) -> Vec<(String, String)> {
    let needs = open.lock.images.iter().flat_map(|(other, locked)| {
        locked.requires.iter().filter_map(move |need| {
            let (needed, what) = need.split_once(' ')?;
            (needed == name).then(|| (other.clone(), what.to_owned()))
        })
    });
    needs.collect()
}

/// Returns what every image needs, by its name: the names of others and what is needed of them.
pub fn needs(open: &OpenProject) -> BTreeMap<String, Vec<(String, String)>> {
    let split = |need: &String| need.split_once(' ').map(|(name, what)| (name.to_owned(), what.to_owned()));
    let images = open.lock.images.iter();
    images.map(|(name, locked)| (name.clone(), locked.requires.iter().filter_map(split).collect())).collect()
}

/// Returns the bases that are locked of an image, each once with the images for single platforms that it is the base of, in their order.
pub fn bases(image: &LockedImage) -> Vec<(&LockedBase, Vec<&LockedPlatform>)> {
    let mut bases: Vec<(&LockedBase, Vec<&LockedPlatform>)> = Vec::new();
    for platform in &image.platforms {
        let Some(base) = &platform.base else { continue };
        match bases.iter_mut().find(|(known, _)| *known == base) {
            Some((_, platforms)) => platforms.push(platform),
            None => bases.push((base, vec![platform])),
        }
    }
    bases
}
