//! The search for what broke: among the versions of an image, the digests of a tag, the locks of a project, the images that
//! differ between two locks, or the layers of two images.
//!
//! ```text
//!  request ─▶ candidates (by axis) ─▶ session ─▶ rounds: cache ─▶ material ─▶ child ─▶ verdict ─▶ report
//!                                        ▲                                        │
//!                                        └────────────── log, cache ◀─────────────┘
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `request` | what a user asks for |
//! | `place` | where sessions and what belongs to them lie |
//! | `session_file`, `verdicts` | the log of a session and the cache of verdicts, in files |
//! | `axis` | the candidates of each axis |
//! | `material` | what a candidate's test is given: reference, lock, layout |
//! | `child` | the command that tests |
//! | `run` | rounds of tests |
//! | `report` | what was found |
//!
//! What to test next is decided by [`resolve::bisect`], which knows none of this.

mod axis;
mod child;
mod material;
mod place;
mod report;
mod request;
mod run;
mod session_file;
mod verdicts;

use resolve::bisect::session::{Event, Searched, Source, Subject};
use resolve::bisect::{Step, Verdict};

use crate::context::Context;
use crate::error::OpsError;
use place::Workshop;
use session_file::SessionFile;

pub use place::BisectPlace;
pub use report::{BisectReport, Entry, Found, ImageMove, Side};
pub use request::{Asked, Axis, BisectRequest};
pub use run::{Watch, run};

/// Starts a session, in which the user says what is good and what is bad.
///
/// # Errors
/// [`OpsError::Usage`] when the ends make no sense, another session has not ended or another process is at work on it; what
/// registries, git and files bring.
pub async fn start(context: &Context, place: &BisectPlace, request: &BisectRequest) -> Result<BisectReport, OpsError> {
    let workshop = Workshop::open(place)?;
    let _claim = workshop.claim()?;
    if let Some(open) = SessionFile::open(&workshop.session_file())?
        && matches!(open.session.step(open.session.start().jobs), Step::Test(_))
    {
        return Err(under_way(&workshop));
    }
    let file = axis::start(context, &workshop, request).await?;
    report::report(context, &workshop, &file, 0).await
}

/// Says that candidates are good, bad or cannot be tested: those that are named, or the one that is to be tested next. A
/// candidate is named by its label, its reference, its digest or its number.
///
/// # Errors
/// [`OpsError::Usage`] when there is no session, or it has no such candidate.
pub async fn mark(
    context: &Context,
    place: &BisectPlace,
    verdict: Verdict,
    names: &[String],
) -> Result<BisectReport, OpsError> {
    let workshop = Workshop::open(place)?;
    let _claim = workshop.claim()?;
    let mut file = SessionFile::require(&workshop.session_file())?;
    let mut subjects = names.iter().map(|name| named(&file, name)).collect::<Result<Vec<_>, _>>()?;
    if subjects.is_empty() {
        subjects.push(next(&file)?);
    }
    for of in subjects {
        file.append(Event::Verdict { of, verdict, source: Source::Manual })?;
    }
    report::report(context, &workshop, &file, 0).await
}

/// Returns what has happened in the session, for people. Another process may be at work on it.
///
/// # Errors
/// [`OpsError::Usage`] when there is none.
pub fn log(place: &BisectPlace) -> Result<Vec<String>, OpsError> {
    let session = SessionFile::read(&Workshop::open(place)?.session_file())?;
    Ok(session.log().to_string().lines().map(str::to_owned).collect())
}

/// Removes the session and what was made for it; verdicts that are known stay. Returns whether there was one.
///
/// # Errors
/// [`OpsError::Usage`] while another process is at work on it, and what the file system brings.
pub fn reset(place: &BisectPlace) -> Result<bool, OpsError> {
    let workshop = Workshop::open(place)?;
    let _claim = workshop.claim()?;
    // A log that cannot be read is removed too: that is how one gets rid of it.
    let was_there = workshop.session_file().exists();
    workshop.remove()?;
    Ok(was_there)
}

fn under_way(workshop: &Workshop) -> OpsError {
    OpsError::usage(
        format!("another search has not ended: {}", workshop.session_file().display()),
        "supercargo bisect run    (goes on)    or    supercargo bisect reset".to_owned(),
    )
}

/// Returns what the user is to test next.
fn next(file: &SessionFile) -> Result<Subject, OpsError> {
    match file.session.step(std::num::NonZeroUsize::MIN) {
        Step::Test(round) => round.test.into_iter().next().map(|run| run.test),
        Step::Done(_) => None,
    }
    .ok_or_else(|| {
        OpsError::usage("the search has ended: nothing is left to be tested", "supercargo bisect log".to_owned())
    })
}

fn named(file: &SessionFile, name: &str) -> Result<Subject, OpsError> {
    let (Searched::Line { candidates } | Searched::Changes { changes: candidates, .. }) = &file.session.start().search;
    let by = |is: &dyn Fn(&resolve::bisect::session::Candidate) -> bool| candidates.iter().position(is);
    let found = by(&|candidate| candidate.label == name || candidate.reference == name)
        .or_else(|| by(&|candidate| candidate.key == name || candidate.reference.ends_with(&format!("@{name}"))))
        .or_else(|| name.parse().ok().filter(|number| *number < candidates.len()));
    let number = found.ok_or_else(|| {
        OpsError::usage(
            format!("`{}` is none of the {} candidates", oci::text::printable(name), candidates.len()),
            "supercargo bisect log".to_owned(),
        )
    })?;
    Ok(match &file.session.start().search {
        Searched::Line { .. } => Subject::Candidate(number),
        Searched::Changes { .. } => Subject::Changes([number].into()),
    })
}
