//! One image of few and large layers.

use std::path::Path;

use anyhow::Result;

use super::{Scenario, Where};
use crate::contender::Contender;
use crate::content::Content;
use crate::measure::Invocation;
use crate::peers::{self, Depth, Place};
use crate::target::{self, Target};
use crate::world::{LARGE_TAG, World};

/// The repository of the image at both ends.
pub const REPOSITORY: &str = "large";

/// Most time of the processors, as part of the best peer's, where both must hash.
const CPU_WITH_HASHING: f64 = 0.85;

/// Brings the image to the source.
pub fn load(world: &World) -> Result<()> {
    world.load(&world.large(), LARGE_TAG, REPOSITORY)
}

pub fn registry_to_registry(world: &mut World) -> Result<Scenario> {
    let from = Place::registry(world.source.address(), REPOSITORY, LARGE_TAG);
    let to = Place::registry(world.destination.address(), REPOSITORY, LARGE_TAG);
    let targets = vec![target::wall(1.0), target::cpu(1.0), target::PEAK];
    scenario(world, "registry to registry", &from, &to, targets)
}

pub fn layout_to_registry(world: &mut World) -> Result<Scenario> {
    let from = Place::layout(world.large(), LARGE_TAG);
    let to = Place::registry(world.destination.address(), REPOSITORY, LARGE_TAG);
    let targets = vec![target::wall(1.0), target::cpu(1.0), target::PEAK];
    scenario(world, "layout to registry", &from, &to, targets)
}

pub fn registry_to_layout(world: &mut World) -> Result<Scenario> {
    let from = Place::registry(world.source.address(), REPOSITORY, LARGE_TAG);
    let to = Place::layout(world.output(), LARGE_TAG);
    scenario(world, "registry to layout", &from, &to, vec![target::cpu(CPU_WITH_HASHING), target::PEAK])
}

fn scenario(world: &World, direction: &str, from: &Place, to: &Place, targets: Vec<Target>) -> Result<Scenario> {
    let layout = world.large();
    let content = Content::of_layout(&layout, Some(LARGE_TAG))?;
    let bytes = content.blob_bytes(&layout)?;
    let mut contenders = peers::copy(world, from, to, Depth::Image)?;
    contenders.extend(hashing(&content, &layout)?);
    let place = match to {
        Place::Registry { repository, .. } => Where::Repository(repository.clone()),
        Place::Layout { path, .. } => Where::Layout(path.clone()),
    };
    Ok(Scenario {
        title: format!("one image of {:.1} MB, {direction}, cold", crate::report::megabytes(bytes)),
        contenders,
        cold: true,
        short: false,
        expected: vec![(content, place)],
        targets,
    })
}

/// The cost of hashing the same bytes: with our code, and with a program that everybody has.
fn hashing(content: &Content, layout: &Path) -> Result<Vec<Contender>> {
    let files: Vec<String> = content.blob_files(layout).iter().map(|path| path.display().to_string()).collect();
    let ours = std::env::current_exe()?.display().to_string();
    let alone = |name: &str, command: &[&str]| {
        let words = command.iter().map(|&word| word.to_owned()).chain(files.iter().cloned());
        Contender::beside(name, vec![Invocation::new(words)])
    };
    Ok(vec![alone("only hashing, our code", &[&ours, "hash"]), alone("only hashing, sha256sum", &["sha256sum"])])
}
