//! The command line as it is typed.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, ValueEnum};
use oci::Platform;

use crate::commands::Command;

/// The package manager for container images.
///
/// Moves images, indexes and whole applications with everything attached to them, between registries, OCI layouts and
/// archives, and proves that what arrived is what left.
#[derive(Debug, Parser)]
#[command(name = "supercargo", bin_name = "supercargo", version, max_term_width = 120, after_long_help = after_help())]
#[command(disable_help_subcommand = true)]
pub(crate) struct Arguments {
    /// What applies to every command.
    #[command(flatten)]
    pub(crate) global: GlobalArguments,
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What applies to every command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArguments {
    /// Change to this directory before anything else
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub(crate) directory: Option<PathBuf>,

    /// The project's file [default: Supercargo.toml here or in the nearest directory above]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) project: Option<PathBuf>,

    /// Fail with exit code 1 where the lock would change
    #[arg(long, global = true, conflicts_with = "frozen")]
    pub(crate) locked: bool,

    /// Use the lock as it is, and do not look whether it is up to date
    #[arg(long, global = true)]
    pub(crate) frozen: bool,

    /// Ask no registry: read only layouts, archives, the local content store and what was vendored
    #[arg(long, global = true)]
    pub(crate) offline: bool,

    /// Only these platforms of an index, as in linux/amd64,linux/arm64
    #[arg(long, value_name = "P[,P]", value_delimiter = ',', global = true)]
    pub(crate) platform: Vec<Platform>,

    /// How the result is written to the standard output [default: table]
    #[arg(long, value_enum, value_name = "FORMAT", global = true)]
    pub(crate) format: Option<Format>,

    /// When to use colours [default: auto]
    #[arg(long, value_enum, value_name = "WHEN", global = true)]
    pub(crate) color: Option<When>,

    /// How progress is shown on the standard error [default: auto]
    #[arg(long, value_enum, value_name = "HOW", global = true)]
    pub(crate) progress: Option<ProgressMode>,

    /// Show neither progress nor notes, only the result and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Show more: in progress also manifests, and what was there already
    #[arg(short, long, action = ArgAction::Count, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: u8,

    /// File with credentials, as docker and podman write it
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) authfile: Option<PathBuf>,

    /// registries.conf, as podman and skopeo read it, instead of the user's and the system's
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) registries_conf: Option<PathBuf>,

    /// Use plain HTTP with every registry
    #[arg(long, global = true)]
    pub(crate) plain_http: bool,

    /// Do not check the certificates of registries
    #[arg(long, global = true)]
    pub(crate) insecure_skip_tls_verify: bool,

    /// Certificates (PEM) to trust beside those of the system
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) ca_file: Option<PathBuf>,

    /// How many blobs move at once [default: what the registries allow], or how many tests `bisect run` runs at once
    /// [default: 1]
    #[arg(long, value_name = "N", global = true)]
    pub(crate) jobs: Option<NonZeroUsize>,

    /// How long a request may make no progress, as in 30s or 2m [default: 60s]
    #[arg(long, value_name = "DURATION", value_parser = duration, global = true)]
    pub(crate) timeout: Option<Duration>,
}

/// How a result is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text and tables for people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON document a line
    Jsonl,
}

/// When to do something that only a terminal understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    /// Bars on a terminal, plain lines otherwise
    #[default]
    Auto,
    /// One line for each finished item
    Plain,
    /// One JSON document for each event
    Json,
    /// Nothing
    None,
}

/// Reads a duration: a whole number with `ms`, `s`, `m` or `h`; without a unit it is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let invalid = || "write a whole number and a unit, as in 500ms, 30s or 2m".to_owned();
    let number: u64 = number.parse().map_err(|_| invalid())?;
    let milliseconds = match unit {
        "ms" => Some(number),
        "" | "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => return Err(invalid()),
    };
    match milliseconds {
        Some(0) => Err("it must be longer than nothing".to_owned()),
        Some(milliseconds) => Ok(Duration::from_millis(milliseconds)),
        None => Err(invalid()),
    }
}

fn after_help() -> String {
    let mut text = "References:\n".to_owned();
    let forms = [
        ("[HOST[:PORT]/]REPO[:TAG][@DIGEST]", "a registry"),
        ("oci:PATH[:TAG][@DIGEST]", "an OCI image layout directory"),
        ("oci-archive:FILE[:TAG][@DIGEST]", "the same in a tar (.tar, .tar.zst)"),
        ("docker-archive:FILE[:TAG]", "the output of `docker save`, to read"),
        ("store:NAME[:TAG][@DIGEST]", "the local content store"),
    ];
    for (form, meaning) in forms {
        text.extend([format!("  {form:<35} {meaning}\n")]);
    }
    text.push_str("\nEnvironment:\n");
    for variable in crate::environment::VARIABLES {
        text.extend([format!("  {:<26} {}\n", variable.name, variable.purpose)]);
    }
    text.push_str("\nExit codes:\n");
    let codes = [
        ("0", "done, or yes"),
        ("1", "the answer is no"),
        ("2", "usage, or an error in Supercargo.toml"),
        ("3", "no solution"),
        ("4", "a registry could not be reached, or failed"),
        ("5", "authentication or authorisation"),
        ("6", "integrity: something is damaged or missing"),
        ("7", "partial result: the rest failed, or could not be read"),
        ("8", "refused: a file of this machine or its user forbids it"),
        ("9", "not found"),
        ("10", "local file system"),
        ("70", "internal error"),
        ("130", "interrupted"),
    ];
    for (code, meaning) in codes {
        text.extend([format!("  {code:<4} {meaning}\n")]);
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::CommandFactory as _;

    use super::{Arguments, duration};

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("30"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        for wrong in ["", "s", "-1s", "1.5s", "1 s", "0", "99999999999999999999h", "18446744073709551615h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
