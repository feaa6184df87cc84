//! The candidates of each axis.

mod digests;
mod hybrid;
mod layers;
mod locks;
mod needs;
mod sets;
mod tags;

use std::num::NonZeroUsize;

use oci::{Reference, ReferenceError, Selector, Tag};
use resolve::bisect::session::{Candidate, Searched, Start};

use super::place::Workshop;
use super::request::{Asked, Axis, BisectRequest};
use super::session_file::SessionFile;
use super::verdicts::command_hash;
use crate::context::Context;
use crate::diff::LockSource;
use crate::error::OpsError;

pub(super) use sets::{BAD_LOCK, GOOD_LOCK, apply, read_lock, sides};

/// How many images are asked about at once.
const QUESTIONS_AT_ONCE: usize = 32;

/// Finds the candidates and starts a session over them.
pub(super) async fn start(
    context: &Context,
    workshop: &Workshop,
    request: &BisectRequest,
) -> Result<SessionFile, OpsError> {
    let asked = request.asked.as_ref().ok_or_else(|| {
        OpsError::usage(
            "nothing says what to search, and there is no search that could go on",
            "supercargo bisect run --over tags --good REF --bad REF -- COMMAND".to_owned(),
        )
    })?;
    // What is asked for has to make sense before anything is removed for it.
    let (good, bad) = if asked.axis == Axis::Digests { ("", "") } else { ends(asked)? };
    let (axis, search) = match asked.axis {
        Axis::Tags => {
            let (good, bad) = (image(workshop, good)?, image(workshop, bad)?);
            let candidates = tags::candidates(context, &good, &bad, asked.platform.as_ref()).await?;
            workshop.prepare()?;
            (Axis::Tags, Searched::Line { candidates })
        }
        Axis::Digests => {
            let candidates = digests::candidates(context, workshop, asked).await?;
            workshop.prepare()?;
            (Axis::Digests, Searched::Line { candidates })
        }
        Axis::Locks if !are_files(good, bad)? => {
            let history = locks::history(workshop, good, bad).await?;
            workshop.prepare()?;
            (Axis::Locks, Searched::Line { candidates: locks::candidates(workshop, history)? })
        }
        Axis::Locks | Axis::Changes => {
            let place = &workshop.project_place;
            let good = LockSource::parse(good).read(place).await?;
            let bad = LockSource::parse(bad).read(place).await?;
            workshop.prepare()?;
            (Axis::Changes, sets::search(workshop, &good, &bad)?)
        }
        Axis::Layers => {
            let (good, bad) = (image(workshop, good)?, image(workshop, bad)?);
            let ends = layers::ends(context, &good, &bad, asked.platform.as_ref()).await?;
            workshop.prepare()?;
            (Axis::Layers, Searched::Line { candidates: layers::candidates(context, workshop, &ends).await? })
        }
    };
    let start = Start {
        axis: axis.as_str().to_owned(),
        search,
        ends: request.ends,
        jobs: request.jobs.unwrap_or(NonZeroUsize::MIN),
        repeat: request.repeat.unwrap_or_default(),
        command: request.command.clone(),
        command_hash: command_hash(&request.command),
    };
    workshop.write_asked(&asked.text())?;
    SessionFile::create(&workshop.session_file(), start)
}

fn ends(asked: &Asked) -> Result<(&str, &str), OpsError> {
    match (&asked.good, &asked.bad) {
        (Some(good), Some(bad)) => Ok((good, bad)),
        _ => Err(OpsError::usage(
            format!("a search over {} needs an end that works and one that does not", asked.axis),
            format!("supercargo bisect run --over {} --good A --bad B -- COMMAND", asked.axis),
        )),
    }
}

/// Tells whether both ends are locks in files; one of each kind makes no line.
fn are_files(good: &str, bad: &str) -> Result<bool, OpsError> {
    let is_file = |text: &str| matches!(LockSource::parse(text), LockSource::File(_));
    match (is_file(good), is_file(bad)) {
        (true, true) => Ok(true),
        (false, false) => Ok(false),
        _ => Err(OpsError::usage(
            "one end is a file and the other a revision, between which there is no history",
            format!("supercargo bisect run --over changes --good {good} --bad {bad} -- COMMAND"),
        )),
    }
}

/// Reads the reference of an image. `NAME:TAG` is one of the project's images, `NAME` the same as it is locked.
fn image(workshop: &Workshop, text: &str) -> Result<Reference, OpsError> {
    let (name, tag) = text.split_once(':').map_or((text, None), |(name, tag)| (name, Some(tag)));
    let wanted = workshop.project.as_ref().and_then(|open| Some((open, open.project.images.get(name)?)));
    let Some((open, wanted)) = wanted else { return Ok(text.parse()?) };
    let tag = match tag {
        Some(tag) => Some(tag.parse().map_err(ReferenceError::Name)?),
        None => open.lock.images.get(name).map(|locked| locked.tag.clone()),
    };
    let reference = Reference::Registry(wanted.repository.clone());
    Ok(reference.with_selector(Selector { tag, digest: None }))
}

/// Returns a reference with the tag that is meant where none is given.
fn tagged(reference: &Reference) -> (Reference, Tag) {
    let tag = reference.selector().tag.unwrap_or_else(Tag::latest);
    (reference.with_selector(Selector { tag: Some(tag.clone()), digest: None }), tag)
}

/// Returns a candidate that is not there.
fn absent(label: String, reference: &Reference) -> Candidate {
    let reference = reference.to_string();
    Candidate { key: format!("absent {reference}"), label, reference, absent: true }
}
