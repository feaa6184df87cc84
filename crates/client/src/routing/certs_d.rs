//! Certificates by host, in directories named `HOST[:PORT]`: `/etc/docker/certs.d`, `/etc/containers/certs.d`.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use oci::Host;
use store::StoreError;

use super::file::{self, Entry};
use super::route::{Identity, TlsFiles};

/// Returns what the first of some directories has for a host. One that may not be entered counts as one that has nothing.
pub(super) fn of_host(directories: &[PathBuf], host: &Host) -> Result<TlsFiles, StoreError> {
    for directory in directories {
        let directory = directory.join(host.as_str());
        match std::fs::metadata(&directory) {
            Ok(_) => return of_directory(&directory, Missing::Refused),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => {}
            Err(error) => return Err(StoreError::file("cannot look for certificates in", &directory)(error)),
        }
    }
    Ok(TlsFiles::default())
}

/// What it means that there is a certificate without a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// It is a mistake, as podman has it; so is a key without a certificate.
    Refused,
    /// The key is in the same file, as containerd has it.
    SameFile,
}

/// Returns what a directory has: `*.crt` are trusted, `*.cert` with `*.key` is what we show of ourselves.
pub(super) fn of_directory(directory: &Path, missing: Missing) -> Result<TlsFiles, StoreError> {
    let entries = match file::list(directory) {
        // A listing that may not be read is none, for podman.
        Err(StoreError::File { source, .. })
            if missing == Missing::Refused && source.kind() == ErrorKind::PermissionDenied =>
        {
            return Ok(TlsFiles::default());
        }
        listed => listed?.unwrap_or_default(),
    };
    let mut files = TlsFiles::default();
    for entry in &entries {
        if missing == Missing::SameFile && entry.is_directory {
            continue;
        }
        let path = directory.join(&entry.name);
        if entry.name.as_bytes().ends_with(b".crt") {
            files.ca.push(path);
        } else if let Some(key) = sibling(&entry.name, ".cert", ".key") {
            let key = match (has(&entries, &key), missing) {
                (true, _) => directory.join(key),
                (false, Missing::SameFile) => path.clone(),
                (false, Missing::Refused) => {
                    let reason = "there is no `.key` beside it; what is to be trusted is called `.crt`";
                    return Err(file::refused(&path)(reason.to_owned()));
                }
            };
            files.identities.push(Identity { certificate: path, key });
        } else if missing == Missing::Refused
            && sibling(&entry.name, ".key", ".cert").is_some_and(|certificate| !has(&entries, &certificate))
        {
            return Err(file::refused(&path)("there is no `.cert` beside it".to_owned()));
        }
    }
    Ok(files)
}

fn has(entries: &[Entry], name: &OsStr) -> bool {
    entries.iter().any(|entry| entry.name == name)
}

fn sibling(name: &OsStr, suffix: &str, other: &str) -> Option<std::ffi::OsString> {
    let mut sibling = OsStr::from_bytes(name.as_bytes().strip_suffix(suffix.as_bytes())?).to_owned();
    sibling.push(other);
    Some(sibling)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(directory: &Path, names: &[&str]) {
        std::fs::create_dir_all(directory).unwrap();
        for name in names {
            store::atomic::save(&directory.join(name), b"").unwrap();
        }
    }

    #[test]
    fn the_first_directory_that_knows_the_host_counts() {
        let root = tempfile::tempdir().unwrap();
        let directories = ["home", "containers", "docker"].map(|name| root.path().join(name));
        let host: Host = "reg.example:5000".parse().unwrap();
        assert_eq!(of_host(&directories, &host).unwrap(), TlsFiles::default());
        touch(&directories[2].join("reg.example:5000"), &["ca.crt"]);
        touch(
            &directories[1].join("reg.example:5000"),
            &["b.key", "b.cert", "a.cert", "a.key", "z.crt", "c.crt", "note"],
        );
        touch(&directories[0].join("reg.example"), &["wrong.crt"]);
        let directory = directories[1].join("reg.example:5000");
        let identity = |name: &str| Identity {
            certificate: directory.join(format!("{name}.cert")),
            key: directory.join(format!("{name}.key")),
        };
        let found = of_host(&directories, &host).unwrap();
        assert_eq!(found.ca, [directory.join("c.crt"), directory.join("z.crt")]);
        assert_eq!(found.identities, [identity("a"), identity("b")]);
        touch(&directories[0].join("reg.example:5000"), &[]);
        assert_eq!(of_host(&directories, &host).unwrap(), TlsFiles::default(), "an empty one counts, too");
    }

    #[test]
    fn half_a_pair_is_a_mistake_for_podman_only() {
        let root = tempfile::tempdir().unwrap();
        for (name, hint) in [("a.cert", ".key"), ("a.key", ".cert")] {
            let directory = root.path().join(name.replace('.', "-"));
            touch(&directory, &[name]);
            let error = of_directory(&directory, Missing::Refused).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(hint), "{error}");
        }
        let directory = root.path().join("a-cert");
        let same = Identity { certificate: directory.join("a.cert"), key: directory.join("a.cert") };
        assert_eq!(of_directory(&directory, Missing::SameFile).unwrap().identities, [same]);
        assert_eq!(of_directory(&root.path().join("a-key"), Missing::SameFile).unwrap(), TlsFiles::default());
        let file = root.path().join("h");
        touch(root.path(), &["h"]);
        assert!(
            of_host(&[root.path().to_owned()], &"h".parse().unwrap()).is_err(),
            "{} is no directory",
            file.display()
        );
    }
}
