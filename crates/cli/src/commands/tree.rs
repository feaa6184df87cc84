//! `tree`

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use clap::Args;
use oci::Digest;
use ops::resolve::lock::LockedImage;
use serde::Serialize;

use super::locking::{self, short};
use crate::printer::{Document, Text, count};
use crate::session::Session;

/// Show what is locked and what needs what
///
/// A lock that is not up to date is brought up to date first; otherwise no registry is asked.
///
/// Example: supercargo tree --artifacts
#[derive(Args, Debug)]
pub(crate) struct TreeArguments {
    /// Show what needs this image
    #[arg(long, value_name = "NAME")]
    invert: Option<String>,

    /// Show what is attached to the images
    #[arg(long)]
    artifacts: bool,
}

impl TreeArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let open = locking::current(session, false).await?;
        if let Some(name) = &self.invert {
            ops::tree::why(&open, name)?;
        }
        let needs = ops::tree::needs(&open);
        let images = open.lock.images.iter().map(|(name, image)| {
            let needed_by = ops::tree::needed_by(&open, name).into_iter().map(|(name, what)| NeedShape { name, what });
            let needs = needs.get(name).into_iter().flatten().cloned().map(|(name, what)| NeedShape { name, what });
            (name.clone(), ImageShape::of(name, image, needs.collect(), needed_by.collect()))
        });
        let document = TreeDocument {
            project: open.project.name.clone(),
            images: images.collect(),
            invert: self.invert,
            artifacts: self.artifacts,
        };
        session.print(&document)
    }
}

/// What is locked. The names of the fields are a public interface.
#[derive(Serialize)]
struct TreeDocument {
    project: Option<String>,
    #[serde(serialize_with = "values")]
    images: BTreeMap<String, ImageShape>,
    #[serde(skip)]
    invert: Option<String>,
    #[serde(skip)]
    artifacts: bool,
}

fn values<S: serde::Serializer>(images: &BTreeMap<String, ImageShape>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(images.values())
}

#[derive(Clone, Serialize)]
struct ImageShape {
    name: String,
    repository: String,
    version: String,
    tag: String,
    digest: Digest,
    platforms: Vec<String>,
    needs: Vec<NeedShape>,
    needed_by: Vec<NeedShape>,
    artifacts: Vec<ArtifactShape>,
}

#[derive(Clone, Serialize)]
struct NeedShape {
    name: String,
    what: String,
}

#[derive(Clone, Serialize)]
struct ArtifactShape {
    role: String,
    artifact_type: String,
    subject: Digest,
    digest: Digest,
}

impl ImageShape {
    fn of(name: &str, image: &LockedImage, needs: Vec<NeedShape>, needed_by: Vec<NeedShape>) -> Self {
        let artifact = |artifact: &ops::resolve::lock::LockedArtifact| ArtifactShape {
            role: artifact.role.clone(),
            artifact_type: artifact.artifact_type.clone(),
            subject: artifact.subject,
            digest: artifact.digest,
        };
        Self {
            name: name.to_owned(),
            repository: image.repository.to_string(),
            version: image.version.clone(),
            tag: image.tag.to_string(),
            digest: image.digest,
            platforms: image.platforms.iter().map(|platform| platform.on.clone()).collect(),
            needs,
            needed_by,
            artifacts: image.artifacts.iter().map(artifact).collect(),
        }
    }
}

impl TreeDocument {
    /// Writes an image and, below it, what it needs or what needs it.
    fn branch(&self, text: &mut Text, name: &str, what: &str, indent: &str, above: &mut BTreeSet<String>) {
        let Some(image) = self.images.get(name) else { return };
        let what = if what.is_empty() { String::new() } else { format!(" ({what})") };
        let (version, digest) = (&image.version, short(&image.digest));
        let platforms = count(image.platforms.len(), "platform");
        if !above.insert(name.to_owned()) {
            text.line(format_args!("{indent}{name} {version}{what} ↑"));
            return;
        }
        text.line(format_args!("{indent}{name} {version}  {digest}  {platforms}{what}"));
        let deeper = format!("{}  ", indent.replace("└ ", "  "));
        if self.artifacts {
            for artifact in &image.artifacts {
                text.line(format_args!(
                    "{deeper}+ {} {} {}",
                    artifact.role,
                    artifact.artifact_type,
                    short(&artifact.digest)
                ));
            }
        }
        let below = if self.invert.is_some() { &image.needed_by } else { &image.needs };
        for need in below {
            self.branch(text, &need.name, &need.what, &format!("{deeper}└ "), above);
        }
        above.remove(name);
    }
}

impl Document for TreeDocument {
    fn command(&self) -> &'static str {
        "tree"
    }

    fn text(&self, text: &mut Text) {
        let mut above = BTreeSet::new();
        if let Some(name) = &self.invert {
            return self.branch(text, name, "", "", &mut above);
        }
        for name in self.images.keys() {
            self.branch(text, name, "", "", &mut above);
        }
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.images.values().cloned().collect())
    }
}
