//! Why there is no resolution, for people.

use resolve::resolution::ResolutionError;

use crate::error::{OpsError, Told};
use crate::project::OpenProject;

/// Most tracks that are shown when the one that is wanted is not there.
const TRACKS_MAX: usize = 12;

/// Returns the error that tells why there is no resolution and points at the line that asks for it.
pub(crate) fn told(open: &OpenProject, error: &ResolutionError) -> OpsError {
    match error {
        ResolutionError::NoVersions { image, tracks, variant, .. } => {
            no_versions(open, error, image, tracks, variant.as_ref())
        }
        ResolutionError::NoSuchVersion { image, near, .. } => {
            let mut told = at_version(open, error.to_string(), image, "");
            if let Some(newest) = near.first() {
                told.lines.push(format!("   = there are {}", near.join(", ")));
                told.help = Some(format!("supercargo update {image} --precise {newest}"));
            }
            OpsError::Unsolved(told)
        }
        ResolutionError::NoSolution { image, lines, .. } => {
            // The first line repeats what stands in the file at the place that is shown.
            let first = lines.iter().position(|(_, root)| root.as_deref() == Some(image.as_str()));
            let label = first.map_or("", |place| lines[place].0.as_str());
            let mut told = at_version(open, error.to_string(), image, label);
            for (place, (line, root)) in lines.iter().enumerate().filter(|(place, _)| Some(*place) != first) {
                let where_from = root.as_ref().filter(|_| place != 0).and_then(|root| line_of(open, root));
                told.lines.push(match where_from {
                    Some((file, number)) => format!("   = {line} ({file}:{number})"),
                    None => format!("   = {line}"),
                });
            }
            told.help = Some(format!("supercargo candidates {image}"));
            OpsError::Unsolved(told)
        }
        error => OpsError::Unsolved(Told { message: error.to_string(), lines: Vec::new(), help: None }),
    }
}

fn no_versions(
    open: &OpenProject,
    error: &ResolutionError,
    image: &str,
    tracks: &[String],
    variant: Option<&String>,
) -> OpsError {
    let mut told = at_version(open, error.to_string(), image, "");
    for track in tracks.iter().take(TRACKS_MAX) {
        told.lines.push(format!("   = there is {track}"));
    }
    if tracks.len() > TRACKS_MAX {
        told.lines.push(format!("   = and {} more", tracks.len() - TRACKS_MAX));
    }
    let repository = open.project.images.get(image).map(|image| image.repository.to_string()).unwrap_or_default();
    told.help = Some(match (tracks.first(), variant) {
        (Some(track), None) => {
            let template = track.split(' ').next().unwrap_or_default();
            format!("set `variant` of `{image}`: {}", template.replace("{version}-", "").replace("-{version}", ""))
        }
        _ => format!("supercargo tags {repository} --explain"),
    });
    OpsError::Unsolved(told)
}

fn at_version(open: &OpenProject, message: String, image: &str, label: &str) -> Told {
    match open.project.images.get(image) {
        Some(image) => open.told_at(message, &image.places.version, label),
        None => Told { message, lines: Vec::new(), help: None },
    }
}

/// Returns the file and the line on which the version of an image stands.
fn line_of(open: &OpenProject, image: &str) -> Option<(String, usize)> {
    let place = &open.project.images.get(image)?.places.version;
    let (file, _) = open.sources.locate(place);
    Some((open.sources.files().get(file)?.path(), open.position(place).line))
}
