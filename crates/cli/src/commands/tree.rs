//! `tree`

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use clap::Args;
use oci::Digest;
use ops::OpsError;
use ops::resolve::lock::LockedImage;
use serde::Serialize;

use super::groups::{GroupArguments, ScopeArguments, Usually};
use super::locking::{self, short};
use crate::printer::{Document, Text, count};
use crate::session::Session;

/// Show what is locked and what needs what
///
/// A lock that is not up to date is brought up to date first; otherwise no registry is asked. It holds a base where an image says on
/// what it was built, in a registry of the project, and the layers confirm it. In the directory of a member of a workspace it shows
/// the member's images.
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

    /// Show on what the images were built, as far as the lock has it
    #[arg(long)]
    bases: bool,

    #[command(flatten)]
    groups: GroupArguments,

    #[command(flatten)]
    scope: ScopeArguments,
}

impl TreeArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let open = locking::current(session, false).await?;
        if let Some(name) = &self.invert {
            ops::tree::why(&open, name)?;
        }
        let open = open.narrowed(&self.groups.groups(Usually::All), self.scope.scope())?;
        if let Some(name) = self.invert.as_ref().filter(|name| !open.lock.images.contains_key(*name)) {
            let member = if open.member().is_some() { ", or of this member" } else { "" };
            let message = format!("`{}` is not among the images of these groups{member}", name.escape_debug());
            return Err(OpsError::usage(message, format!("supercargo tree --invert {name}")).into());
        }
        let needs = ops::tree::needs(&open);
        let members = &open.project.members;
        let images = open.lock.images.iter().map(|(name, image)| {
            let needed_by = ops::tree::needed_by(&open, name).into_iter().map(|(name, what)| NeedShape { name, what });
            let needs = needs.get(name).into_iter().flatten().cloned().map(|(name, what)| NeedShape { name, what });
            let member = members.iter().find(|member| member.declares.contains(name));
            let shape = ImageShape::of(name, image, needs.collect(), needed_by.collect());
            (name.clone(), ImageShape { member: member.map(|member| member.directory.clone()), ..shape })
        });
        let document = TreeDocument {
            project: open.project.name.clone(),
            images: images.collect(),
            invert: self.invert,
            artifacts: self.artifacts,
            bases: self.bases,
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
    #[serde(skip)]
    bases: bool,
}

fn values<S: serde::Serializer>(images: &BTreeMap<String, ImageShape>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(images.values())
}

#[derive(Clone, Serialize)]
struct ImageShape {
    name: String,
    /// The directory of the member of the workspace that declares it.
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    repository: String,
    version: String,
    tag: String,
    digest: Digest,
    platforms: Vec<String>,
    needs: Vec<NeedShape>,
    needed_by: Vec<NeedShape>,
    artifacts: Vec<ArtifactShape>,
    bases: Vec<BaseShape>,
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

/// A base, and the platforms of which it is the base.
#[derive(Clone, Serialize)]
struct BaseShape {
    platforms: Vec<String>,
    repository: String,
    tag: Option<String>,
    digest: Digest,
    layers: u64,
    proof: String,
}

impl BaseShape {
    /// Lists the bases of an image, each once, in the order of the platforms.
    fn of(image: &LockedImage) -> Vec<Self> {
        let bases = ops::tree::bases(image).into_iter().map(|(base, platforms)| Self {
            platforms: platforms.iter().map(|platform| platform.on.clone()).collect(),
            repository: base.repository.to_string(),
            tag: base.tag.as_ref().map(ToString::to_string),
            digest: base.digest,
            layers: base.layers,
            proof: base.proof.clone(),
        });
        bases.collect()
    }
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
            member: None,
            repository: image.repository.to_string(),
            version: image.version.clone(),
            tag: image.tag.to_string(),
            digest: image.digest,
            platforms: image.platforms.iter().map(|platform| platform.on.clone()).collect(),
            needs,
            needed_by,
            artifacts: image.artifacts.iter().map(artifact).collect(),
            bases: BaseShape::of(image),
        }
    }
}

impl ImageShape {
    /// Writes on what the image was built. The platforms are named where not all have the same base.
    fn base_lines(&self, text: &mut Text, indent: &str) {
        for base in &self.bases {
            let BaseShape { platforms, repository, tag, digest, layers, .. } = base;
            let tag = tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
            let layers = count(usize::try_from(*layers).unwrap_or(usize::MAX), "layer");
            let of = match platforms.len() {
                all if all == self.platforms.len() => String::new(),
                _ => format!(" ({})", platforms.join(", ")),
            };
            text.line(format_args!("{indent}on {repository}{tag}  {}  {layers}{of}", short(digest)));
        }
        let known: usize = self.bases.iter().map(|base| base.platforms.len()).sum();
        if known < self.platforms.len() {
            let of = if known == 0 {
                String::new()
            } else {
                format!(" ({} more)", count(self.platforms.len() - known, "platform"))
            };
            text.line(format_args!("{indent}on a base that is not locked{of}"));
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
        if self.bases {
            image.base_lines(text, &deeper);
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
        let mut by_member: BTreeMap<Option<&String>, Vec<&String>> = BTreeMap::new();
        for (name, image) in &self.images {
            by_member.entry(image.member.as_ref()).or_default().push(name);
        }
        for (member, names) in by_member {
            if let Some(member) = member {
                text.line(format_args!("{member}:"));
            }
            let indent = if member.is_some() { "  " } else { "" };
            for name in names {
                self.branch(text, name, "", indent, &mut above);
            }
        }
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.images.values().cloned().collect())
    }
}
