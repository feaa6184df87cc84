//! An application through a network on which every request costs time.

use anyhow::Result;

use super::{Scenario, Where};
use crate::content::Content;
use crate::generate::APPLICATION_IMAGE_COUNT;
use crate::peers::{self, Depth, Place};
use crate::target;
use crate::world::{DELAY, World};

const REPOSITORY: &str = "application";
const TAG: &str = "application";

/// Brings the application to the source, with everything attached to it.
pub fn load(world: &World) -> Result<()> {
    world.load(&world.application(), TAG, REPOSITORY)
}

pub fn application(world: &mut World) -> Result<Scenario> {
    let (source, destination) = world.delayed()?;
    let from = Place::registry(source, REPOSITORY, TAG);
    let to = Place::registry(destination, REPOSITORY, TAG);
    // Every entry of that layout belongs to the application.
    let content = Content::of_layout(&world.application(), None)?;
    let delay = DELAY.as_millis();
    Ok(Scenario {
        title: format!("{APPLICATION_IMAGE_COUNT} images with artifacts, {delay} ms on connects and both ways, cold"),
        contenders: peers::copy(world, &from, &to, Depth::Everything)?,
        cold: true,
        short: false,
        expected: vec![(content, Where::Repository(REPOSITORY.to_owned()))],
        targets: vec![target::wall(1.0 / 3.0), target::wall_of_whole(1.0 / 3.0), target::PEAK],
    })
}
