//! Images that are at the destination already, as they are most of the time.

use anyhow::Result;

use super::large::REPOSITORY;
use super::many::Jobs;
use super::{Scenario, Where};
use crate::contender::Contender;
use crate::content::Content;
use crate::peers::{self, Depth, Place};
use crate::target;
use crate::world::{LARGE_TAG, World};

/// Images of the scenario with many.
const COUNT: usize = 20;

pub fn one(world: &mut World) -> Result<Scenario> {
    let from = Place::registry(world.source.address(), REPOSITORY, LARGE_TAG);
    let to = Place::registry(world.destination.address(), REPOSITORY, LARGE_TAG);
    let content = Content::of_layout(&world.large(), Some(LARGE_TAG))?;
    Ok(Scenario {
        title: "one unchanged image, registry to registry".to_owned(),
        contenders: peers::copy(world, &from, &to, Depth::Image)?,
        cold: false,
        short: true,
        expected: vec![(content, Where::Repository(REPOSITORY.to_owned()))],
        targets: vec![target::wall(1.0), target::PEAK],
    })
}

pub fn twenty(world: &mut World) -> Result<Scenario> {
    let jobs = Jobs::new(world, COUNT);
    let mut contenders = peers::ours(world, &jobs.pairs)?;
    let commands = [
        ("crane", peers::crane_command(world)?),
        ("skopeo", peers::skopeo_command(world)?),
        ("regctl", peers::regctl_command(world, &jobs.hosts, 3)?),
        ("oras", peers::oras_command(world, "3")?),
    ];
    for (name, command) in commands {
        contenders.push(jobs.peer(world, name, &["1"], &command)?);
        let at_once = jobs.one_process_each(world, name, &["2", "4", "8"], &command)?;
        contenders.push(Contender::beside(&format!("{name}, several at once"), at_once));
    }
    Ok(Scenario {
        title: format!("{COUNT} unchanged images, registry to registry; one run of a peer for each"),
        contenders,
        cold: false,
        short: true,
        expected: jobs.expected(world)?,
        targets: vec![target::wall(1.0 / 3.0), target::PEAK],
    })
}
