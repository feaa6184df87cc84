//! `cargo xtask corpus`: the images that benchmarks copy.
//!
//! ```text
//! corpus-debian-HASH/      three versions of a Debian application, one layout each (bench/corpus.sh)
//! corpus-generated-HASH/   images of small layers, and an application of many images (bench/src/generate.rs)
//! ```
//!
//! Both lie in the cache, named by a hash of their recipe.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::cargo::{cargo, workspace_root};
use crate::{cache, peers, process};

/// Where the images are.
pub struct Corpus {
    /// The three versions, a layout in a directory for each.
    pub debian: PathBuf,
    /// What is made by code alone.
    pub generated: PathBuf,
}

/// What the recipe runs. Each is a Debian package with an executable of its name.
const PACKAGES: [&str; 2] = ["mmdebstrap", "umoci"];

const DEBIAN_RECIPE: &str = "bench/corpus.sh";
const GENERATED_RECIPE: &str = "bench/src/generate.rs";

/// Makes what is missing and prints where everything is.
pub fn run() -> Result<()> {
    let corpus = set_up()?;
    for directory in [&corpus.debian, &corpus.generated] {
        for entry in std::fs::read_dir(directory)? {
            println!("{}", entry?.path().display());
        }
    }
    Ok(())
}

/// Makes what is missing.
pub fn set_up() -> Result<Corpus> {
    let recipe = workspace_root().join(DEBIAN_RECIPE);
    let debian = cache::get_or_make("corpus-debian", &version(DEBIAN_RECIPE)?, |directory| {
        println!("making three versions of a Debian application: some minutes, 4 GB of disk for a while");
        println!("needs root, apt with a reachable archive, and: {}", PACKAGES.join(", "));
        peers::install_debian_packages(PACKAGES.into_iter())?;
        process::run(Command::new("bash").arg(&recipe).arg(directory))
    })?;
    let generated = cache::get_or_make("corpus-generated", &version(GENERATED_RECIPE)?, |directory| {
        println!("making images of small layers, and an application");
        process::run(cargo("run --quiet --release --locked --package bench -- generate").arg(directory))
    })?;
    Ok(Corpus { debian, generated })
}

fn version(recipe: &str) -> Result<String> {
    peers::hash_of_files(&[workspace_root().join(recipe)])
}
