//! What is compared.
//!
//! | scenario | what |
//! |---|---|
//! | `large-registry-to-registry`, `large-layout-to-registry`, `large-registry-to-layout` | the largest Debian image, cold |
//! | `small-images` | thirty images of eight small layers, registry to registry, cold |
//! | `application-delayed` | an application of twenty images with its artifacts through a delay, cold |
//! | `unchanged-one`, `unchanged-twenty` | images that are at the destination already |
//! | `outdated-warm`, `outdated-cold` | what is newer than what a project has locked, through a delay |
//! | `offline-tree`, `offline-why` | what reads only the lock |
//! | `start-version`, `start-inspect` | commands that need no network |

mod delayed;
mod fresh;
mod large;
mod many;
mod start;
mod unchanged;

use std::path::PathBuf;

use anyhow::Result;

use crate::contender::Contender;
use crate::content::{Carried, Content};
use crate::target::Target;
use crate::world::World;

/// A job that contenders do, and what it takes to say that they have done it.
pub struct Scenario {
    pub title: String,
    pub contenders: Vec<Contender>,
    /// Each run finds an empty destination and an empty content store. Otherwise it finds what the one before has left.
    pub cold: bool,
    /// A run is so short that many of them are made.
    pub short: bool,
    /// What must be where when a contender has done its job.
    pub expected: Vec<(Content, Where)>,
    pub targets: Vec<Target>,
}

/// Where content is expected.
pub enum Where {
    /// In a repository of the destination.
    Repository(String),
    /// In a layout.
    Layout(PathBuf),
}

impl Scenario {
    /// Counts what should be there.
    pub fn expected_count(&self) -> Carried {
        let mut all = Carried::default();
        for (content, _) in &self.expected {
            all += content.count();
        }
        all
    }

    /// Counts what of it is there.
    pub fn carried(&self, world: &World) -> Result<Carried> {
        let mut all = Carried::default();
        for (content, place) in &self.expected {
            all += match place {
                Where::Repository(name) => content.in_repository(&world.destination, name)?,
                Where::Layout(path) => content.in_layout(path),
            };
        }
        Ok(all)
    }
}

/// Makes a scenario. The source holds the corpus by then, and the destination is empty.
pub type Make = fn(&mut World) -> Result<Scenario>;

/// Every scenario by its name, in the order in which they run.
pub const ALL: [(&str, Make); 13] = [
    ("large-registry-to-registry", large::registry_to_registry),
    ("large-layout-to-registry", large::layout_to_registry),
    ("large-registry-to-layout", large::registry_to_layout),
    ("small-images", many::small_images),
    ("application-delayed", delayed::application),
    ("unchanged-one", unchanged::one),
    ("unchanged-twenty", unchanged::twenty),
    ("outdated-warm", fresh::warm),
    ("outdated-cold", fresh::cold),
    ("offline-tree", fresh::tree),
    ("offline-why", fresh::why),
    ("start-version", start::version),
    ("start-inspect", start::inspect),
];

/// Brings the corpus to the source.
pub fn load(world: &World) -> Result<()> {
    large::load(world)?;
    many::load(world)?;
    delayed::load(world)
}
