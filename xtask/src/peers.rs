//! The peers: which there are, and where each is found or how it is made.

mod debian;
mod go;
mod list;
mod ours;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{cache, environment, table};
use list::{PEERS, Peer, Source};

pub use debian::install as install_debian_packages;
pub use go::install as install_go_program;
pub use ours::hash_of_files;

/// Which peers are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// Those that are set up in a few minutes.
    Usual,
    /// The heavy ones too.
    All,
}

/// A peer that is ready to run.
struct Found {
    name: &'static str,
    version: String,
    path: PathBuf,
}

/// A peer that the tests will have to do without.
struct Missing {
    name: &'static str,
    reason: String,
    /// False for a heavy peer that nobody asked for.
    wanted: bool,
}

/// What the set-up came to.
pub struct Peers {
    found: Vec<Found>,
    missing: Vec<Missing>,
}

/// `cargo xtask peers`.
pub fn run(selection: Selection) -> Result<()> {
    let peers = set_up(selection);
    peers.print_found();
    peers.print_missing();
    peers.refuse_missing_in_ci()
}

/// Sets up every selected peer. One that cannot be had is recorded with the reason, and does not stop the others.
pub fn set_up(selection: Selection) -> Peers {
    let mut peers = Peers { found: Vec::new(), missing: Vec::new() };
    let debian = debian::install_missing();
    for peer in PEERS {
        if peer.heavy && selection == Selection::Usual {
            let reason = "set up only with --all".into();
            peers.missing.push(Missing { name: peer.name, reason, wanted: false });
            continue;
        }
        match obtain(peer, &debian) {
            Ok(found) => peers.found.push(found),
            Err(error) => {
                peers.missing.push(Missing { name: peer.name, reason: format!("{error:#}"), wanted: true });
            }
        }
    }
    peers
}

/// Sets up one peer and returns its version and its executable.
pub fn set_up_one(name: &str) -> Result<(String, PathBuf)> {
    let peer = PEERS.iter().find(|peer| peer.name == name).context("there is no such peer")?;
    let found = obtain(peer, &Ok(()))?;
    Ok((found.version, found.path))
}

fn obtain(peer: &Peer, debian: &Result<()>) -> Result<Found> {
    let why = |error: anyhow::Error| match debian {
        Ok(()) => error,
        Err(cause) => error.context(format!("{cause:#}")),
    };
    let (version, path) = match &peer.source {
        Source::Debian { package } => debian::find(package, debian::installed(package)).map_err(why)?,
        Source::DebianVersions { package, directory } => {
            debian::find(package, debian::newest(directory, peer.name)).map_err(why)?
        }
        Source::Go { module, version, executable } => go::install(peer.name, module, version, executable)?,
        Source::GoSources { module, version, package } => go::install_sources(peer.name, module, version, package)?,
        Source::Ours => ours::build(peer.name)?,
    };
    cache::link(peer.name, &path)?;
    Ok(Found { name: peer.name, version, path })
}

impl Peers {
    /// Tells a test run where each peer is: `SUPERCARGO_PEER_<NAME>=<absolute path>`.
    pub fn announce_to(&self, command: &mut Command) {
        for peer in &self.found {
            command.env(variable(peer.name), &peer.path);
        }
    }

    /// Lists what is ready: name, version and executable of each.
    pub fn found(&self) -> impl Iterator<Item = (&str, &str, &Path)> {
        self.found.iter().map(|peer| (peer.name, peer.version.as_str(), peer.path.as_path()))
    }

    /// Prints what is ready to stdout.
    pub fn print_found(&self) {
        let row = |peer: &Found| [peer.name.to_owned(), peer.version.clone(), peer.path.display().to_string()];
        table::print(["peer", "version", "path"], &self.found.iter().map(row).collect::<Vec<_>>());
    }

    /// Prints, by name, what the tests do without and why.
    pub fn print_missing(&self) {
        if self.missing.is_empty() {
            return;
        }
        println!();
        let row = |peer: &Missing| [peer.name.to_owned(), peer.reason.clone()];
        table::print(["skipped peer", "reason"], &self.missing.iter().map(row).collect::<Vec<_>>());
    }

    /// Fails in CI when a wanted peer is missing: there, a comparison that silently does not happen is worth nothing.
    pub fn refuse_missing_in_ci(&self) -> Result<()> {
        let wanted = self.missing.iter().filter(|peer| peer.wanted);
        let names: Vec<&str> = wanted.map(|peer| peer.name).collect();
        if environment::in_ci() && !names.is_empty() {
            bail!("with CI=true every peer must be there; missing: {}", names.join(", "));
        }
        Ok(())
    }
}

/// The variable by which tests find a peer.
fn variable(name: &str) -> String {
    format!("SUPERCARGO_PEER_{}", name.to_uppercase().replace('-', "_"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_peers_variable_is_its_name_in_capitals() {
        assert_eq!(super::variable("docker-registry"), "SUPERCARGO_PEER_DOCKER_REGISTRY");
    }
}
