//! How long it takes to decide: fifty images of two thousand versions each, everything known, in this process.
//!
//! There is no peer: no other program decides on the versions of several images together.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use oci::Tag;
use resolve::project::Project;
use resolve::resolution::{Facts, Resolution, ResolutionOptions, Step};

use crate::statistics::Spread;
use crate::table;

const IMAGES: usize = 50;
const VERSIONS: usize = 2_000;
const RUNS: usize = 15;

/// Returns what an image needs, as the inside of an inline table.
type Needs = fn(usize) -> Option<String>;

/// What the images need of each other.
const SHAPES: [(&str, Needs); 4] = [
    ("nothing", |_| None),
    ("each the version of the one before", |image| {
        let before = image.checked_sub(1)?;
        Some(format!("image-{before:02} = \"=same\""))
    }),
    ("each less than the newest of the one before", |image| {
        let before = image.checked_sub(1)?;
        Some(format!("image-{before:02} = \"<1.{}.0\"", 199 - image))
    }),
    ("all a range of the first", |image| {
        (image > 0).then(|| format!("image-00 = \">=1.{image}.0, <1.{}.0\"", 100 + image))
    }),
];

/// The command `bench solve`.
pub fn run() -> Result<()> {
    let tags = (0..VERSIONS).map(|number| format!("1.{}.{}", number / 10, number % 10).parse());
    let tags: Vec<Tag> = tags.collect::<Result<_, _>>()?;
    let mut rows = vec![
        ["needs", "runs", "tags read, ms min/median/max", "solved, ms min/median/max"].map(str::to_owned).to_vec(),
    ];
    for (shape, needs) in SHAPES {
        let project = Arc::new(project(needs)?);
        let mut times = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let (read, solved) = solve(&project, &tags)?;
            times.0.push(read);
            times.1.push(solved);
        }
        rows.push(vec![shape.to_owned(), RUNS.to_string(), shown(times.0)?, shown(times.1)?]);
    }
    println!("{IMAGES} images of {VERSIONS} versions each\n{}", table::render(&rows));
    Ok(())
}

fn project(needs: Needs) -> Result<Project> {
    let mut images = "[images]\n".to_owned();
    let mut edges = String::new();
    for image in 0..IMAGES {
        writeln!(images, "image-{image:02} = {{ repo = \"registry.example/image-{image:02}\", version = \"^1\" }}")?;
        if let Some(needs) = needs(image) {
            writeln!(edges, "\n[[edges]]\nif = \"image-{image:02}\"\nrequires = {{ {needs} }}")?;
        }
    }
    Ok(Project::parse(&(images + &edges))?)
}

/// Decides once; returns how long the tags took to be read, and the decision.
fn solve(project: &Arc<Project>, tags: &[Tag]) -> Result<(Duration, Duration)> {
    let start = Instant::now();
    let mut resolution = Resolution::new(Arc::clone(project), Arc::default(), ResolutionOptions::default());
    for name in project.images.keys() {
        resolution.tags(name, tags).ok().context("a tag cannot be read")?;
    }
    let read = start.elapsed();
    let mut solved = Duration::ZERO;
    loop {
        let start = Instant::now();
        let step = resolution.step();
        solved += start.elapsed();
        match step.ok().context("there is no solution")? {
            Step::Done(_) => return Ok((read, solved)),
            Step::Ask(questions) => {
                for question in questions {
                    resolution.answer(question, Facts::default());
                }
            }
        }
    }
}

fn shown(times: Vec<Duration>) -> Result<String> {
    let micros = times.into_iter().map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    let Spread { min, median, max } = Spread::of(micros).context("no runs")?;
    let shown = |time: u64| format!("{}.{}", time / 1000, time % 1000 / 100);
    Ok(format!("{} / {} / {}", shown(min), shown(median), shown(max)))
}
