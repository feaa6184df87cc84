//! How each program is told to copy. Where a program has a setting for how much happens at once, several are given, and
//! the fastest takes part.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, bail};
use serde_json::json;

use crate::contender::Contender;
use crate::measure::Invocation;
use crate::world::World;

/// One end of a copy.
#[derive(Clone, Debug)]
pub enum Place {
    Registry { address: SocketAddr, repository: String, tag: String },
    Layout { path: PathBuf, tag: String },
}

/// How much of a graph is to be carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The image.
    Image,
    /// An index with all it contains, and what is attached to any of it. Programs that cannot do that do what they can.
    Everything,
}

impl Place {
    /// Returns an image of a registry.
    pub fn registry(address: SocketAddr, repository: &str, tag: &str) -> Self {
        Self::Registry { address, repository: repository.to_owned(), tag: tag.to_owned() }
    }

    /// Returns an image of a layout.
    pub fn layout(path: PathBuf, tag: &str) -> Self {
        Self::Layout { path, tag: tag.to_owned() }
    }

    /// Returns its name in the form of most programs, with the prefixes by which one knows registries and layouts.
    fn name(&self, registry: &str, layout: &str) -> String {
        match self {
            Self::Registry { address, repository, tag } => format!("{registry}{address}/{repository}:{tag}"),
            Self::Layout { path, tag } => format!("{layout}{}:{tag}", path.display()),
        }
    }
}

/// Returns every contender for one copy: supercargo, if it was given, and the peers.
pub fn copy(world: &World, from: &Place, to: &Place, depth: Depth) -> Result<Vec<Contender>> {
    let pairs = [(from.clone(), to.clone())];
    let mut contenders = ours(world, &pairs)?;
    contenders.push(Contender::peer("crane", crane(world, from, to)?));
    contenders.push(Contender::peer("skopeo", vec![skopeo(world, from, to, depth)?]));
    contenders.push(Contender::peer("regctl", regctl(world, from, to, depth)?));
    contenders.push(Contender::peer("oras", oras(world, from, to, depth)?));
    Ok(contenders)
}

/// Returns supercargo as the only contender, or nobody if it was not given. More than one copy is read from a file.
pub fn ours(world: &World, pairs: &[(Place, Place)]) -> Result<Vec<Contender>> {
    let Some(tool) = world.tools.find("supercargo") else { return Ok(Vec::new()) };
    let mut way = supercargo(world, &tool.path.display().to_string(), "copy");
    if let [(from, to)] = pairs {
        way = way.with(&[&from.name("", "oci:"), &to.name("", "oci:")]);
    } else {
        way = way.with(&["--from-file", &list(world, "supercargo.list", pairs, "", "oci:")?]);
    }
    Ok(vec![Contender::ours(way)])
}

/// Returns a command of supercargo, with a content store that a reset removes.
pub fn supercargo(world: &World, program: &str, command: &str) -> Invocation {
    let store = world.store().display().to_string();
    Invocation::new([program, command, "--progress", "none"]).env("SUPERCARGO_STORE", store)
}

/// Writes a file with two names on each line and returns its path.
pub fn list(world: &World, name: &str, pairs: &[(Place, Place)], registry: &str, layout: &str) -> Result<String> {
    let line = |(from, to): &(Place, Place)| format!("{} {}\n", from.name(registry, layout), to.name(registry, layout));
    let path = world.file(name);
    fs::write(&path, pairs.iter().map(line).collect::<String>())?;
    Ok(path.display().to_string())
}

fn crane(world: &World, from: &Place, to: &Place) -> Result<Vec<Invocation>> {
    let program = world.tools.path("crane")?;
    let command = |verb: &str| Invocation::new([&program, verb, "--insecure"]);
    Ok(match (from, to) {
        (Place::Registry { .. }, Place::Registry { .. }) => {
            let (from, to) = (from.name("", ""), to.name("", ""));
            let jobs = ["8", "32", "4", "2"];
            jobs.map(|jobs| command("copy").with(&["--jobs", jobs, &from, &to])).to_vec()
        }
        (Place::Layout { path, .. }, Place::Registry { .. }) => {
            vec![command("push").with(&[&path.display().to_string(), &to.name("", "")])]
        }
        (Place::Registry { .. }, Place::Layout { path, .. }) => {
            vec![command("pull").with(&["--format=oci", &from.name("", ""), &path.display().to_string()])]
        }
        (Place::Layout { .. }, Place::Layout { .. }) => bail!("crane does not copy layouts"),
    })
}

fn skopeo(world: &World, from: &Place, to: &Place, depth: Depth) -> Result<Invocation> {
    let command = skopeo_command(world)?;
    let command = if depth == Depth::Everything { command.with(&["--all"]) } else { command };
    Ok(command.with(&[&from.name("docker://", "oci:"), &to.name("docker://", "oci:")]))
}

/// The beginning of a command that copies with skopeo, which has no setting for how much happens at once.
pub fn skopeo_command(world: &World) -> Result<Invocation> {
    let program = world.tools.path("skopeo")?;
    let options = ["--insecure-policy", "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false"];
    Ok(Invocation::new([program.as_str()]).with(&options))
}

fn regctl(world: &World, from: &Place, to: &Place, depth: Depth) -> Result<Vec<Invocation>> {
    let hosts: Vec<SocketAddr> = [from, to].into_iter().filter_map(address).collect();
    let (from, to) = (from.name("", "ocidir://"), to.name("", "ocidir://"));
    let mut ways = Vec::new();
    for requests in [8, 32, 3] {
        let command = regctl_command(world, &hosts, requests)?;
        let everything: &[&str] = if depth == Depth::Everything { &["--referrers", "--digest-tags"] } else { &[] };
        ways.push(command.with(everything).with(&[&from, &to]));
    }
    Ok(ways)
}

/// The beginning of a command that copies with regctl and has so many requests under way to each host.
pub fn regctl_command(world: &World, hosts: &[SocketAddr], requests: usize) -> Result<Invocation> {
    let program = world.tools.path("regctl")?;
    let host = |address: &SocketAddr| {
        let host = address.to_string();
        (host.clone(), json!({"tls": "disabled", "hostname": host, "reqConcurrent": requests}))
    };
    let hosts: serde_json::Map<_, _> = hosts.iter().map(host).collect();
    let path = world.file(&format!("regctl-{requests}.json"));
    fs::write(&path, json!({"hosts": hosts}).to_string())?;
    Ok(Invocation::new([&program, "image", "copy"]).env("REGCTL_CONFIG", path.display().to_string()))
}

fn oras(world: &World, from: &Place, to: &Place, depth: Depth) -> Result<Vec<Invocation>> {
    let (from, to) = (from.name("", "oci:"), to.name("", "oci:"));
    let way = |concurrency: &&str| {
        let command = oras_command(world, concurrency)?;
        let everything: &[&str] = if depth == Depth::Everything { &["--recursive"] } else { &[] };
        Ok(command.with(everything).with(&[&from, &to]))
    };
    ["8", "32", "3", "1"].iter().map(way).collect()
}

/// The beginning of a command that copies with the oras library.
pub fn oras_command(world: &World, concurrency: &str) -> Result<Invocation> {
    let program = world.tools.path("orascopy")?;
    Ok(Invocation::new([&program, "--plain-http", "--concurrency", concurrency]))
}

/// The beginning of a command that copies with crane.
pub fn crane_command(world: &World) -> Result<Invocation> {
    Ok(Invocation::new([world.tools.path("crane")?.as_str(), "copy", "--insecure"]))
}

const fn address(place: &Place) -> Option<SocketAddr> {
    match place {
        Place::Registry { address, .. } => Some(*address),
        Place::Layout { .. } => None,
    }
}
