//! Commands that need no network: what it costs to start.

use anyhow::{Context, Result};

use super::Scenario;
use crate::contender::Contender;
use crate::measure::Invocation;
use crate::peers;
use crate::target;
use crate::world::{LARGE_TAG, World};

/// Most time such a command may take, in microseconds.
const START: u64 = 10_000;

pub fn version(world: &mut World) -> Result<Scenario> {
    let crane = Invocation::new([world.tools.path("crane")?.as_str(), "version"]);
    let ours = |program: &str| Invocation::new([program, "--version"]);
    scenario(world, "the version", Contender::beside("crane version", vec![crane]), ours)
}

pub fn inspect(world: &mut World) -> Result<Scenario> {
    let image = format!("oci:{}:{LARGE_TAG}", world.large().display());
    let skopeo = Invocation::new([world.tools.path("skopeo")?.as_str(), "inspect", &image]);
    let ours = |program: &str| peers::supercargo(world, program, "inspect").with(&[&image]);
    scenario(world, "inspect an image of a layout", Contender::beside("skopeo inspect", vec![skopeo]), ours)
}

fn scenario(world: &World, title: &str, beside: Contender, ours: impl FnOnce(&str) -> Invocation) -> Result<Scenario> {
    let tool = world.tools.find("supercargo").context("there is nothing to compare without supercargo")?;
    Ok(Scenario {
        title: title.to_owned(),
        contenders: vec![Contender::ours(ours(&tool.path.display().to_string())), beside],
        cold: false,
        short: true,
        expected: Vec::new(),
        targets: vec![target::wall_at_most(START), target::PEAK],
    })
}
