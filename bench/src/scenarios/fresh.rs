//! Whether anything is newer than what is locked, and commands that only read the lock.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::Scenario;
use crate::contender::Contender;
use crate::measure::Invocation;
use crate::peers;
use crate::releases::{self, Release};
use crate::target;
use crate::world::World;

/// Images of the project.
const IMAGES: usize = 20;
/// Releases of each when the project was locked, and since then.
const RELEASES: usize = 90;
const LATER_RELEASES: usize = 10;

/// Most time with what earlier runs have left, without it, and for what asks nobody; in microseconds.
const WARM: u64 = 500_000;
const COLD: u64 = 1_500_000;
const OFFLINE: u64 = 15_000;

pub fn warm(world: &mut World) -> Result<Scenario> {
    outdated(world, false)
}

pub fn cold(world: &mut World) -> Result<Scenario> {
    outdated(world, true)
}

pub fn tree(world: &mut World) -> Result<Scenario> {
    offline(world, "the tree of a locked project", &["tree"])
}

pub fn why(world: &mut World) -> Result<Scenario> {
    offline(world, "why an image is locked as it is", &["why", "release-07"])
}

fn outdated(world: &mut World, cold: bool) -> Result<Scenario> {
    let project = Project::new(world)?;
    let (found, limit) = if cold { ("nothing remembered", COLD) } else { ("with what is remembered", WARM) };
    Ok(Scenario {
        title: format!("what is newer, of {IMAGES} images with 100 releases each, 80 ms away, {found}"),
        contenders: vec![
            Contender::ours(project.command(world, &["outdated"])?),
            Contender::peer("crane", project.crane(world)?),
            Contender::peer("regctl", project.regctl(world)?),
        ],
        cold,
        short: false,
        expected: Vec::new(),
        targets: vec![target::wall_at_most(limit), target::wall(1.0), target::cpu(1.0), target::PEAK],
    })
}

fn offline(world: &mut World, title: &str, words: &[&str]) -> Result<Scenario> {
    let project = Project::new(world)?;
    Ok(Scenario {
        title: title.to_owned(),
        contenders: vec![Contender::ours(project.command(world, words)?)],
        cold: false,
        short: true,
        expected: Vec::new(),
        targets: vec![target::wall_at_most(OFFLINE), target::PEAK],
    })
}

/// A project whose images lie behind the delay of the source.
struct Project {
    file: PathBuf,
    /// A repository and the tag that is locked on each line.
    list: PathBuf,
    host: String,
}

impl Project {
    /// Publishes releases, locks, and publishes more.
    fn new(world: &mut World) -> Result<Self> {
        let host = world.delayed()?.0.to_string();
        let directory = world.file("project");
        fs::create_dir_all(&directory)?;
        let project = Self { file: directory.join("Supercargo.toml"), list: world.file("releases.list"), host };
        if project.file.exists() {
            return Ok(project);
        }
        let mut text = "[project]\nname = \"application\"\n\n[images]\n".to_owned();
        let mut list = String::new();
        for image in 0..IMAGES {
            let repository = format!("release-{image:02}");
            releases::publish(&world.source, &repository, 0..RELEASES)?;
            writeln!(text, "{repository} = {{ repo = \"{}/{repository}\", version = \"^1\" }}", project.host)?;
            writeln!(list, "{}/{repository} {}", project.host, Release(RELEASES - 1).tag())?;
        }
        fs::write(&project.file, text)?;
        fs::write(&project.list, list)?;
        let lock = project.command(world, &["lock"])?;
        let (program, words) = lock.command.split_first().context("no command")?;
        let mut command = Command::new(program);
        command.args(words).envs(lock.environment).env("HOME", world.home());
        ensure!(command.status()?.success(), "the project cannot be locked");
        for image in 0..IMAGES {
            let later = RELEASES..RELEASES + LATER_RELEASES;
            releases::publish(&world.source, &format!("release-{image:02}"), later)?;
        }
        Ok(project)
    }

    fn command(&self, world: &World, words: &[&str]) -> Result<Invocation> {
        let program = world.tools.path("supercargo")?;
        let (verb, rest) = words.split_first().context("no command")?;
        let project = self.file.display().to_string();
        Ok(peers::supercargo(world, &program, verb).with(rest).with(&["--plain-http", "--project", &project]))
    }

    fn crane(&self, world: &World) -> Result<Vec<Invocation>> {
        let crane = world.tools.path("crane")?;
        self.script(world, "crane", &format!("{crane} ls --insecure"), &format!("{crane} digest --insecure"))
    }

    fn regctl(&self, world: &World) -> Result<Vec<Invocation>> {
        let hosts = [self.host.parse()?];
        let copy = peers::regctl_command(world, &hosts, 8)?;
        let program = copy.command.first().context("no program")?;
        let ways = self.script(world, "regctl", &format!("{program} tag ls"), &format!("{program} manifest head"))?;
        let with = |mut way: Invocation| {
            way.environment.clone_from(&copy.environment);
            way
        };
        Ok(ways.into_iter().map(with).collect())
    }

    /// The same job with a program that lists tags and names digests: the newest release, and what the locked tag names
    /// now; so many images at once.
    fn script(&self, world: &World, name: &str, list: &str, digest: &str) -> Result<Vec<Invocation>> {
        let path = world.file(&format!("outdated-{name}.sh"));
        let newest = r"grep -E '^1\.[0-9]+\.[0-9]+$' | sort -V | tail -n 1";
        let text =
            format!("newest=$({list} \"$1\" | {newest})\nnow=$({digest} \"$1:$2\")\necho \"$1 $2 $newest $now\"\n");
        fs::write(&path, text)?;
        let (path, list) = (path.display().to_string(), self.list.display().to_string());
        let way = |at_once| Invocation::new(["xargs", "-a", &list, "-n", "2", "-P", at_once, "sh", "-e", &path]);
        Ok(["20", "8", "4"].map(way).to_vec())
    }
}
