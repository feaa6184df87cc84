//! One name for a stack of layers (image-spec, "Layer ChainID").

use std::fmt;
use std::str::FromStr;

use crate::digest::{Digest, DigestError};

/// The name of a stack of layers: the digest of all of them in their order, bottom first.
///
/// Two stacks of one name hold the same layers in the same order. The specification leaves the algorithm open; every
/// implementation takes sha256, whatever names the layers, and so does this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(Digest);

impl ChainId {
    /// Returns the name of a single layer.
    pub const fn bottom(layer: Digest) -> Self {
        Self(layer)
    }

    /// Returns the name of this stack with a layer on top.
    #[must_use]
    pub fn with(self, layer: &Digest) -> Self {
        Self(Digest::sha256(format!("{} {layer}", self.0).as_bytes()))
    }

    /// Returns the name of a stack; no layers have none.
    pub fn of(layers: &[Digest]) -> Option<Self> {
        Self::prefixes(layers).last()
    }

    /// Returns the names of the lowest layer, of the lowest two, and so on up to all of them.
    pub fn prefixes(layers: &[Digest]) -> impl Iterator<Item = Self> {
        layers.iter().scan(None, |below: &mut Option<Self>, layer| {
            let chain = below.map_or(Self::bottom(*layer), |below| below.with(layer));
            *below = Some(chain);
            *below
        })
    }

    /// Returns the digest that the name is.
    pub const fn digest(&self) -> &Digest {
        &self.0
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ChainId {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}
