//! Families of images, of which it is known who was built on whom.

use graph::genealogy::{BaseIndex, History, KnownImage, LayerStack, Subject};
use oci::config::HistoryEntry;
use oci::{Digest, Platform};
use testkit::seed::Seed;

const PLATFORMS: [&str; 3] = ["linux/amd64", "linux/arm64", "linux/s390x"];

/// One image.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) manifest: Digest,
    pub(crate) index: Digest,
    pub(crate) config: Digest,
    pub(crate) platform: Platform,
    pub(crate) stack: LayerStack,
    history: History,
    /// What it was built on, as a number within the family.
    pub(crate) base: Option<usize>,
    /// Whether nothing of it is left to be recognised: its layers were merged into one.
    pub(crate) squashed: bool,
    /// The image of which it has all layers and only the configuration is its own.
    pub(crate) same_as: Option<usize>,
    /// The layers, as somebody would write them down who sees them being made.
    layers: Vec<Layer>,
    /// The steps that the configuration tells of.
    steps: Vec<HistoryEntry>,
    name: String,
}

#[derive(Clone, Debug)]
struct Layer {
    blob: Digest,
    diff_id: Digest,
}

impl Member {
    /// Returns the image as it is known from a registry.
    pub(crate) fn known(&self) -> KnownImage {
        KnownImage {
            repository: format!("registry.example/{}", self.name),
            tag: Some("1".parse().unwrap()),
            manifest: self.manifest,
            index: Some(self.index),
            config: self.config,
            platform: Some(self.platform.clone()),
            created: None,
            layers: self.stack.top().unwrap(),
            history: self.history.trail(self.stack.height()),
        }
    }

    /// Tells whether the history goes back to the lowest layer.
    pub(crate) fn tells_of_its_base(&self) -> bool {
        self.history.trail(self.stack.height()).is_some()
    }

    /// Returns the image as one whose base is looked for.
    pub(crate) fn subject(&self) -> Subject<'_> {
        Subject {
            manifest: self.manifest,
            config: Some(self.config),
            platform: Some(&self.platform),
            layers: &self.stack,
            history: &self.history,
        }
    }
}

/// Makes families from a seed.
pub(crate) struct Families {
    seed: Seed,
    /// Lowest layers that several families share, for each platform.
    distributions: Vec<Vec<Layer>>,
}

impl Families {
    pub(crate) fn new(seed: u64) -> Self {
        let mut families = Self { seed: Seed::new(seed), distributions: Vec::new() };
        families.distributions = (0..5).map(|_| (0..PLATFORMS.len()).map(|_| families.layer()).collect()).collect();
        families
    }

    /// Returns a number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> usize {
        usize::try_from(self.seed.next() % limit).unwrap()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn digest(&mut self) -> Digest {
        Digest::sha256(&self.seed.bytes(16))
    }

    fn layer(&mut self) -> Layer {
        Layer { blob: self.digest(), diff_id: self.digest() }
    }

    fn layers(&mut self, most: u64) -> Vec<Layer> {
        (0..=self.below(most)).map(|_| self.layer()).collect()
    }

    /// Returns a family: a base for one to three platforms, on some of them an image in between, and images built on these. Some of those
    /// were compressed anew, some have the layers of another and a configuration of their own, in a few of them all layers were merged,
    /// and some were built by a tool that tells of its own layers only.
    pub(crate) fn family(&mut self, number: usize) -> Vec<Member> {
        let mut family = Vec::new();
        let distribution = self.chance(40).then(|| self.below(5));
        for platform in 0..=self.below(PLATFORMS.len() as u64) {
            let mut layers: Vec<Layer> = Vec::new();
            if let Some(distribution) = distribution {
                layers.push(self.distributions[distribution][platform].clone());
            }
            layers.extend(self.layers(4));
            let mut steps = self.steps_of(&layers);
            if self.chance(50) {
                steps.push(self.step(true));
            }
            let base = self.add(&mut family, (number, platform), None, layers, steps);
            let between = self.chance(50).then(|| self.built_on(&mut family, (number, platform), base));
            for _ in 0..2 + self.below(3) {
                let below = if self.chance(60) { between.unwrap_or(base) } else { base };
                self.built_on(&mut family, (number, platform), below);
            }
        }
        family
    }

    /// Adds an image that is built on another, with layers of its own on top.
    fn built_on(&mut self, family: &mut Vec<Member>, place: (usize, usize), base: usize) -> usize {
        let (mut layers, mut steps) = (family[base].layers.clone(), family[base].steps.clone());
        match self.below(100) {
            0..2 => {
                let merged = vec![self.layer()];
                let steps = self.steps_of(&merged);
                let image = self.add(family, place, Some(base), merged, steps);
                family[image].squashed = true;
                return image;
            }
            2..17 => {
                steps.push(self.step(true));
                let image = self.add(family, place, Some(base), layers, steps);
                family[image].same_as = Some(base);
                return image;
            }
            17..32 => layers.iter_mut().for_each(|layer| layer.blob = self.digest()),
            32..37 => steps.clear(),
            _ => {}
        }
        let own = self.layers(4);
        steps.extend(self.steps_of(&own));
        layers.extend(own);
        self.add(family, place, Some(base), layers, steps)
    }

    fn steps_of(&mut self, layers: &[Layer]) -> Vec<HistoryEntry> {
        layers.iter().map(|_| self.step(false)).collect()
    }

    fn step(&mut self, empty_layer: bool) -> HistoryEntry {
        HistoryEntry { created_by: Some(self.digest().to_string()), empty_layer, ..HistoryEntry::default() }
    }

    fn add(
        &mut self,
        family: &mut Vec<Member>,
        (number, platform): (usize, usize),
        base: Option<usize>,
        layers: Vec<Layer>,
        steps: Vec<HistoryEntry>,
    ) -> usize {
        let diff_ids: Vec<Digest> = layers.iter().map(|layer| layer.diff_id).collect();
        family.push(Member {
            manifest: self.digest(),
            index: self.digest(),
            config: self.digest(),
            platform: PLATFORMS[platform].parse().unwrap(),
            stack: LayerStack::new(layers.iter().map(|layer| layer.blob), &diff_ids),
            base,
            squashed: false,
            same_as: None,
            history: History::new(&steps),
            layers,
            steps,
            name: format!("family-{number}/image-{}", family.len()),
        });
        family.len() - 1
    }
}

/// Returns the nearest ancestor that the index knows and that has fewer layers. One with as many cannot be told from its descendant.
pub(crate) fn known_ancestor(family: &[Member], image: usize, index: &BaseIndex) -> Option<usize> {
    let mut ancestor = family[image].base;
    while let Some(number) = ancestor {
        let member = &family[number];
        let is_known = index.named_by(&member.manifest).next().is_some();
        if is_known && (family[image].squashed || member.stack.height() < family[image].stack.height()) {
            return Some(number);
        }
        ancestor = member.base;
    }
    None
}

/// Tells whether a known image has the layers of something that this image was built on.
pub(crate) fn has_layers_of_an_ancestor(family: &[Member], image: usize, known: &KnownImage) -> bool {
    let mut ancestor = family[image].base;
    while let Some(number) = ancestor {
        if family[number].stack.top() == Some(known.layers) {
            return true;
        }
        ancestor = family[number].base;
    }
    false
}
