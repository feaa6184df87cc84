//! Changes what a project wants, and locks it.

use std::collections::BTreeMap;

use oci::{RegistryReference, Selector, Tag};
use resolve::project::Addition;
use resolve::resolution::ResolutionOptions;
use resolve::{Kind, Reading, Repository};

use crate::context::Context;
use crate::error::OpsError;
use crate::lock::{LockReport, LockRequest, lock, require_image};
use crate::project::OpenProject;
use crate::sources::Sources;

/// An image to add to a project.
#[derive(Clone, Debug, Default)]
pub struct AddRequest {
    /// The repository as the user names it, perhaps with a tag that shows what is meant.
    pub repository: String,
    /// The versions that are wanted; without it, those that go with the newest or with the tag that is named.
    pub requirement: Option<String>,
    /// What the project is to call it; the last part of the repository's name without it.
    pub name: Option<String>,
    /// What stands in its tags beside the version.
    pub variant: Option<String>,
    /// How tags are made.
    pub template: Option<String>,
    /// The groups it belongs to.
    pub groups: Vec<String>,
}

/// What has become of a project.
#[derive(Clone, Debug)]
pub struct EditReport {
    /// The images that were added, taken out or changed.
    pub names: Vec<String>,
    /// What was written of an image that was added.
    pub added: Option<Addition>,
    /// What has become of the lock.
    pub lock: LockReport,
}

/// Adds an image. The project is changed when there is a lock for it.
///
/// # Errors
/// As [`lock`]; [`OpsError::Usage`] when there is an image of that name. Then nothing has changed.
pub async fn add(
    context: &Context,
    open: &OpenProject,
    request: &AddRequest,
    options: &LockRequest,
) -> Result<EditReport, OpsError> {
    let (place, tag) = located(open, &request.repository)?;
    let name = request.name.clone().unwrap_or_else(|| place.repository.last_component().to_owned());
    let mut addition = Addition {
        name: name.clone(),
        repository: request
            .repository
            .strip_suffix(&tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default())
            .unwrap_or(&request.repository)
            .to_owned(),
        version: request.requirement.clone(),
        template: request.template.clone(),
        variant: request.variant.clone(),
        groups: request.groups.clone(),
        ..Addition::default()
    };
    if addition.template.is_none() && (addition.version.is_none() || tag.is_some()) {
        let store = Sources::of_registries(context, open)?.of_repository(&place).await?;
        let tags = store.tags().await?;
        if tags.is_empty() {
            return Err(OpsError::NotFound { location: store.location().to_owned(), name: "tags".to_owned() });
        }
        propose(&Repository::read(tags), tag.as_ref(), &mut addition);
    }
    let is_taken = open.member().is_some_and(|member| member.takes.contains(&name));
    if let Some(file) = open.file_of(&name).filter(|file| *file != open.own_file() && !is_taken) {
        return Err(OpsError::usage(
            format!("{} declares an image `{name}` already", open.path_of(file).display()),
            match file {
                0 => format!("write `{name} = {{ workspace = true }}` in {}", open.path_of(open.own_file()).display()),
                _ => format!("supercargo add {} --as {name}-2", request.repository),
            },
        ));
    }
    let changed = open.change(open.own_file(), |file| file.add(&addition))?;
    let report = relock(context, &changed, options).await?;
    Ok(EditReport { names: vec![name], added: Some(addition), lock: report })
}

/// Takes images out of a project.
///
/// # Errors
/// As [`lock`]; [`OpsError::NotFound`] for one that is not there, [`OpsError::Usage`] for one that others need.
pub async fn remove(
    context: &Context,
    open: &OpenProject,
    names: &[String],
    options: &LockRequest,
) -> Result<EditReport, OpsError> {
    let mut changed = open.clone();
    for name in names {
        require_image(open, name)?;
        changed = changed.change(file_that_has(open, name)?, |file| file.remove(name))?;
    }
    edited(context, &changed, names, options).await
}

/// Returns the file out of which an image is taken: that which declares it, or that of the member here if it takes it over.
fn file_that_has(open: &OpenProject, name: &str) -> Result<usize, OpsError> {
    let declaring = open.file_of(name).unwrap_or_default();
    match open.member() {
        Some(member) if member.images().any(|own| own == name) => Ok(open.own_file()),
        Some(_) => {
            let file = open.path_of(declaring).display().to_string();
            Err(OpsError::usage(
                format!("`{name}` is no image of this member: {file} declares it"),
                format!("supercargo remove {name} --project {file}"),
            ))
        }
        None => Ok(declaring),
    }
}

/// Says that images stay as they are locked, or no longer.
///
/// # Errors
/// As [`lock`]; [`OpsError::NotFound`] for one that is not there.
pub async fn hold(
    context: &Context,
    open: &OpenProject,
    names: &[String],
    hold: bool,
    options: &LockRequest,
) -> Result<EditReport, OpsError> {
    let mut changed = open.clone();
    for name in names {
        require_image(open, name)?;
        changed = changed.change(open.file_of(name).unwrap_or_default(), |file| file.hold(name, hold))?;
    }
    edited(context, &changed, names, options).await
}

async fn edited(
    context: &Context,
    changed: &OpenProject,
    names: &[String],
    options: &LockRequest,
) -> Result<EditReport, OpsError> {
    let report = relock(context, changed, options).await?;
    Ok(EditReport { names: names.to_vec(), added: None, lock: report })
}

/// Locks a project that was changed, and writes the project and then the lock: a project without its lock is locked next time.
async fn relock(context: &Context, changed: &OpenProject, options: &LockRequest) -> Result<LockReport, OpsError> {
    let trial = LockRequest { dry_run: true, ..options.clone() };
    let mut report = lock(context, changed, &trial).await?;
    if !options.dry_run {
        changed.write()?;
        report.written = changed.write_lock(&report.lock)?;
    }
    Ok(report)
}

/// Raises what is wanted of the named images, or of all, to the newest there is.
///
/// # Errors
/// As [`lock`].
pub async fn update_breaking(
    context: &Context,
    open: &OpenProject,
    names: Option<&[String]>,
    options: &ResolutionOptions,
    dry_run: bool,
) -> Result<EditReport, OpsError> {
    let names = names.map_or_else(|| open.project.images.keys().cloned().collect(), <[String]>::to_vec);
    let unbounded = ResolutionOptions { unbounded: names.iter().cloned().collect(), ..options.clone() };
    let found = lock(context, open, &LockRequest { options: unbounded, dry_run: true }).await?;
    let mut raised: BTreeMap<usize, Vec<(&String, String)>> = BTreeMap::new();
    for name in &names {
        let (Some(image), Some(locked)) = (open.project.images.get(name), found.lock.images.get(name)) else {
            continue;
        };
        let version = locked.version_for(image);
        if let Some(version) = version.filter(|version| !locked.floating && !image.version.matches(version)) {
            let requirement = format!("^{}", dotted(version.numbers()));
            raised.entry(open.file_of(name).unwrap_or_default()).or_default().push((name, requirement));
        }
    }
    let mut changed = open.clone();
    for (file, raised) in raised {
        changed = changed.change(file, |file| {
            raised.iter().try_for_each(|(name, requirement)| file.set_version(name, requirement))
        })?;
    }
    let report = relock(context, &changed, &LockRequest { options: options.clone(), dry_run }).await?;
    Ok(EditReport { names, added: None, lock: report })
}

/// Reads the repository as a project would: with the short names of its registries.
fn located(open: &OpenProject, text: &str) -> Result<(RegistryReference, Option<Tag>), OpsError> {
    let full = match text.split_once('/') {
        Some((short, rest)) => match open.project.registries.get(short) {
            Some(host) => format!("{host}/{rest}"),
            None => text.to_owned(),
        },
        None => text.to_owned(),
    };
    let reference: RegistryReference = full.parse()?;
    let tag = reference.selector.tag.clone();
    Ok((RegistryReference { selector: Selector::default(), ..reference }, tag))
}

/// Fills in what goes with the tag that is named, or with the newest release.
pub(crate) fn propose(repository: &Repository, tag: Option<&Tag>, addition: &mut Addition) {
    let read = tag.and_then(|tag| Some((tag, repository.reading(tag)?)));
    match read {
        Some((_, reading)) if reading.version.is_some() => {
            from_reading(reading, reading.kind != Kind::Floating, addition);
        }
        // A word that moves: `latest` is where the newest release is, another is what it is.
        Some((tag, _)) if *tag != Tag::latest() => addition.template = Some(tag.to_string()),
        _ => {
            let newest = newest(repository, addition.variant.as_deref());
            if let Some(reading) = newest {
                let mut reading = reading.clone();
                if let Some(version) = &mut reading.version {
                    version.numbers.truncate(2);
                }
                from_reading(&reading, true, addition);
            }
        }
    }
}

fn from_reading(reading: &Reading, is_exact: bool, addition: &mut Addition) {
    let Some(version) = &reading.version else { return };
    if addition.version.is_none() {
        let operator = match version.numbers.len() {
            // `3.12` moves along its own patches.
            2 if !is_exact => '~',
            _ => '^',
        };
        addition.version = Some(format!("{operator}{}", dotted(&version.numbers)));
    }
    let variant = reading.track.replace("{version}", "").replace("{date}", "");
    let variant = variant.trim_matches('-').replace("--", "-");
    if addition.variant.is_none() && !variant.is_empty() {
        addition.variant = Some(variant);
    }
}

/// Returns how the newest release is read: of the wanted variant, or of the image without one.
fn newest<'a>(repository: &'a Repository, variant: Option<&str>) -> Option<&'a Reading> {
    let releases = repository.readings().map(|(_, reading)| reading).filter(|reading| reading.kind == Kind::Release);
    let of_track = releases.filter(|reading| match variant {
        Some(variant) => reading.is_variant(variant),
        None => reading.is_plain(),
    });
    of_track.max_by(|one, other| one.version.cmp(&other.version))
}

fn dotted(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}
