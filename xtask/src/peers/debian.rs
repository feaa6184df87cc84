//! Peers that are Debian packages.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::list::{PEERS, Source};
use crate::{environment, process};

/// Where Debian's maintainer scripts ask whether they may start a service.
const SERVICE_POLICY: &str = "/usr/sbin/policy-rc.d";

const NO_SERVICES: &str = "#!/bin/sh\n# Written by cargo xtask for the time of one installation.\nexit 101\n";

/// Installs the peers that are missing, if we are root and have apt.
pub fn install_missing() -> Result<()> {
    let missing = PEERS.iter().filter_map(|peer| match peer.source {
        Source::Debian { package } => installed(package).is_none().then_some(package),
        Source::DebianVersions { package, directory } => newest(directory, peer.name).is_none().then_some(package),
        Source::Go { .. } | Source::GoSources { .. } | Source::Ours => None,
    });
    install_packages(&missing.collect::<Vec<_>>())
}

/// Installs those packages whose executable, which has the package's name, is missing, if we are root and have apt.
pub fn install(packages: impl Iterator<Item = &'static str>) -> Result<()> {
    install_packages(&packages.filter(|package| installed(package).is_none()).collect::<Vec<_>>())
}

fn install_packages(missing: &[&'static str]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let Some(apt) = environment::find_in_path("apt-get") else {
        bail!("this system has no apt-get; install it yourself");
    };
    if !is_root()? {
        bail!("not root; run apt-get install {}", missing.join(" "));
    }
    eprintln!("xtask: installing Debian packages: {}", missing.join(" "));
    let _policy = NoServices::begin()?;
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(&apt);
        command.env("DEBIAN_FRONTEND", "noninteractive").args(["-qq", "-o", "Acquire::Retries=3"]).args(arguments);
        process::output(&mut command).map(drop)
    };
    apt(&["update"])?;
    let install = ["install", "-y", "--no-install-recommends"];
    apt(&[&install[..], missing].concat())?;
    if missing.contains(&"docker-registry") {
        keep_from_starting_at_boot();
    }
    Ok(())
}

/// Returns the version of a package beside its executable.
pub fn find(package: &str, executable: Option<PathBuf>) -> Result<(String, PathBuf)> {
    let path = executable.context("not installed")?;
    let version = match environment::find_in_path("dpkg-query") {
        Some(query) => process::output(Command::new(query).args(["-W", "-f", "${Version}", package])).ok(),
        None => None,
    };
    Ok((version.unwrap_or_else(|| "unknown".into()), path))
}

/// Returns the executable of a package that has its name.
pub fn installed(package: &str) -> Option<PathBuf> {
    environment::find_in_path(package)
}

/// Returns an executable of the newest version below a directory.
pub fn newest(directory: &str, executable: &str) -> Option<PathBuf> {
    let versions = fs::read_dir(directory).ok()?.filter_map(|entry| {
        let entry = entry.ok()?;
        Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path()))
    });
    versions
        .map(|(version, path)| (version, path.join("bin").join(executable)))
        .filter(|(_, path)| path.is_file())
        .max()
        .map(|(_, path)| path)
}

fn is_root() -> Result<bool> {
    Ok(process::output(Command::new("id").arg("-u"))?.trim() == "0")
}

/// The package enables its service. Where systemd is absent there is nothing to undo, so a failure says nothing.
fn keep_from_starting_at_boot() {
    let _ = Command::new("systemctl").args(["--quiet", "disable", "docker-registry.service"]).output();
}

/// While it lives, packages that are installed do not start their services: a registry of the system would take a port
/// and keep running.
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn begin() -> Result<Self> {
        let policy = Path::new(SERVICE_POLICY);
        // A machine with a policy of its own keeps it; one that an interrupted run of ours left behind is taken over.
        let ours = fs::read_to_string(policy).map_or(true, |text| text == NO_SERVICES);
        if ours {
            #[expect(
                clippy::disallowed_methods,
                reason = "lives for one installation; its loss in a crash is welcome"
            )]
            fs::write(policy, NO_SERVICES).with_context(|| format!("cannot write {SERVICE_POLICY}"))?;
            fs::set_permissions(policy, fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { ours })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(SERVICE_POLICY);
        }
    }
}
