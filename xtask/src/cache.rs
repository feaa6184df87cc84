//! Where built tools are kept between runs.
//!
//! ```text
//! $XDG_CACHE_HOME (or ~/.cache)/supercargo-xtask/
//!   crane-0.22.1/bin/crane          one directory a tool and version, complete or absent
//!   liar-6f2a…/bin/liar             our own programs: the version is a hash of their sources
//!   corpus-debian-5d0c…/            what benchmarks copy: the version is a hash of its recipe
//!   current/crane                   symbolic links, named for the peer, to what the last run set up
//!   .partial-cosign-3.1.3-4711/     an installation under way, or interrupted: never looked into
//! ```
//!
//! Tests that were not started by xtask look into `current/`, and then along `PATH`.
#![expect(clippy::disallowed_methods, reason = "a torn cache entry costs a rebuild, not data: no fsync needed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result, ensure};

use crate::environment;

/// The directory that holds everything described above.
pub fn root() -> Result<PathBuf> {
    let home = environment::cache_home().context("neither XDG_CACHE_HOME nor HOME is set")?;
    Ok(home.join("supercargo-xtask"))
}

/// Where `executable` of `tool` lies once it is installed. All knowledge of the scheme is here and in [`link`].
fn installed(root: &Path, tool: &str, version: &str, executable: &str) -> PathBuf {
    root.join(format!("{tool}-{version}")).join("bin").join(executable)
}

/// Returns the executable of a tool, calling `install` with an empty directory if this version is not there yet.
///
/// `install` leaves the executable in `bin/` of that directory, which is then renamed into place: an installation that
/// was interrupted never counts.
pub fn get_or_install(
    tool: &str,
    version: &str,
    executable: &str,
    install: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let path = installed(&root()?, tool, version, executable);
    if path.is_file() {
        return Ok(path);
    }
    get_or_make(tool, version, |directory| {
        install(directory)?;
        ensure!(directory.join("bin").join(executable).is_file(), "the installation of {tool} left no {executable}");
        Ok(())
    })?;
    Ok(path)
}

/// Returns the directory of a thing, calling `make` with an empty one if this version is not there yet. It is complete
/// or absent, as with [`get_or_install`].
pub fn get_or_make(name: &str, version: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let root = root()?;
    let place = root.join(format!("{name}-{version}"));
    if place.is_dir() {
        return Ok(place);
    }
    let partial = root.join(format!(".partial-{name}-{version}-{}", process::id()));
    remove_abandoned(&root)?;
    fs::create_dir_all(&partial).with_context(|| format!("cannot create {}", partial.display()))?;
    eprintln!("xtask: building {name} {version}");
    let outcome = make(&partial).and_then(|()| put_in_place(&partial, &place));
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    outcome?;
    Ok(place)
}

fn put_in_place(partial: &Path, place: &Path) -> Result<()> {
    let renamed = fs::rename(partial, place);
    // Another run may have been faster; its result is as good as ours.
    if place.is_dir() { Ok(()) } else { Ok(renamed?) }
}

/// Removes what runs left behind that no longer exist.
fn remove_abandoned(root: &Path) -> Result<()> {
    for entry in fs::read_dir(root).into_iter().flatten() {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((_, owner)) = name.strip_prefix(".partial-").and_then(|rest| rest.rsplit_once('-')) else {
            continue;
        };
        if !Path::new("/proc").join(owner).exists() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Makes `current/NAME` point to the executable.
pub fn link(name: &str, executable: &Path) -> Result<()> {
    let current = root()?.join("current");
    fs::create_dir_all(&current)?;
    let temporary = current.join(format!(".{name}-{}", process::id()));
    std::os::unix::fs::symlink(executable, &temporary)?;
    fs::rename(&temporary, current.join(name)).with_context(|| format!("cannot link {name} in {}", current.display()))
}
