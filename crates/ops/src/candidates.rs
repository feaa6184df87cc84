//! Every version of an image, and why it was taken or not.

use resolve::resolution::ResolutionOptions;
use resolve::solve::{Problem, Standing};

use crate::context::Context;
use crate::error::OpsError;
use crate::lock::require_image;
use crate::project::OpenProject;
use crate::resolving::{Resolved, resolve};

/// A version of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidateRow {
    /// The version.
    pub version: String,
    /// The tag that names it.
    pub tag: String,
    /// Whether it was chosen.
    pub chosen: bool,
    /// A word for how it stands: `chosen`, `older`, `newer`, `unwanted`, `excluded`, `needs`, or the code of the reason against it.
    pub code: &'static str,
    /// The same in a sentence.
    pub reason: String,
}

/// Returns every version of an image, the newest first. What is locked is not preferred: this is what an update would look at.
///
/// # Errors
/// As [`lock`](crate::lock::lock).
pub async fn candidates(
    context: &Context,
    open: &OpenProject,
    name: &str,
    options: &ResolutionOptions,
) -> Result<Vec<CandidateRow>, OpsError> {
    require_image(open, name)?;
    let resolved = resolve(context, open, options.clone()).await?;
    let outcome = &resolved.outcome;
    let problem = outcome.problem();
    let versions = resolved.resolution.candidates(name).map(|found| &found.versions[..]).unwrap_or_default();
    let rows = outcome.standings(name).into_iter().rev().filter_map(|(id, standing)| {
        let candidate = versions.get(id.0 as usize)?;
        let (code, mut reason) = told(&resolved, problem, name, &standing);
        if let (Standing::Chosen, Some(other)) = (&standing, outcome.superseded_by(&open.project, name)) {
            reason = format!("{reason}, superseded by {other}");
        }
        Some(CandidateRow {
            version: candidate.version.to_string(),
            tag: candidate.tag.to_string(),
            chosen: standing == Standing::Chosen,
            code,
            reason,
        })
    });
    Ok(rows.collect())
}

fn told(resolved: &Resolved, problem: &Problem, name: &str, standing: &Standing) -> (&'static str, String) {
    let outcome = &resolved.outcome;
    match standing {
        Standing::Chosen => {
            ("chosen", outcome.chosen.get(name).map(|chosen| chosen.because.clone()).unwrap_or_default())
        }
        Standing::Refused(id) => match problem.reason(*id) {
            Some(reason) => (reason.kind.code(), reason.text.clone()),
            None => ("refused", String::new()),
        },
        Standing::Unmatched(root) => {
            ("unwanted", problem.root(*root).map(|root| format!("{} is wanted", root.why)).unwrap_or_default())
        }
        Standing::Excluded { by, why } => ("excluded", format!("{} needs {why}", outcome.name(*by))),
        Standing::Needs { of, why } => ("needs", format!("it needs {} {why}", outcome.name(*of))),
        Standing::Older => ("older", "it is older than the one that is taken".to_owned()),
        Standing::Newer => ("newer", "it is newer than the one that is taken".to_owned()),
        Standing::NotDemanded => ("unwanted", "nothing wants the image".to_owned()),
    }
}
