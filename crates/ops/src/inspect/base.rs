//! On what an image was built: what it claims, and what its layers show.

use std::collections::BTreeMap;
use std::sync::Arc;

use graph::KnownImage;
use graph::genealogy::{Claim, History, Match, Subject, Verdict, judge};
use oci::{Digest, Platform, Reference, RegistryReference, Selector, annotation};
use store::Store;

use super::fact::Evidence;
use super::image::ReadImage;
use super::origin::{Origin, Words};
use crate::context::Context;
use crate::error::{ErrorKind, OpsError};
use crate::genealogy::{Memory, layers, whole_images};

/// On what an image was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseReport {
    /// Of the claim if there is one, else of what was found.
    pub verdict: Verdict,
    /// What the image says.
    pub claim: Option<BaseClaim>,
    /// What the layers show. For a claim that is not proven, what they show in its place.
    pub proof: Option<BaseProof>,
    /// Why a claim was neither proven nor contradicted.
    pub unchecked: Option<String>,
}

/// What an image says of its base.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BaseClaim {
    /// The name, as it was written.
    pub name: Option<String>,
    /// The digest of its manifest, or of the index that it is in. One that cannot be read is none.
    pub digest: Option<Digest>,
    /// Where it is written.
    pub evidence: Evidence,
}

/// What the layers show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseProof {
    /// The rung of the ladder of evidence: 1 for a claim that the layers confirm, 4 for stored layers, 5 for uncompressed ones.
    pub rung: u8,
    /// By what the layers were recognised.
    pub matched: Match,
    /// How many of the lowest layers are the base's.
    pub layers: usize,
    /// The base; where several known images have its layers and nothing tells them apart, all of them.
    pub images: Vec<KnownImage>,
}

/// Returns what is said of the base in the first place that says anything.
pub(super) fn claim(origins: &[Origin<'_>]) -> Option<BaseClaim> {
    origins.iter().find_map(|origin| {
        let Words::Map(map) = origin.words else { return None };
        // Builders write empty text for an image that was built on nothing.
        let stated = |key: &str| map.get(key).filter(|text| !text.is_empty());
        let name = stated(annotation::BASE_NAME).cloned();
        let digest = stated(annotation::BASE_DIGEST).and_then(|digest| digest.parse().ok());
        (name.is_some() || digest.is_some()).then_some(BaseClaim { name, digest, evidence: origin.evidence })
    })
}

/// Looks for what claims name, so that they can be judged. What is found is learnt.
pub(super) struct Bases<'a> {
    pub(super) context: &'a Context,
    /// The place of the images whose bases are looked for.
    pub(super) place: &'a Reference,
    pub(super) store: &'a Arc<dyn Store>,
    pub(super) memory: &'a mut Memory,
    /// Why a claim could not be checked, so that each is looked for once.
    pub(super) unchecked: BTreeMap<BaseClaim, Option<String>>,
}

impl Bases<'_> {
    /// Learns the images of an index, or one image, that a user names as the base.
    pub(super) async fn learn(&mut self, base: &Reference, platforms: &[Platform]) -> Result<(), OpsError> {
        let store = self.context.open_source(base).await?;
        let images = whole_images(self.context, &*store, base, platforms).await?;
        self.memory.learn(images);
        Ok(())
    }

    /// Judges what an image claims.
    pub(super) async fn judge(&mut self, image: &ReadImage, claim: Option<BaseClaim>) -> Option<BaseReport> {
        let layers = layers(image.manifest.layers(), image.config.as_ref());
        let history = image.config.as_ref().map_or_else(History::default, |config| History::new(&config.history));
        let subject = Subject {
            manifest: *image.manifest.digest(),
            config: image.manifest.config().map(|config| config.digest),
            platform: image.platform.as_ref(),
            layers: &layers,
            history: &history,
        };
        self.judge_subject(&subject, claim).await
    }

    /// As [`Bases::judge`], for an image of which only so much is known.
    pub(super) async fn judge_subject(
        &mut self,
        subject: &Subject<'_>,
        claim: Option<BaseClaim>,
    ) -> Option<BaseReport> {
        let mut unchecked = None;
        if let Some(claim) = &claim {
            unchecked = self.look_for(claim, subject.platform).await;
        }
        let claimed = claim.as_ref().map(|claim| Claim { name: claim.name.clone(), digest: claim.digest });
        let lineage = judge(subject, claimed.as_ref(), self.memory.index())?;
        let proof = lineage.proof.map(|proof| BaseProof {
            rung: proof.rung(),
            matched: proof.matched,
            layers: proof.layers,
            images: proof.images.into_iter().cloned().collect(),
        });
        let unchecked = unchecked.filter(|_| lineage.verdict == Verdict::Claimed);
        Some(BaseReport { verdict: lineage.verdict, claim, proof, unchecked })
    }

    /// Learns what a claim names, if it is not known and lies where we are anyway. Returns why it could not be learnt.
    async fn look_for(&mut self, claim: &BaseClaim, platform: Option<&Platform>) -> Option<String> {
        let is_known = claim.digest.is_some_and(|digest| {
            let mut named = self.memory.index().named_by(&digest);
            named.any(|image| image.manifest == digest || image.platform.as_ref() == platform)
        });
        if is_known {
            return None;
        }
        if let Some(why) = self.unchecked.get(claim) {
            return why.clone();
        }
        let platforms: Vec<Platform> = platform.into_iter().cloned().collect();
        let (place, store) = match self.place_of(claim).await {
            Ok(place) => place,
            Err(why) => return Some(why),
        };
        let location = store.location().to_owned();
        let why = match whole_images(self.context, &*store, &place, &platforms).await {
            Ok(images) if images.is_empty() => Some(format!("not whole in {location}")),
            Ok(images) => {
                self.memory.learn(images);
                None
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Some(format!("not in {location}")),
            // That the base is not to be had says nothing about the image that was asked for.
            Err(error) => Some(error.to_string()),
        };
        // An index is looked into for each platform.
        if why.is_some() {
            self.unchecked.insert(claim.clone(), why.clone());
        }
        why
    }

    /// Returns where the claimed base is, if looking there surprises nobody: in the same layout or archive, or in the same registry.
    async fn place_of(&self, claim: &BaseClaim) -> Result<(Reference, Arc<dyn Store>), String> {
        let name = claim.name.as_ref().and_then(|name| name.parse::<RegistryReference>().ok());
        match (self.place, name) {
            (Reference::Registry(here), Some(name)) if here.host == name.host => {
                let selector = match claim.digest {
                    Some(digest) => Selector { tag: None, digest: Some(digest) },
                    None => name.selector.clone(),
                };
                let place = Reference::Registry(RegistryReference { selector, ..name });
                let store = self.context.open_source(&place).await.map_err(|error| error.to_string())?;
                Ok((place, store))
            }
            (Reference::Registry(_), Some(name)) => Err(format!("{} was not asked", name.host)),
            (Reference::Registry(_), None) => Err("its name does not say where it is".to_owned()),
            (here, _) => match claim.digest {
                Some(digest) => {
                    let place = here.with_selector(Selector { tag: None, digest: Some(digest) });
                    Ok((place, Arc::clone(self.store)))
                }
                None => Err("nothing says which image had that name".to_owned()),
            },
        }
    }
}
