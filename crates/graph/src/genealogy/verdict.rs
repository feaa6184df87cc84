//! What an image says of its base against what its layers show.

use oci::Digest;

use super::{BaseIndex, Found, KnownImage, Match, Subject};

/// What an image says of its base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// The name, as it was written.
    pub name: Option<String>,
    /// The digest of its manifest or of the index it is in: tools differ in which they write.
    pub digest: Option<Digest>,
}

/// What is to be thought of a claim, or of a base where nothing is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The layers show it.
    Proven,
    /// The image says so; what it names is not known, so nothing speaks for or against it.
    Claimed,
    /// The image says so, and the layers of what it names are not its lowest. The claim is false, or layers were merged.
    Contradicted,
}

/// What is known of an image's base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage<'a> {
    /// Of the claim if there is one, else of what was found.
    pub verdict: Verdict,
    /// What the layers show. For a claim that is not proven, what they show in its place.
    pub proof: Option<Proof<'a>>,
}

/// What the layers show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof<'a> {
    /// The number of layers that are the base's, from the bottom.
    pub layers: usize,
    /// By what they were recognised.
    pub matched: Match,
    /// Whether the image says the same.
    pub claimed: bool,
    /// The base; where several known images have its layers, all of them. At least one.
    pub images: Vec<&'a KnownImage>,
}

impl<'a> Proof<'a> {
    /// Returns the rung of the ladder of evidence: 1, 4 or 5.
    pub const fn rung(&self) -> u8 {
        match (self.claimed, self.matched) {
            (true, _) => 1,
            (false, Match::Blobs) => 4,
            (false, Match::DiffIds) => 5,
        }
    }

    /// Returns what the first of these, which are in order, shows together with those of the same height.
    fn of(found: &[Found<'a>], claimed: bool) -> Option<Self> {
        let first = found.first()?;
        let images = found.iter().map(|found| found.image).collect();
        Some(Self { layers: first.image.height(), matched: first.matched, claimed, images })
    }
}

/// Judges what an image claims of its base by the images that are known. Returns `None` when it claims nothing and nothing is
/// found.
pub fn judge<'a>(subject: &Subject<'_>, claim: Option<&Claim>, index: &'a BaseIndex) -> Option<Lineage<'a>> {
    let shown = || Proof::of(&index.find_base(subject), false);
    let Some(claim) = claim.filter(|claim| claim.digest.is_some() || claim.name.is_some()) else {
        return shown().map(|proof| Lineage { verdict: Verdict::Proven, proof: Some(proof) });
    };
    let named = named(subject, claim, index);
    // What a digest names is one image for each platform, so the layers of all that fit are the same; a name may have named others
    // before, of which the highest counts.
    let mut confirmed: Vec<Found<'_>> = named
        .iter()
        .filter_map(|&image| Some(Found { image, matched: subject.layers.begins_with(&image.layers)? }))
        .collect();
    confirmed.sort_by_key(|found| (std::cmp::Reverse(found.image.height()), found.matched));
    let height = confirmed.first().map(|found| found.image.height());
    confirmed.retain(|found| Some(found.image.height()) == height);
    if let Some(proof) = Proof::of(&confirmed, true) {
        return Some(Lineage { verdict: Verdict::Proven, proof: Some(proof) });
    }
    // What a tag names may have changed, and layers whose uncompressed digests are unknown may have been compressed anew.
    let is_refuted = claim.digest.is_some() && !named.is_empty() && subject.layers.top().is_some();
    let verdict = if is_refuted { Verdict::Contradicted } else { Verdict::Claimed };
    Some(Lineage { verdict, proof: shown() })
}

/// Returns the known images that a claim names: by digest if it has one, else by name.
fn named<'a>(subject: &Subject<'_>, claim: &Claim, index: &'a BaseIndex) -> Vec<&'a KnownImage> {
    let others = |image: &&KnownImage| image.manifest != subject.manifest;
    if let Some(digest) = claim.digest {
        // Of an index the image for another platform says nothing about this one.
        let fits = |image: &&KnownImage| image.manifest == digest || image.may_be_for(subject.platform);
        return index.named_by(&digest).filter(fits).filter(others).collect();
    }
    let Some(name) = &claim.name else { return Vec::new() };
    let is_called = |image: &&KnownImage| {
        let tag = image.tag.as_ref().map(|tag| format!("{}:{tag}", image.repository));
        tag.as_ref() == Some(name)
    };
    let fits = |image: &&KnownImage| image.may_be_for(subject.platform);
    index.images().filter(is_called).filter(fits).filter(others).collect()
}
