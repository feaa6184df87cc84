//! The house's machinery, run as `cargo xtask COMMAND`.
//!
//! | command | does |
//! |---|---|
//! | `test [--all]` | sets up the peers, then runs every check and every test; what CI runs |
//! | `peers [--all]` | only sets up the peers, and prints where they are |
//! | `corpus` | makes the images that benchmarks copy, and prints where they are |
//! | `bench copy` | measures supercargo and its peers side by side |
//! | `bench registry` | measures registries under load side by side |
//! | `bench solve` | measures how long a decision on many versions takes |
//! | `bench tags` | measures how long it takes to list many tags of a registry that is far away |
//! | `bench layer` | measures how an image with one large layer is pulled over slow networks |
//! | `schema` | writes the JSON Schema of `Supercargo.toml` into docs/formats |
//! | `check-layers` | holds the crates' dependencies against the table in [`layers`] |
//!
//! A *peer* is a program of somebody else (crane, skopeo, a registry) that the tests compare with or talk to. `--all` adds
//! those that take minutes to build.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a terminal is all this program talks to")]
#![expect(unreachable_pub, reason = "in a program, pub says: for the other modules")]

mod bench;
mod cache;
mod cargo;
mod cargo_deny;
mod corpus;
mod environment;
mod file_size;
mod layers;
mod peers;
mod process;
mod schema;
mod table;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [--all]    set up the peers, then run every check and every test
  peers [--all]   set up the peers and print where they are
  corpus          make the images that benchmarks copy; needs root
  bench solve
  bench tags [--runs N]
  bench layer [--runs N] [--bytes N]
  bench copy [--quick] [--scenario NAME]
                  measure supercargo and its peers side by side
  bench registry [--quick] [--scenario NAME] [--manifests N]
                  measure registries under load side by side
  schema          write docs/formats/project.schema.json
  check-layers    check which crate depends on which

  --all           also the peers that take minutes to build";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["test"] => test::run(peers::Selection::Usual),
        ["test", "--all"] => test::run(peers::Selection::All),
        ["peers"] => peers::run(peers::Selection::Usual),
        ["peers", "--all"] => peers::run(peers::Selection::All),
        ["corpus"] => corpus::run(),
        ["bench", "solve"] => bench::solve(),
        ["bench", "tags", ref options @ ..] => bench::tags(options),
        ["bench", "layer", ref options @ ..] => bench::layer(options),
        ["bench", "copy", ref options @ ..] => bench::copy(options),
        ["bench", "registry", ref options @ ..] => bench::registry(options),
        ["schema"] => schema::run(),
        ["check-layers"] => layers::run(),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
