//! The list of a mirror: our own, regclient's `regsync.yml`, or the source of `skopeo sync`.

use std::path::Path;

use oci::text::printable;
use oci::{Platform, Reference, RegistryReference, Selector, Tag};
use resolve::mirror::{MirrorFile, RULES_MAX, Wanted};
use targets::import::{ListEntry, Selection, Source, regsync, skopeo};

use super::foreign::ForeignRules;
use crate::destination::Destination;
use crate::error::{OpsError, Told};
use crate::project::read_text;

/// Most bytes of a list.
const FILE_MAX_BYTES: usize = resolve::project::FILE_MAX_BYTES;

/// What goes where, and how often.
#[derive(Clone, Debug, Default)]
pub struct MirrorList {
    /// How often, in seconds; `None` is once.
    pub every: Option<u64>,
    /// What goes where.
    pub rules: Vec<MirrorRule>,
    /// Entries of another tool's list that cannot be read, each with its place.
    pub unread: Vec<String>,
}

/// What of one repository goes where.
#[derive(Clone, Debug)]
pub struct MirrorRule {
    /// The repository.
    pub source: RegistryReference,
    /// Where to, without a tag.
    pub destination: Reference,
    /// Which images.
    pub choice: Choice,
    /// The platforms to which indexes are narrowed.
    pub platforms: Vec<Platform>,
    /// Whether what is attached goes with the images.
    pub artifacts: bool,
}

/// Which images of a repository are wanted.
#[derive(Clone, Debug)]
pub enum Choice {
    /// By our own list.
    Wanted(Box<Wanted>),
    /// By the rules of another tool.
    Foreign(ForeignRules),
    /// One image, and what it is called at the destination.
    One(Selector, Option<Tag>),
}

impl Choice {
    /// Returns what is wanted of a repository with these tags: what it is there, and its tag at the destination.
    pub fn select(&self, tags: &[Tag]) -> Vec<(Selector, Option<Tag>)> {
        let named = |tag: Tag| (Selector { tag: Some(tag.clone()), digest: None }, Some(tag));
        match self {
            Self::Wanted(wanted) => wanted.select(tags).into_iter().map(named).collect(),
            Self::Foreign(rules) => {
                let digests = rules.digests().map(|digest| (Selector { tag: None, digest: Some(digest) }, None));
                rules.select(tags).into_iter().map(named).chain(digests).collect()
            }
            Self::One(selector, tag) => vec![(selector.clone(), tag.clone())],
        }
    }
}

/// Reads a list. In that of another tool an entry that cannot be read keeps nobody from the others. `to` is where the images of a list go that does not say it.
///
/// # Errors
/// [`OpsError::Project`] with line and column when it, or all of it, cannot be understood, [`OpsError::Usage`] when something is missing that only
/// the command line can say, [`OpsError::File`] when it cannot be read.
pub fn read(path: &Path, to: Option<&Destination>) -> Result<MirrorList, OpsError> {
    let shown = printable(&path.to_string_lossy()).into_owned();
    let text = read_text(path, FILE_MAX_BYTES)?.ok_or_else(|| OpsError::File {
        action: "cannot read",
        path: path.to_owned(),
        source: std::io::ErrorKind::NotFound.into(),
    })?;
    let is_yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    let mut list = if is_yaml {
        foreign(&text, &shown, to)?
    } else {
        if to.is_some() {
            return Err(OpsError::usage(
                format!("{shown} says itself where everything goes"),
                "leave out --to".to_owned(),
            ));
        }
        let file = MirrorFile::parse(&text).map_err(|error| {
            let lines = error.excerpt(&shown, &text).lines().map(str::to_owned).collect();
            OpsError::Project(Told { message: error.message.clone(), lines, help: error.help.clone() })
        })?;
        let rules = file.rules.into_iter().map(|rule| MirrorRule {
            source: rule.source,
            destination: rule.destination,
            choice: Choice::Wanted(Box::new(rule.wanted)),
            platforms: rule.platforms,
            artifacts: rule.artifacts,
        });
        MirrorList { every: file.every, rules: rules.collect(), unread: Vec::new() }
    };
    if to.is_none() {
        // The list means the same places from wherever it is read.
        let directory = path.parent().unwrap_or(Path::new(""));
        for rule in &mut list.rules {
            if let Reference::Layout { path, .. } = &mut rule.destination {
                *path = directory.join(&path);
            }
        }
    }
    if list.rules.is_empty() {
        return Err(OpsError::usage(format!("{shown} names nothing to mirror"), None));
    }
    if list.rules.len() > RULES_MAX {
        return Err(OpsError::usage(format!("{shown} names more than {RULES_MAX} repositories"), None));
    }
    Ok(list)
}

fn foreign(text: &str, shown: &str, to: Option<&Destination>) -> Result<MirrorList, OpsError> {
    // A registry may be called anything but this: skopeo's keys are hosts.
    let is_regsync = text.lines().any(|line| line.trim_end() == "sync:" || line.starts_with("sync: "));
    let read = if is_regsync { regsync::read(text.as_bytes()) } else { skopeo::read(text.as_bytes()) };
    let wrong = |message: String| OpsError::Project(Told { message, lines: Vec::new(), help: None });
    let entries = read.map_err(|error| wrong(format!("{shown}: {error}")))?;
    let mut list = MirrorList::default();
    let mut first = None;
    for ListEntry { line, column, selection } in entries {
        let place = format!("{shown}:{line}:{column}");
        let read = match &selection {
            Ok(selection) => rule(selection, shown, to),
            Err(why) => Err(wrong(format!("{place}: {}", printable(why)))),
        };
        match read {
            Ok(rule) => list.rules.push(rule),
            Err(error) => {
                // What is wrong with an entry that was read does not say where it stands.
                let shown = if selection.is_ok() { format!("{place}: {error}") } else { error.to_string() };
                list.unread.push(shown);
                first = first.or(Some(error));
            }
        }
    }
    match first {
        Some(error) if list.rules.is_empty() => Err(error),
        _ => Ok(list),
    }
}

fn rule(selection: &Selection, shown: &str, to: Option<&Destination>) -> Result<MirrorRule, OpsError> {
    let (source, selector) = match &selection.source {
        Source::Registry(host) => {
            return Err(OpsError::usage(
                format!(
                    "{shown}: all repositories of {host} are wanted, and a registry does not list them to everybody"
                ),
                "name each repository with a step of type `repository`".to_owned(),
            ));
        }
        Source::Repository(host, repository) => (
            RegistryReference { host: host.clone(), repository: repository.clone(), selector: Selector::default() },
            None,
        ),
        Source::Image(image) => {
            let bare = RegistryReference { selector: Selector::default(), ..image.clone() };
            let named = Selector { tag: Some(Tag::latest()), digest: None };
            let selector = if image.selector == Selector::default() { named } else { image.selector.clone() };
            (bare, Some(selector))
        }
    };
    let destination = match (&selection.target, to) {
        (Some(target), _) => target.parse::<Destination>()?,
        (None, Some(to)) => to.clone(),
        (None, None) => {
            return Err(OpsError::usage(
                format!("{shown} does not say where the images of {source} go"),
                format!("supercargo mirror {shown} --to HOST/mirror/"),
            ));
        }
    };
    let place = destination.place_for(&Reference::Registry(source.clone()))?;
    if let Reference::Archive { .. } = place {
        return Err(OpsError::usage(
            "an archive is written once and cannot be kept in step",
            "--to oci:DIR".to_owned(),
        ));
    }
    let choice = match selector {
        Some(selector) => {
            let tag = place.selector().tag.or_else(|| selector.tag.clone());
            Choice::One(selector, tag)
        }
        None => Choice::Foreign(ForeignRules::new(&source, &selection.rules, shown)?),
    };
    let destination = place.with_selector(Selector::default());
    Ok(MirrorRule { source, destination, choice, platforms: Vec::new(), artifacts: true })
}
