//! Helm values: references in one piece, and mappings of their parts.
//!
//! A chart may call its values anything, so there is no list of the places. What is common is taken for a reference:
//!
//! | what | form |
//! |---|---|
//! | a mapping with `repository` beside `tag`, `digest`, `sha`, `registry` or `pullPolicy` | split |
//! | a mapping under a key that ends with `image`, with `repository`, `image` or `name` | split |
//! | `image: NAME` with `tag` or `imageTag` beside it | split |
//! | `image: REFERENCE` | whole |
//! | any other key that ends with `Image`, with a tag or digest | whole |
//!
//! Everything else is told by [`Options::paths`](crate::Options).

use oci::Selector;

use crate::error::TargetError;
use crate::find::Drafts;
use crate::options::Options;
use crate::place::{Content, SkipReason};
use crate::slot::{Slots, Split};
use crate::tree::{Id, Tree};
use crate::walk::merges;
use crate::{template, text};

pub(crate) fn find(source: &str, options: &Options, drafts: &mut Drafts) -> Result<(), TargetError> {
    let tree = match Tree::yaml(source) {
        Ok(tree) => tree,
        Err(_) if template::is_one(source) => return template::find(source, drafts),
        Err(error) => return Err(error),
    };
    // What the user tells goes first: a place is taken as it was found first.
    for id in options.paths.iter().flat_map(|pattern| tree.matches(pattern)) {
        told(&tree, id, drafts)?;
    }
    for id in tree.ids() {
        let parts = Parts::of(&tree, id);
        let is_image = parts.look_like_an_image(tree.key_of(id).is_some_and(is_image_key));
        if is_image {
            parts.add(&tree, id, drafts)?;
        }
        for (key, value) in tree.entries(id) {
            let Some(key) = tree.text(*key).filter(|key| is_image_key(key)) else { continue };
            let is_part = is_image && parts.name == Some(*value);
            let is_reference = || match tree.text(*value).map(text::whole) {
                Some(Content::Image(image)) => key == "image" || image.reference.selector != Selector::default(),
                Some(Content::Skipped { reason, .. }) => {
                    key == "image" && matches!(reason, SkipReason::Template | SkipReason::Variable)
                }
                // A template in place of a scalar.
                None => key == "image",
            };
            if !is_part && is_reference() {
                tree.whole(*value, 0, true, drafts)?;
            }
        }
    }
    Ok(())
}

/// Adds what the user says is a reference: a scalar, or a mapping of parts.
pub(crate) fn told(tree: &Tree<'_>, id: Id, drafts: &mut Drafts) -> Result<(), TargetError> {
    if tree.entries(id).is_empty() {
        return tree.whole(id, 0, true, drafts);
    }
    let parts = Parts::of(tree, id);
    if parts.name.is_some() { parts.add(tree, id, drafts) } else { Ok(()) }
}

fn is_image_key(key: &str) -> bool {
    key.len() >= 5 && key.is_char_boundary(key.len() - 5) && key[key.len() - 5..].eq_ignore_ascii_case("image")
}

/// The scalars of a mapping that could be parts of a reference.
#[derive(Default)]
struct Parts {
    registry: Option<Id>,
    name: Option<Id>,
    /// Which key the name has.
    name_key: NameKey,
    tag: Option<Id>,
    digest: Option<Id>,
    digest_is_bare: bool,
    pull_policy: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum NameKey {
    #[default]
    None,
    Name,
    Image,
    Repository,
}

impl Parts {
    fn of(tree: &Tree<'_>, id: Id) -> Self {
        let mut parts = Self::default();
        for (key, value) in tree.entries(id) {
            let (Some(key), Some(_)) = (tree.text(*key), tree.text(*value)) else { continue };
            let name_key = match key {
                "registry" => {
                    parts.registry = Some(*value);
                    continue;
                }
                "tag" | "imageTag" => {
                    parts.tag = Some(*value);
                    continue;
                }
                "digest" | "sha" => {
                    parts.digest = Some(*value);
                    parts.digest_is_bare = key == "sha";
                    continue;
                }
                "pullPolicy" | "imagePullPolicy" => {
                    parts.pull_policy = true;
                    continue;
                }
                "repository" | "repo" => NameKey::Repository,
                "image" => NameKey::Image,
                "name" => NameKey::Name,
                _ => continue,
            };
            if name_key > parts.name_key {
                parts.name = Some(*value);
                parts.name_key = name_key;
            }
        }
        parts
    }

    fn look_like_an_image(&self, is_image_key: bool) -> bool {
        let has_version = self.tag.is_some() || self.digest.is_some();
        match self.name_key {
            NameKey::None => is_image_key && has_version,
            NameKey::Name => is_image_key && (has_version || self.registry.is_some()),
            NameKey::Image => has_version || (is_image_key && self.registry.is_some()),
            NameKey::Repository => is_image_key || has_version || self.registry.is_some() || self.pull_policy,
        }
    }

    fn add(&self, tree: &Tree<'_>, id: Id, drafts: &mut Drafts) -> Result<(), TargetError> {
        let text = |part: Option<Id>| part.and_then(|id| tree.text(id)).unwrap_or_default();
        let path = tree.path(id);
        let Some(name) = self.name else {
            // The name is elsewhere; if it is merged in, what stands here changes another image than it seems.
            let Some(at) = self.tag.or(self.digest).filter(|_| merges(tree, id)) else { return Ok(()) };
            return drafts.skip(&path, tree.span(at), text(Some(at)), SkipReason::Merged);
        };
        // Without a name there is nothing: a chart that is made for a default has `repository: ""`. And the repository of
        // charts or sources is no image.
        let (registry, repository) = (text(self.registry), text(Some(name)));
        if repository.is_empty() || repository.contains("://") || repository.starts_with("git@") {
            return Ok(());
        }
        let is_alone = self.registry.is_none() && self.tag.is_none() && self.digest.is_none();
        // `image: nginx:1.27` needs none of the keys beside it.
        let is_complete = || matches!(text::whole(repository), Content::Image(image) if image.reference.selector != Selector::default());
        if is_alone || (self.name_key == NameKey::Image && is_complete()) {
            return tree.whole(name, 0, true, drafts);
        }
        let joined = if registry.is_empty() { repository.to_owned() } else { format!("{registry}/{repository}") };
        let sha = text(self.digest);
        let digest = if self.digest_is_bare && !sha.is_empty() { format!("sha256:{sha}") } else { sha.to_owned() };
        let content = text::split(&joined, text(self.tag), &digest);
        let slots = self.slots(tree).map(|split| Slots::Split(Box::new(split)));
        drafts.add(&path, tree.span(name), content, slots)
    }

    fn slots(&self, tree: &Tree<'_>) -> Result<Split, SkipReason> {
        let slot = |part: Option<Id>| part.map(|id| tree.slot(id, 0)).transpose();
        Ok(Split {
            registry: slot(self.registry)?,
            name: slot(self.name)?,
            tag: slot(self.tag)?,
            digest: slot(self.digest)?,
            digest_is_bare: self.digest_is_bare,
        })
    }
}
