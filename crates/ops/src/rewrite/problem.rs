//! Of what it is not known how to write it, and how that is told.

use std::path::Path;

use oci::text::printable;
use targets::{Kind, Place, PlanError, RewriteError, TargetError};

use crate::error::{OpsError, Told};
use crate::project::OpenProject;

/// Most problems that are told of; more are the same again.
pub(super) const PROBLEMS_MAX: usize = 20;

/// A reference of which it is not known what to write.
pub(super) struct Problem {
    place: String,
    message: String,
    evidence: Vec<String>,
    help: Option<String>,
}

/// Returns the error that tells of problems, of which there is at least one.
pub(super) fn told(mut problems: Vec<Problem>) -> OpsError {
    let count = problems.len();
    let first = problems.remove(0);
    let mut lines = vec![format!("  --> {}", first.place)];
    lines.extend(first.evidence.into_iter().map(|line| format!("   = {line}")));
    for problem in problems {
        lines.push(format!("  --> {}: {}", problem.place, problem.message));
        lines.extend(problem.evidence.into_iter().map(|line| format!("   = {line}")));
    }
    if count > 1 {
        lines.push("   = nothing was written".to_owned());
    }
    OpsError::Project(Told { message: first.message, lines, help: first.help })
}

/// Returns the problem of a reference that may be of any of these images. `file` has the target.
pub(super) fn ambiguous(open: &OpenProject, place: String, file: &Path, at: &Place, names: &[&str]) -> Problem {
    let reference = at.content.to_string();
    let evidence = names.iter().filter_map(|name| {
        let (image, locked) = (open.project.images.get(*name)?, open.lock.images.get(*name)?);
        let declared = open.position(&image.places.name);
        Some(format!("`{name}` ({declared}) is locked as {}:{}", locked.repository, locked.tag))
    });
    let name = names.first().copied().unwrap_or_default();
    let path = resolve::document::quoted(&at.path);
    Problem {
        message: format!("`{reference}` could be {}", either(names)),
        evidence: evidence.collect(),
        help: Some(format!("map = {{ {path} = \"{name}\" }}   # in the target in {}", file.display())),
        place,
    }
}

fn either(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(" or ")
}

/// Returns the problem of a place that has no room for what the image is locked as.
pub(super) fn unplanned(place: String, name: &str, kind: Kind, error: &PlanError) -> Problem {
    let help = match error {
        PlanError::NoKey { part: "digest", .. } => Some("write = \"tag@digest\"   # in the target".to_owned()),
        PlanError::NoKey { part, .. } => Some(format!("add a key for the {part} to the file")),
        _ => Some(format!("leave the file out of `paths` of the target of kind {kind}")),
    };
    Problem { message: format!("`{name}` cannot be written: {error}"), place, evidence: Vec::new(), help }
}

/// Returns the problem of a file that is not what its target says.
pub(super) fn unreadable(file: &str, kind: Kind, error: &TargetError) -> Problem {
    let (place, message) = match error {
        TargetError::NotText { line, column } => (Some((line, column)), "not UTF-8".to_owned()),
        TargetError::Syntax { line, column, message } => (Some((line, column)), printable(message).into_owned()),
        error => (None, error.to_string()),
    };
    let file = printable(file);
    Problem {
        place: place.map_or_else(|| file.to_string(), |(line, column)| format!("{file}:{line}:{column}")),
        message: format!("{file} cannot be read as {kind}: {message}"),
        evidence: Vec::new(),
        help: Some("leave the file out of `paths` of the target, or correct it".to_owned()),
    }
}

/// Returns the problem of a file whose changes contradict each other, or what else stands in it.
pub(super) fn unwritable(file: &str, bytes: &[u8], error: &RewriteError) -> Problem {
    let text = String::from_utf8_lossy(bytes);
    let place = match error {
        RewriteError::Conflict { at } => {
            let (line, column) = position(&text, *at);
            format!("{}:{line}:{column}", printable(file))
        }
        _ => printable(file).into_owned(),
    };
    Problem {
        place,
        message: format!("{} cannot be rewritten: {error}", printable(file)),
        evidence: Vec::new(),
        help: Some("give each reference its own text in the file".to_owned()),
    }
}

/// Returns line and column of a place, both from 1, the column in characters.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
