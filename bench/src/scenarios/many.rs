//! Many images of small layers, which cost requests rather than bytes.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;

use anyhow::Result;

use super::{Scenario, Where};
use crate::contender::Contender;
use crate::content::Content;
use crate::generate::{SMALL_IMAGE_COUNT, small_image_tag};
use crate::measure::Invocation;
use crate::peers::{self, Place};
use crate::target;
use crate::world::World;

/// Brings each image to a repository of its own at the source.
pub fn load(world: &World) -> Result<()> {
    (0..SMALL_IMAGE_COUNT).map(small_image_tag).try_for_each(|tag| world.load(&world.small_images(), &tag, &tag))
}

pub fn small_images(world: &mut World) -> Result<Scenario> {
    let jobs = Jobs::new(world, SMALL_IMAGE_COUNT);
    let mut contenders = peers::ours(world, &jobs.pairs)?;
    let processes = ["4", "8", "2", "1"];
    let mut skopeo = jobs.one_process_each(world, "skopeo", &processes, &peers::skopeo_command(world)?)?;
    skopeo.push(jobs.skopeo_sync(world)?);
    let mut regctl = Vec::new();
    for requests in [3, 8] {
        let command = peers::regctl_command(world, &jobs.hosts, requests)?;
        regctl.extend(jobs.one_process_each(world, "regctl", &processes, &command)?);
    }
    contenders.push(jobs.peer(world, "crane", &processes, &peers::crane_command(world)?)?);
    contenders.push(Contender::peer("skopeo", skopeo));
    contenders.push(Contender::peer("regctl", regctl));
    contenders.push(jobs.peer(world, "oras", &processes, &peers::oras_command(world, "8")?)?);
    if world.tools.find("regsync").is_some() {
        let ways = [4, 8, 2, 1].map(|parallel| jobs.regsync(world, parallel));
        contenders.push(Contender::peer("regsync", ways.into_iter().collect::<Result<_>>()?));
    }
    Ok(Scenario {
        title: format!("{SMALL_IMAGE_COUNT} images of 8 small layers each, registry to registry, cold"),
        contenders,
        cold: true,
        short: false,
        expected: jobs.expected(world)?,
        targets: vec![target::wall(0.9), target::cpu(0.6), target::PEAK],
    })
}

/// Copies of several small images.
pub struct Jobs {
    pub pairs: Vec<(Place, Place)>,
    tags: Vec<String>,
    pub hosts: [SocketAddr; 2],
}

impl Jobs {
    /// Returns the copies of the first `count` images from the source to the destination.
    pub fn new(world: &World, count: usize) -> Self {
        let hosts = [world.source.address(), world.destination.address()];
        let tags: Vec<String> = (0..count).map(small_image_tag).collect();
        let pair = |tag: &String| (Place::registry(hosts[0], tag, tag), Place::registry(hosts[1], tag, tag));
        Self { pairs: tags.iter().map(pair).collect(), tags, hosts }
    }

    /// Returns what must be there afterwards.
    pub fn expected(&self, world: &World) -> Result<Vec<(Content, Where)>> {
        let layout = world.small_images();
        let content = |tag: &String| Ok((Content::of_layout(&layout, Some(tag))?, Where::Repository(tag.clone())));
        self.tags.iter().map(content).collect()
    }

    /// A peer that copies one image in a process, so many of them at once.
    pub fn peer(&self, world: &World, name: &str, processes: &[&str], command: &Invocation) -> Result<Contender> {
        Ok(Contender::peer(name, self.one_process_each(world, name, processes, command)?))
    }

    /// One process for each image, so many of them at once.
    pub fn one_process_each(
        &self,
        world: &World,
        name: &str,
        processes: &[&str],
        command: &Invocation,
    ) -> Result<Vec<Invocation>> {
        let prefix = if name == "skopeo" { "docker://" } else { "" };
        let list = peers::list(world, &format!("{name}.list"), &self.pairs, prefix, "")?;
        let way = |processes: &&str| {
            let mut way = Invocation::new(["xargs", "-a", &list, "-n", "2", "-P", processes]);
            way.command.extend(command.command.iter().cloned());
            way.environment.clone_from(&command.environment);
            way
        };
        Ok(processes.iter().map(way).collect())
    }

    /// Skopeo's way to copy many images in one process.
    fn skopeo_sync(&self, world: &World) -> Result<Invocation> {
        let [source, destination] = self.hosts;
        let mut text = format!("{source}:\n  tls-verify: false\n  images:\n");
        for tag in &self.tags {
            writeln!(text, "    {tag}: [\"{tag}\"]")?;
        }
        let path = world.file("skopeo-sync.yml");
        fs::write(&path, text)?;
        let program = world.tools.path("skopeo")?;
        let options = ["--insecure-policy", "sync", "--src", "yaml", "--dest", "docker", "--dest-tls-verify=false"];
        let command = Invocation::new([program]).with(&options);
        Ok(command.with(&[&path.display().to_string(), &destination.to_string()]))
    }

    /// regclient's way to copy many images in one process.
    fn regsync(&self, world: &World, parallel: usize) -> Result<Invocation> {
        let mut text = "version: 1\ncreds:\n".to_owned();
        for host in self.hosts {
            writeln!(text, "  - registry: \"{host}\"\n    tls: disabled\n    reqConcurrent: 8")?;
        }
        writeln!(text, "defaults:\n  parallel: {parallel}\nsync:")?;
        let [source, destination] = self.hosts;
        for tag in &self.tags {
            let image = format!("{tag}:{tag}");
            writeln!(text, "  - source: {source}/{image}\n    target: {destination}/{image}\n    type: image")?;
        }
        let path = world.file(&format!("regsync-{parallel}.yml"));
        fs::write(&path, text)?;
        let program = world.tools.path("regsync")?;
        Ok(Invocation::new([&program, "once", "--config", &path.display().to_string()]))
    }
}
