//! What is known of an image beyond its tag: for whom it is there, when it was made, what was said of it since.

pub(crate) mod package;

use std::cmp::Reverse;

use std::sync::Arc;

use oci::date::SECONDS_A_DAY;
use oci::mark::{self, Mark};
use oci::{Descriptor, Digest, ImageConfig, Manifest, ManifestKind, Platform, Tag, Timestamp, View, annotation};
use resolve::lock::TimeSource;
use resolve::resolution::Facts;
use store::{Referrers, Store};

use crate::context::Context;
use crate::error::OpsError;
use crate::found::{fetch, read_blob};
use crate::past::Past;
use crate::rules::{Rule, Seen};

/// Most marks of one image that are read.
const MARKS_MAX: usize = 32;
/// Images that claim to be older than this do not say when they were made: reproducible builds set the clock back.
const CREATED_MIN: i64 = 365 * SECONDS_A_DAY;

/// What has to be known of a candidate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// The platforms that are wanted; none in particular where there are none.
    pub(crate) platforms: &'a [Platform],
    /// Whether the time matters.
    pub(crate) created: bool,
    /// By what it may be refused.
    pub(crate) rules: &'a [Arc<dyn Rule>],
}

/// A candidate as it is in its repository.
#[derive(Clone, Debug)]
pub(crate) struct Examined {
    /// Its manifest; `None` when its tag names nothing.
    pub(crate) manifest: Option<Manifest>,
    /// What is known of it.
    pub(crate) facts: Facts,
}

/// Finds out what has to be known of a tag.
///
/// # Errors
/// What the store brings. A tag that names nothing is an answer.
pub(crate) async fn examine(
    context: &Context,
    store: &dyn Store,
    tag: &Tag,
    wanted: Wanted<'_>,
    past: &Past,
) -> Result<Examined, OpsError> {
    let Some(root) = past.resolve(store, tag).await? else {
        let unusable = Some(format!("its tag {tag} names nothing"));
        return Ok(Examined { manifest: None, facts: Facts { unusable, ..Facts::default() } });
    };
    let manifest = match fetch(context, store, &root).await {
        Ok(manifest) => manifest,
        Err(OpsError::NotFound { .. }) => {
            let unusable = Some(format!("its manifest {} is gone", root.digest));
            return Ok(Examined { manifest: None, facts: Facts { unusable, ..Facts::default() } });
        }
        Err(error) => return Err(error),
    };
    let (facts, said) = futures_util::future::join(
        content_facts(context, store, &manifest, !wanted.platforms.is_empty(), wanted.created),
        said(context, store, &manifest, wanted, past),
    )
    .await;
    let (found, said) = match (facts, said) {
        (Ok(found), said) => (found, said?),
        // A part of it is gone or damaged: another version may be whole.
        (Err(error), _) if error.is_lost() => {
            let unusable = Some(format!("a part of its manifest {} is gone or damaged", root.digest));
            return Ok(Examined { manifest: None, facts: Facts { unusable, ..Facts::default() } });
        }
        (Err(error), _) => return Err(error),
    };
    let created = said.created.or(found.created);
    let mut facts = Facts { platforms: found.platforms, created, ..said };
    if wanted.created {
        past.add_to(&mut facts, tag, manifest.digest());
    }
    Ok(Examined { manifest: Some(manifest), facts })
}

/// Returns when an image was made, as it says itself.
///
/// # Errors
/// What the store brings.
pub(crate) async fn created(
    context: &Context,
    store: &dyn Store,
    manifest: &Manifest,
) -> Result<Option<(i64, TimeSource)>, OpsError> {
    Ok(content_facts(context, store, manifest, false, true).await?.created)
}

async fn content_facts(
    context: &Context,
    store: &dyn Store,
    manifest: &Manifest,
    wants_platforms: bool,
    wants_created: bool,
) -> Result<Facts, OpsError> {
    let mut facts = Facts { created: annotated_time(manifest), ..Facts::default() };
    let children = manifest.children();
    let images = || children.iter().filter(|child| !child.is_buildkit_attestation());
    if manifest.kind() == ManifestKind::Index {
        let platforms: Vec<Platform> = images().filter_map(|child| child.platform.clone()).collect();
        facts.platforms = Some(platforms).filter(|platforms| !platforms.is_empty());
    }
    let is_single = manifest.kind() == ManifestKind::Image;
    let needs_config = (wants_created && facts.created.is_none()) || (wants_platforms && is_single);
    if !needs_config {
        return Ok(facts);
    }
    let image = match images().find(|child| child.manifest_kind() == Some(ManifestKind::Image)) {
        Some(child) if !is_single => Some(fetch(context, store, child).await?),
        _ => None,
    };
    let image = image.as_ref().unwrap_or(manifest);
    facts.created = facts.created.or_else(|| annotated_time(image));
    if let Some(config) = config(store, image).await? {
        facts.created = facts.created.or_else(|| configured_time(&config));
        if is_single {
            facts.platforms = config.platform().map(|platform| vec![platform]);
        }
    }
    Ok(facts)
}

/// Reads the configuration of an image; `None` where there is none that can be read.
///
/// # Errors
/// What the store brings.
pub(crate) async fn config(store: &dyn Store, image: &Manifest) -> Result<Option<ImageConfig>, OpsError> {
    let View::Image(view) = image.view() else { return Ok(None) };
    let Some(descriptor) = view.config.as_ref().filter(|config| config.media_type.is_image_config()) else {
        return Ok(None);
    };
    let limit = oci::limits::CONFIG_MAX_BYTES;
    if descriptor.size > limit as u64 {
        return Ok(None);
    }
    let bytes = read_blob(store, descriptor, limit).await?;
    Ok(bytes.and_then(|bytes| ImageConfig::parse(&bytes).ok()))
}

fn annotated_time(manifest: &Manifest) -> Option<(i64, TimeSource)> {
    let text = manifest.annotations().get(annotation::CREATED)?;
    Some((time(text)?, TimeSource::Annotation))
}

fn configured_time(config: &ImageConfig) -> Option<(i64, TimeSource)> {
    Some((time(config.created.as_deref()?)?, TimeSource::Configuration))
}

fn time(text: &str) -> Option<i64> {
    let seconds = text.parse::<Timestamp>().ok()?.seconds();
    (seconds >= CREATED_MIN).then_some(seconds)
}

/// Returns what is said of an image in artifacts about it and in what stands for them, and what the rules say to it.
async fn said(
    context: &Context,
    store: &dyn Store,
    manifest: &Manifest,
    wanted: Wanted<'_>,
    past: &Past,
) -> Result<Facts, OpsError> {
    let referrers = referrers(store, manifest.digest()).await?;
    let mut facts = marks(context, store, manifest.digest(), &referrers, past).await?;
    package::add_to(&mut facts, context, store, manifest, &referrers, wanted.platforms, past).await?;
    for rule in wanted.rules {
        let candidate = Seen { context, store, manifest, referrers: &referrers, past };
        facts.unaccepted = rule.refuse(candidate).await?;
        if facts.unaccepted.is_some() {
            break;
        }
    }
    Ok(facts)
}

/// Lists what refers to a manifest.
///
/// # Errors
/// What the store brings.
pub(crate) async fn referrers(store: &dyn Store, digest: &Digest) -> Result<Vec<Descriptor>, OpsError> {
    Ok(match store.referrers(digest, None).await? {
        Referrers::Listed(list) => list,
        Referrers::Unsupported => transfer::fallback::read(store, digest).await?,
    })
}

/// Returns what was said of an image after it was published.
///
/// # Errors
/// What the store brings.
pub(crate) async fn marked(
    context: &Context,
    store: &dyn Store,
    digest: &Digest,
    past: &Past,
) -> Result<Facts, OpsError> {
    let referrers = referrers(store, digest).await?;
    marks(context, store, digest, &referrers, past).await
}

async fn marks(
    context: &Context,
    store: &dyn Store,
    digest: &Digest,
    referrers: &[Descriptor],
    past: &Past,
) -> Result<Facts, OpsError> {
    let mut facts = Facts::default();
    let listed = newest_first(referrers, is_mark);
    if listed.len() > MARKS_MAX {
        facts.unreadable.push(format!("only the newest {MARKS_MAX} of its {} marks were read", listed.len()));
    }
    for referrer in listed.into_iter().take(MARKS_MAX) {
        let artifact = match fetch(context, store, referrer).await {
            Ok(artifact) => artifact,
            // What a stranger attaches must not keep anybody from using the image.
            Err(error) if error.is_lost() => continue,
            Err(error) => return Err(error),
        };
        // A list may name what is about something else.
        if artifact.subject().is_none_or(|subject| subject.digest != *digest) || past.is_later(&artifact) {
            continue;
        }
        // What cannot be read says nothing.
        if let Some(mark) = read_mark(store, &artifact).await? {
            apply(&mark, &mut facts);
        }
    }
    Ok(facts)
}

/// Returns some of what refers to an image, in an order that no registry decides: the newest first, and of those that do not say
/// when they were made the one with the lowest digest.
pub(crate) fn newest_first(referrers: &[Descriptor], is_wanted: impl Fn(&Descriptor) -> bool) -> Vec<&Descriptor> {
    let created = |referrer: &Descriptor| referrer.annotation(annotation::CREATED)?.parse::<Timestamp>().ok();
    let mut wanted: Vec<&Descriptor> = referrers.iter().filter(|referrer| is_wanted(referrer)).collect();
    wanted.sort_by_key(|referrer| (Reverse(created(referrer)), referrer.digest));
    wanted
}

fn is_mark(referrer: &Descriptor) -> bool {
    matches!(referrer.artifact_type.as_deref(), Some(mark::ARTIFACT_TYPE | mark::MICROSOFT_ARTIFACT_TYPE))
}

async fn read_mark(store: &dyn Store, artifact: &Manifest) -> Result<Option<Mark>, OpsError> {
    let View::Image(view) = artifact.view() else { return Ok(None) };
    if view.artifact_type.as_deref() == Some(mark::MICROSOFT_ARTIFACT_TYPE) {
        return Ok(Mark::from_microsoft(artifact.annotations()).ok());
    }
    let limit = oci::limits::MARK_MAX_BYTES;
    let Some(body) = view.layers.first().filter(|layer| layer.size <= limit as u64) else { return Ok(None) };
    match read_blob(store, body, limit).await {
        Ok(bytes) => Ok(bytes.and_then(|bytes| Mark::parse(&bytes).ok())),
        Err(error) if error.is_integrity() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Adds what a mark says. Marks come the newest first, and of two that speak of the same the newer one counts.
fn apply(mark: &Mark, facts: &mut Facts) {
    if mark.yanked {
        facts.yanked.get_or_insert_with(|| mark.reason.clone().unwrap_or_default());
    }
    if let Some(end) = mark.end_of_life {
        let end = Timestamp::from(end).seconds();
        // Of several, the last word is the latest day: life cycles are prolonged.
        facts.end_of_life = Some(facts.end_of_life.map_or(end, |known| known.max(end)));
    }
    if let Some(other) = &mark.superseded_by {
        facts.superseded_by.get_or_insert_with(|| other.to_string());
    }
}

#[cfg(test)]
mod tests {
    use oci::MediaType;

    use super::*;

    #[test]
    fn the_order_of_a_list_of_referrers_does_not_matter() {
        let referrer = |text: &str, created: Option<&str>| {
            let mut descriptor = Descriptor::of(MediaType::OCI_MANIFEST, text.as_bytes());
            let created = created.map(|created| (annotation::CREATED.to_owned(), created.to_owned()));
            descriptor.annotations.extend(created);
            descriptor
        };
        let old = referrer("old", Some("2026-01-01T00:00:00Z"));
        let new = referrer("new", Some("2026-02-01T00:00:00Z"));
        let silent = referrer("silent", None);
        let [one, other] =
            [vec![silent.clone(), old.clone(), new.clone()], vec![new.clone(), silent.clone(), old.clone()]];
        let wanted = [&new, &old, &silent];
        assert_eq!(newest_first(&one, |_| true), wanted);
        assert_eq!(newest_first(&other, |_| true), wanted);
    }
}
