//! Runs the scenarios: who takes part in which way, then everybody in turn.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::CopyArguments;
use crate::contender::{Contender, Role};
use crate::content::Carried;
use crate::machine::{self, Machine};
use crate::measure::{Invocation, Usage};
use crate::report::{Outcome, Report, Row};
use crate::scenarios::{self, Scenario};
use crate::statistics::Spread;
use crate::target::Standing;
use crate::tools::Tools;
use crate::world::World;

/// Runs of each contender, and of each in a short scenario.
const RUNS: usize = 10;
const SHORT_RUNS: usize = 30;

/// The same for a quick look.
const QUICK_RUNS: usize = 5;
const QUICK_SHORT_RUNS: usize = 15;

/// Runs by which the ways of a contender are compared; the first of them also warms up.
const TRIALS: usize = 3;
const QUICK_TRIALS: usize = 2;

/// A way whose first run takes so many times as long as the fastest way is not tried again.
const HOPELESS: u64 = 2;

/// A way that takes so many microseconds is tried once: what happens at random matters less the longer it takes.
const LONG: u64 = 2_000_000;

/// A load above this before a scenario means that somebody else needs the machine.
const QUIET_LOAD: f64 = 0.7;

/// How long to wait for a quiet machine. Our own load of the scenario before takes a minute or two to be forgotten.
const QUIET_TIMEOUT: Duration = Duration::from_secs(150);

/// The command `bench copy`.
pub fn run(arguments: &CopyArguments) -> Result<()> {
    let temporary = TempDir::with_prefix("supercargo-bench-")?;
    let work = arguments.work.as_deref().unwrap_or_else(|| temporary.path());
    let tools = Tools(arguments.tools.clone());
    let mut world = World::begin(tools.clone(), &arguments.debian, &arguments.generated, work)?;
    let mut report = Report::begin(Machine::look(work), tools.0, &world);
    println!("{}", report.heading());
    scenarios::load(&world).context("cannot load the source")?;

    for (name, make) in scenarios::ALL {
        let wanted = |part: &String| name.contains(part.as_str());
        if !arguments.scenarios.is_empty() && !arguments.scenarios.iter().any(wanted) {
            continue;
        }
        if !arguments.busy {
            wait_until_quiet();
        }
        world.reset()?;
        match make(&mut world).and_then(|scenario| run_scenario(name, &scenario, &mut world, arguments.quick)) {
            Ok(outcome) => {
                println!("\n{}", report.render(&outcome));
                report.outcomes.push(outcome);
                fs::write(&arguments.output, serde_json::to_string_pretty(&report)?)?;
            }
            Err(error) => println!("\n{name}: not run: {error:#}"),
        }
    }
    println!("\nfigures: {}", arguments.output.display());
    Ok(())
}

fn wait_until_quiet() {
    let step = Duration::from_secs(5);
    let mut waited = Duration::ZERO;
    while machine::load() > QUIET_LOAD && waited < QUIET_TIMEOUT {
        std::thread::sleep(step);
        waited += step;
    }
}

/// A contender in its fastest way, and what it has used so far.
struct Runner<'a> {
    contender: &'a Contender,
    way: &'a Invocation,
    carried: Carried,
    usages: Vec<Usage>,
    failure: Option<String>,
}

fn run_scenario(name: &str, scenario: &Scenario, world: &mut World, quick: bool) -> Result<Outcome> {
    let runs = match (scenario.short, quick) {
        (false, false) => RUNS,
        (true, false) => SHORT_RUNS,
        (false, true) => QUICK_RUNS,
        (true, true) => QUICK_SHORT_RUNS,
    };
    eprintln!("bench: {name}: trying out");
    let mut runners = Vec::new();
    for contender in &scenario.contenders {
        runners.push(try_out(contender, scenario, world, if quick { QUICK_TRIALS } else { TRIALS })?);
    }
    let load_before = machine::load();
    for round in 1..=runs {
        eprintln!("bench: {name}: round {round} of {runs}");
        for runner in runners.iter_mut().filter(|runner| runner.failure.is_none()) {
            match measure(runner.way, scenario, world) {
                Ok(usage) => runner.usages.push(usage),
                Err(error) => runner.failure = Some(format!("{error:#}")),
            }
        }
    }
    Ok(judge(name, scenario, &runners, (load_before, machine::load())))
}

/// Runs every way a few times and takes the fastest; a way that begins much slower than another, or takes long, is not tried again.
/// Whoever fails in all ways is out.
fn try_out<'a>(contender: &'a Contender, scenario: &Scenario, world: &mut World, trials: usize) -> Result<Runner<'a>> {
    let mut best: Option<(u64, Runner)> = None;
    let mut failure = None;
    for way in &contender.ways {
        let fastest = best.as_ref().map_or(u64::MAX, |(wall, _)| *wall);
        match try_way(way, scenario, world, trials, fastest.saturating_mul(HOPELESS).min(LONG)) {
            Ok(usages) => {
                let wall = Spread::of(usages.iter().map(|usage| usage.wall)).context("no trials")?.median;
                if wall < fastest {
                    let carried = scenario.carried(world)?;
                    best = Some((wall, Runner { contender, way, carried, usages: Vec::new(), failure: None }));
                }
            }
            Err(error) => failure = Some(format!("{error:#}")),
        }
    }
    if let Some((_, runner)) = best {
        return Ok(runner);
    }
    let Some(way) = contender.ways.first() else { bail!("{} has no way to do it", contender.name) };
    Ok(Runner { contender, way, carried: Carried::default(), usages: Vec::new(), failure })
}

fn try_way(
    way: &Invocation,
    scenario: &Scenario,
    world: &mut World,
    trials: usize,
    hopeless: u64,
) -> Result<Vec<Usage>> {
    let mut usages = vec![measure(way, scenario, world)?];
    while usages.len() < trials && usages[0].wall < hopeless {
        usages.push(measure(way, scenario, world)?);
    }
    Ok(usages)
}

fn measure(way: &Invocation, scenario: &Scenario, world: &mut World) -> Result<Usage> {
    if scenario.cold {
        world.reset()?;
    }
    way.measure(&world.home())
}

fn judge(name: &str, scenario: &Scenario, runners: &[Runner], load: (f64, f64)) -> Outcome {
    let expected = scenario.expected_count();
    let mut rows = Vec::new();
    let mut ours = None;
    let mut peers = Vec::new();
    for runner in runners {
        let spread = |figure: fn(&Usage) -> u64| Spread::of(runner.usages.iter().map(figure));
        let figures = match &runner.failure {
            None => spread(|usage| usage.wall).zip(spread(|usage| usage.cpu)).zip(spread(|usage| usage.peak)),
            Some(_) => None,
        };
        let whole = runner.carried == expected;
        if let Some(((wall, cpu), peak)) = figures {
            let name = runner.contender.name.clone();
            let standing = Standing { name, wall: wall.median, cpu: cpu.median, peak: peak.max, whole };
            match runner.contender.role {
                Role::Ours => ours = Some(standing),
                Role::Peer => peers.push(standing),
                Role::Beside => {}
            }
        }
        rows.push(Row {
            name: runner.contender.name.clone(),
            command: runner.way.shown(),
            ways_tried: runner.contender.ways.len(),
            runs: runner.usages.len(),
            wall: figures.map(|((wall, _), _)| wall),
            cpu: figures.map(|((_, cpu), _)| cpu),
            peak: figures.map(|(_, peak)| peak),
            carried: (runner.carried.manifests, runner.carried.blobs),
            failure: runner.failure.clone(),
        });
    }
    let verdicts = ours.iter().flat_map(|ours| scenario.targets.iter().filter_map(|target| target.judge(ours, &peers)));
    Outcome {
        name: name.to_owned(),
        title: scenario.title.clone(),
        load_before: load.0,
        load_after: load.1,
        expected: (expected.manifests, expected.blobs),
        verdicts: verdicts.collect(),
        rows,
    }
}
