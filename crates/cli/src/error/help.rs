//! The command that helps after an error.

use std::ffi::OsString;

use anyhow::Error;
use oci::{Digest, Host, Reference, ReferenceError};
use ops::resolve::project::FILE_NAME;
use ops::shell::quote;
use ops::{OpsError, StoreError, TransferError};

/// Returns a command that helps after `error`, if one is known. `typed` is the command line that led to it.
pub(super) fn of(error: &Error, typed: &[OsString]) -> Option<String> {
    error.chain().find_map(|cause| {
        if let Some(error) = cause.downcast_ref::<OpsError>() {
            return of_operation(error, typed);
        }
        cause.downcast_ref::<ReferenceError>().map(|error| of_reference(error, typed))
    })
}

/// Returns the command that explains the arguments.
pub(super) fn of_usage(typed: &[OsString]) -> String {
    use clap::CommandFactory as _;
    let root = crate::arguments::Arguments::command();
    let mut command = &root;
    let mut names = vec!["supercargo".to_owned()];
    for word in typed.iter().skip(1).filter_map(|word| word.to_str()) {
        if let Some(found) = command.find_subcommand(word) {
            names.push(found.get_name().to_owned());
            command = found;
        }
    }
    format!("{} --help", names.join(" "))
}

fn of_operation(error: &OpsError, typed: &[OsString]) -> Option<String> {
    match error {
        OpsError::Project(told)
        | OpsError::Configuration(told)
        | OpsError::Unsolved(told)
        | OpsError::Unsound(told) => told.help.clone(),
        OpsError::Stale(told) => told.help.clone().or_else(|| Some(line(&without(typed, "--locked")))),
        OpsError::Offline { help, .. } => help.clone().or_else(|| Some(line(&without(typed, "--offline")))),
        OpsError::Usage { help, .. } => help.clone().or_else(|| Some(of_usage(typed))),
        OpsError::Reference(error) => Some(of_reference(error, typed)),
        OpsError::ShortName { name, instead, .. } => Some(line(&replaced(typed, name, instead))),
        OpsError::NotFound { location, .. } => tags_of(location, typed),
        OpsError::Integrity { location, .. } => {
            is_registry(location).then(|| format!("supercargo artifacts {location}"))
        }
        OpsError::File { path, source, .. } => Some(of_file(path, source)),
        OpsError::Listen { address, source } if source.kind() == std::io::ErrorKind::AddrInUse => {
            Some(format!("ss --listening --tcp --processes 'sport = :{}'", address.port()))
        }
        OpsError::Listen { .. } => Some("SUPERCARGO_SERVE_LISTEN=127.0.0.1:5000 supercargo serve".to_owned()),
        OpsError::Storage { source: ops::registry::StorageError::InUse(_), .. } => {
            Some("SUPERCARGO_SERVE_ROOT=DIR supercargo serve".to_owned())
        }
        OpsError::Storage { source: ops::registry::StorageError::Foreign, .. } => {
            Some("supercargo serve reindex --replace".to_owned())
        }
        OpsError::Place { .. } => Some(format!("{} --check", line(typed))),
        OpsError::Storage { root, .. } | OpsError::Inspect { root, .. } => {
            Some(format!("ls -la {}", quote(&root.to_string_lossy())))
        }
        OpsError::Transfer(error) => of_transfer(error, typed),
        OpsError::Store(error) => of_store(error),
        _ => None,
    }
}

fn of_transfer(error: &TransferError, typed: &[OsString]) -> Option<String> {
    match error {
        TransferError::NotFound { location, .. } => tags_of(location, typed),
        TransferError::Lost { location, losses } => {
            let named_by = losses.first()?.named_by;
            (named_by.space == graph::Space::Manifest)
                .then(|| format!("supercargo inspect --raw {}", quote(&format!("{location}@{}", named_by.digest))))
        }
        TransferError::Unproven { .. } => Some(format!("{} --recheck", line(typed))),
        TransferError::NoPlatform { wanted, available, .. } => {
            let available = available.replace(", ", ",");
            let wanted = wanted.replace(", ", ",");
            Some(line(&replaced(typed, &wanted, &available)))
        }
        TransferError::Store(error) => of_store(error),
        _ => None,
    }
}

fn of_store(error: &StoreError) -> Option<String> {
    match error {
        StoreError::Unreachable { location, .. }
        | StoreError::Protocol { location, .. }
        | StoreError::Refused { location, .. }
            if location.contains("://") =>
        {
            Some(format!("curl --head {}", quote(location)))
        }
        StoreError::Unreachable { location, .. }
        | StoreError::Protocol { location, .. }
        | StoreError::Refused { location, .. } => Some(format!("curl --head {}/v2/", url_of(&host_of(location)?))),
        StoreError::Missing { location, what } => {
            // The place of a registry's blob can be looked at; of anything else the message says all there is.
            let (host, repository) = (host_of(location)?, location.split_once('/')?.1);
            let digest: Digest = what.strip_prefix("blob ")?.split([',', ' ']).next()?.parse().ok()?;
            Some(format!("curl --head {}/v2/{repository}/blobs/{digest}", url_of(&host)))
        }
        StoreError::Denied { location, .. } => {
            let host = host_of(location)?;
            Some(format!("supercargo login {host}"))
        }
        StoreError::Credentials { location, .. } => Some(format!("supercargo auth explain {location}")),
        StoreError::Proxy { proxy, variable, .. } => {
            Some(format!("export {variable}={}", proxy.trim_end_matches('/').replacen("://", "://USER:PASSWORD@", 1)))
        }
        StoreError::File { path, source, .. } => Some(of_file(path, source)),
        StoreError::Format { path, .. } => Some(format!("ls -l {}", quote(&path.to_string_lossy()))),
        _ => None,
    }
}

fn of_file(path: &std::path::Path, error: &std::io::Error) -> String {
    let directory = match path.parent() {
        Some(parent) if parent != std::path::Path::new("") => parent,
        _ => std::path::Path::new("."),
    };
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            format!("df -h {}", quote(&directory.to_string_lossy()))
        }
        std::io::ErrorKind::NotFound => format!("ls -l {}", quote(&directory.to_string_lossy())),
        _ => format!("ls -ld {}", quote(&path.to_string_lossy())),
    }
}

fn of_reference(error: &ReferenceError, typed: &[OsString]) -> String {
    match error {
        ReferenceError::ShortName { name, instead } => line(&replaced(typed, name, instead)),
        ReferenceError::Transport { given, instead } => match instead.parse::<Reference>() {
            Err(ReferenceError::ShortName { instead, .. }) => line(&replaced(typed, given, &instead)),
            _ => line(&replaced(typed, given, instead)),
        },
        _ => of_usage(typed),
    }
}

/// The tags of a repository tell what could have been meant; when those were asked for, the registry itself can be.
fn tags_of(location: &str, typed: &[OsString]) -> Option<String> {
    if location.parse::<Reference>().is_err() {
        // A file of the project says what there is; of other places the message says all.
        return location.ends_with(FILE_NAME).then(|| format!("cat {}", quote(location)));
    }
    let asked = typed.iter().any(|word| word == "tags");
    match (host_of(location), location.split_once('/')) {
        (Some(host), Some((_, repository))) if asked => {
            Some(format!("curl {}/v2/{repository}/tags/list", url_of(&host)))
        }
        (None, _) if asked || location.starts_with("docker-archive:") => None,
        _ => Some(format!("supercargo tags {}", quote(location))),
    }
}

fn is_registry(location: &str) -> bool {
    host_of(location).is_some()
}

/// Returns the registry of a place as stores name it (`HOST[:PORT]/REPO`).
fn host_of(location: &str) -> Option<Host> {
    if ["oci:", "oci-archive:", "docker-archive:", "store:"].iter().any(|form| location.starts_with(form)) {
        return None;
    }
    location.split_once('/').map_or(location, |(host, _)| host).parse().ok()
}

/// Returns where a registry is most likely to answer.
fn url_of(host: &Host) -> String {
    let scheme = if host.is_loopback() { "http" } else { "https" };
    format!("{scheme}://{host}")
}

/// Returns the command line with one argument in place of another.
fn replaced(typed: &[OsString], given: &str, instead: &str) -> Vec<OsString> {
    typed
        .iter()
        .map(|word| match word.to_str() {
            Some(word) if word == given => instead.into(),
            Some(word) => match word.split_once('=') {
                Some((option, value)) if option.starts_with('-') && value == given => {
                    format!("{option}={instead}").into()
                }
                _ => word.into(),
            },
            None => word.clone(),
        })
        .collect()
}

/// Returns the command line without a switch.
fn without(typed: &[OsString], switch: &str) -> Vec<OsString> {
    typed.iter().filter(|word| word.to_str() != Some(switch)).cloned().collect()
}

/// Returns a command line as it is typed to a shell. The program is called by its name, wherever it lies.
fn line(typed: &[OsString]) -> String {
    let words: Vec<_> = typed.iter().skip(1).map(|word| word.to_string_lossy()).collect();
    shell_line(&[&["supercargo".into()], &words[..]].concat())
}

/// Returns words as they are typed to a shell.
pub(crate) fn shell_line(words: &[impl AsRef<str>]) -> String {
    words.iter().map(|word| quote(word.as_ref())).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_store_tells_its_registry() {
        let host = |location: &str| host_of(location).map(|host| host.to_string());
        assert_eq!(host("127.0.0.1:5000/a/b").as_deref(), Some("127.0.0.1:5000"));
        assert_eq!(host("oci:dir/image"), None);
        assert_eq!(host("store:a/b"), None);
    }

    #[test]
    fn the_arguments_of_the_command_that_failed_are_explained() {
        let typed = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(of_usage(&typed(&["supercargo", "--jobs", "x", "copy"])), "supercargo copy --help");
        assert_eq!(of_usage(&typed(&["/usr/bin/supercargo", "store", "size"])), "supercargo store size --help");
        assert_eq!(of_usage(&typed(&["supercargo", "wat"])), "supercargo --help");
    }
}
