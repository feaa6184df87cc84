//! The example `examples/jaeger`: its files as they are there, and releases of its images.
//!
//! The releases are stand-ins of a few kilobytes. Their dates, and that some are broken, are made up.

use std::path::Path;

use store::{LayoutStore, Store};

use super::image::{self, Recipe};
use crate::error::OpsError;

/// The registry that the files of the example name.
pub const HOST: &str = "docker.io";

/// The moment at which the tour takes place: it decides how old the releases are.
pub const NOW: &str = "2026-06-30T12:00:00Z";

/// What the configuration of every collector says, but for the broken ones.
pub const SETTING: &str = "COLLECTOR_QUEUE_SIZE=2000";

/// What it says in the broken ones.
const BROKEN_SETTING: &str = "COLLECTOR_QUEUE_SIZE=0";

/// The repository of the collector.
const COLLECTOR: &str = "jaegertracing/jaeger-collector";

/// A file of the example.
#[derive(Clone, Copy, Debug)]
pub struct ExampleFile {
    /// Its path, relative to the example's directory.
    pub path: &'static str,
    /// Its content.
    pub content: &'static str,
}

macro_rules! example_files {
    ($($path:literal),*) => {
        [$(ExampleFile { path: $path, content: include_str!(concat!("../../../../examples/jaeger/", $path)) }),*]
    };
}

/// The project of the example.
pub const PROJECT: ExampleFile = example_files!("Supercargo.toml")[0];

/// The files of the example that name images.
pub const DEPLOYED: [ExampleFile; 4] =
    example_files!["compose.yaml", "Dockerfile", "deploy/collector.yaml", "deploy/query.yaml"];

/// The repositories that the example's images are in, on [`HOST`].
pub const REPOSITORIES: [&str; 4] =
    ["jaegertracing/all-in-one", "jaegertracing/jaeger-agent", COLLECTOR, "jaegertracing/jaeger-query"];

/// A release of all images.
#[derive(Clone, Copy, Debug)]
pub struct Release {
    /// Its version, which is its tag.
    pub version: &'static str,
    /// When it was made, as RFC 3339 has it.
    pub created: &'static str,
    /// Whether its collector is broken.
    pub is_broken: bool,
}

const fn release(version: &'static str, created: &'static str, is_broken: bool) -> Release {
    Release { version, created, is_broken }
}

/// What there is when the tour begins.
pub const FIRST: [Release; 2] =
    [release("1.57.0", "2026-01-12T10:00:00Z", false), release("1.58.0", "2026-02-09T10:00:00Z", false)];

/// What comes later; the last one is younger than the project's `cooldown` admits at [`NOW`].
pub const LATER: [Release; 5] = [
    release("1.59.0", "2026-03-09T10:00:00Z", false),
    release("1.60.0", "2026-04-13T10:00:00Z", true),
    release("1.61.0", "2026-05-11T10:00:00Z", true),
    release("1.62.0", "2026-06-08T10:00:00Z", true),
    release("1.63.0", "2026-06-29T10:00:00Z", true),
];

/// Returns the last parts of the names of the repositories.
pub fn names() -> [&'static str; 4] {
    REPOSITORIES.map(|repository| repository.rsplit('/').next().unwrap_or(repository))
}

/// Returns the version of the first broken release.
pub fn culprit() -> &'static str {
    LATER.iter().find(|release| release.is_broken).map_or("", |release| release.version)
}

/// Writes files of the example below a directory, with `host` in the place of [`HOST`].
///
/// # Errors
/// When a file cannot be written.
pub fn write_files(directory: &Path, files: &[ExampleFile], host: &str) -> Result<(), OpsError> {
    for file in files {
        let path = directory.join(file.path);
        if let Some(parent) = path.parent() {
            make_directory(parent)?;
        }
        store::atomic::write(&path, file.content.replace(HOST, host).as_bytes())?;
    }
    Ok(())
}

/// Writes releases of every image into layouts below `directory`, one a repository under the last part of its name. The bytes are the
/// same every time.
///
/// # Errors
/// When something cannot be written.
pub async fn write_releases(directory: &Path, releases: &[Release]) -> Result<(), OpsError> {
    make_directory(directory)?;
    for (repository, name) in REPOSITORIES.into_iter().zip(names()) {
        let layout = LayoutStore::open_or_create(directory.join(name))?;
        let path = format!("etc/jaeger/{name}.yaml");
        for Release { version, created, is_broken } in releases {
            let setting = if *is_broken { BROKEN_SETTING } else { SETTING };
            let environment = ["SPAN_STORAGE_TYPE=grpc", setting];
            let recipe = Recipe {
                title: name,
                version,
                created: Some(created),
                shared: (&path, "storage: grpc\n"),
                message: &format!("{name} {version}"),
                environment: if repository == COLLECTOR { &environment } else { &environment[..1] },
            };
            image::write(&layout, &recipe).await?;
        }
        layout.finish().await?;
    }
    Ok(())
}

fn make_directory(path: &Path) -> Result<(), OpsError> {
    std::fs::create_dir_all(path).map_err(|source| OpsError::File {
        action: "cannot make the directory",
        path: path.to_owned(),
        source,
    })
}
