//! Keeping credentials, and forgetting them.
//!
//! The rest of a file stays as it is but for the order and the spaces; what the file has for other places is not touched. Changes of one
//! file wait for each other, as each is made of what was read before. Docker, podman and skopeo take no lock that could be shared.

use std::fs;
use std::path::Path;

use serde::Serialize as _;
use serde_json::{Map, Value, json};
use store::StoreError;

use super::auth_file::{AuthFile, bytes};
use super::helper::Helper;
use super::{Credential, pair, place, unknown};

/// Who keeps a credential now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The file.
    File,
    /// The program that the file names.
    Helper(String),
}

impl Kept {
    /// Returns the program that keeps it, where one does.
    pub fn helper(self) -> Option<String> {
        match self {
            Self::File => None,
            Self::Helper(program) => Some(program),
        }
    }
}

/// Keeps a credential for a registry, or a prefix of repositories in it, in the file at `path`: with the helper that it names for
/// that, or for everything, and otherwise in the file itself, which then only its owner can read. A file that is not there is made, and its
/// directories.
///
/// # Errors
/// [`StoreError::Credentials`] when the helper fails; as [`AuthFile::read`]; [`StoreError::File`] when it cannot be written. Then the
/// file is what it was.
pub async fn keep(path: &Path, place: &str, credential: &Credential) -> Result<Kept, StoreError> {
    let place = normal(place)?;
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        make_directory(directory).map_err(StoreError::file("cannot make", directory))?;
    }
    let _turn = store::atomic::turn(path).await?;
    let (mut document, file) = read(path)?;
    let helper = file.keeper(&place).map_err(|name| no_helper(&place, path, &name))?;
    let written = place::written(&place);
    let entry = match (helper, credential) {
        (Some(helper), _) => {
            helper.store(written, credential).await.map_err(|reason| failed(&place, path, helper, &reason))?;
            json!({})
        }
        (None, Credential::Password { user, password }) => json!({ "auth": pair(user, password) }),
        (None, Credential::Refresh(token)) => json!({ "identitytoken": token.reveal() }),
        (None, Credential::Bearer(token)) => json!({ "registrytoken": token.reveal() }),
    };
    let helper = helper.map(Helper::program);
    take(&mut document, &place);
    let auths = document.entry("auths").or_insert_with(|| Value::Object(Map::new()));
    if !auths.is_object() {
        *auths = Value::Object(Map::new());
    }
    if let Some(auths) = auths.as_object_mut() {
        auths.insert(written.to_owned(), entry);
    }
    write(path, &document)?;
    Ok(helper.map_or(Kept::File, Kept::Helper))
}

/// Removes what a file has for exactly this registry, or prefix, however it is spelled, and what the helper has that the file names for it.
/// Returns from where; empty when nothing was there.
///
/// # Errors
/// As [`keep`]. What a helper has is removed before what the file has.
pub async fn remove(path: &Path, place: &str) -> Result<Vec<Kept>, StoreError> {
    let place = normal(place)?;
    let _turn = store::atomic::turn(path).await?;
    let (mut document, file) = read(path)?;
    let mut removed = Vec::new();
    if let Some(helper) = file.keeper(&place).map_err(|name| no_helper(&place, path, &name))? {
        let failed = |reason: String| failed(&place, path, helper, &reason);
        let mut known = vec![place::written(&place), &place];
        known.dedup();
        for server in known {
            if helper.get(server).await.map_err(failed)?.is_some() {
                helper.erase(server).await.map_err(failed)?;
                removed.push(Kept::Helper(helper.program()));
            }
        }
        removed.dedup();
    }
    let (had, had_credential) = take(&mut document, &place);
    if had {
        write(path, &document)?;
    }
    if had_credential {
        removed.push(Kept::File);
    }
    Ok(removed)
}

fn normal(place: &str) -> Result<String, StoreError> {
    place::normal(place)
        .ok_or_else(|| StoreError::Credentials { location: place.to_owned(), reason: "this is no registry".to_owned() })
}

fn no_helper(place: &str, path: &Path, name: &str) -> StoreError {
    unknown(place, path, Some(name), "that is no name of a helper")
}

fn failed(place: &str, path: &Path, helper: &Helper, reason: &str) -> StoreError {
    unknown(place, path, Some(&helper.program()), reason)
}

/// Removes the entries of a place, however it is spelled. Returns whether there were any, and whether one held something.
fn take(document: &mut Map<String, Value>, place: &str) -> (bool, bool) {
    let Some(auths) = document.get_mut("auths").and_then(Value::as_object_mut) else { return (false, false) };
    let before = auths.len();
    let mut had_credential = false;
    auths.retain(|spelled, entry| {
        let stays = place::normal(spelled).is_none_or(|other| other != place);
        had_credential |= !stays && entry.as_object().is_some_and(|entry| !entry.is_empty());
        stays
    });
    (auths.len() < before, had_credential)
}

/// Reads a file as it is, and what it means; one that is not there is empty.
fn read(path: &Path) -> Result<(Map<String, Value>, AuthFile), StoreError> {
    let bytes = match bytes(path) {
        Err(StoreError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        read => read?,
    };
    let file = AuthFile::parse(path, &bytes).map_err(|reason| StoreError::Format { path: path.to_owned(), reason })?;
    // What could be read as a file of credentials is an object.
    Ok((serde_json::from_slice(&bytes).unwrap_or_default(), file))
}

fn write(path: &Path, document: &Map<String, Value>) -> Result<(), StoreError> {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    let failed = |error: serde_json::Error| StoreError::file("cannot write", path)(error.into());
    document.serialize(&mut serializer).map_err(failed)?;
    bytes.push(b'\n');
    store::atomic::save_secret(path, &bytes)
}

/// Makes a directory in which only its owner can look, if it is not there.
fn make_directory(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::super::{Credentials, Secret};
    use super::*;

    fn password(user: &str) -> Credential {
        Credential::Password { user: user.to_owned(), password: Secret::new("geheim".to_owned()) }
    }

    #[tokio::test]
    async fn what_is_kept_is_found_and_nothing_else_is_touched() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/config.json");
        assert_eq!(keep(&path, "docker.io", &password("u")).await.unwrap(), Kept::File);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(&path).unwrap().contains(r#""https://index.docker.io/v1/""#));
        let found = Credentials::from_files([&path]).unwrap().find(&"docker.io".parse().unwrap(), None).await.unwrap();
        assert!(found == Some(password("u")));
        let other = br#"{"auths":{"other":{"auth":"dTpw"},"docker.io":{"auth":"dTpw"}},"psFormat":"x","HttpHeaders":{"a":"b"}}"#;
        store::atomic::save(&path, other).unwrap();
        keep(&path, "index.docker.io", &password("v")).await.unwrap();
        keep(&path, "h:5000/team", &Credential::Refresh(Secret::new("token".to_owned()))).await.unwrap();
        let document: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let expected = json!({
            "auths": {
                "other": { "auth": "dTpw" },
                "https://index.docker.io/v1/": { "auth": STANDARD.encode("v:geheim") },
                "h:5000/team": { "identitytoken": "token" },
            },
            "psFormat": "x",
            "HttpHeaders": { "a": "b" },
        });
        assert_eq!(document, expected);
        assert_eq!(remove(&path, "docker.io").await.unwrap(), [Kept::File]);
        assert_eq!(remove(&path, "docker.io").await.unwrap(), []);
        assert_eq!(remove(&path, "h:5000").await.unwrap(), [], "only the prefix was there");
        assert!(fs::read_to_string(&path).unwrap().contains("other"));
        assert_eq!(remove(&directory.path().join("nothing"), "h").await.unwrap(), []);
        assert!(!directory.path().join("nothing").exists());
    }

    #[tokio::test]
    async fn a_file_that_is_none_stays_as_it_is() {
        let file = tempfile::NamedTempFile::new().unwrap();
        store::atomic::save(file.path(), b"[geheim").unwrap();
        let error = keep(file.path(), "h", &password("u")).await.unwrap_err();
        assert!(!format!("{error:?}").contains("geheim"), "{error:?}");
        assert_eq!(fs::read(file.path()).unwrap(), b"[geheim");
    }

    #[test]
    fn of_changes_at_the_same_time_none_is_lost() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("real"), directory.path().join("link"));
        store::atomic::save(&path, b"{}").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let places = |thread: usize| (0..40).map(move |number| format!("h{thread}.example/{number}"));
        std::thread::scope(|scope| {
            for (thread, path) in [&path, &link, &path].into_iter().enumerate() {
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    for (number, place) in places(thread).enumerate() {
                        runtime.block_on(keep(path, &place, &password("u"))).unwrap();
                        if number % 2 == 1 {
                            assert_eq!(runtime.block_on(remove(path, &place)).unwrap(), [Kept::File], "{place}");
                        }
                    }
                });
            }
        });
        let document: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let kept: std::collections::BTreeSet<String> = document["auths"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(kept, (0..3).flat_map(|thread| places(thread).step_by(2)).collect());
    }

    #[tokio::test]
    async fn a_link_is_followed_and_others_cannot_read() {
        let directory = tempfile::tempdir().unwrap();
        let (link, real) = (directory.path().join("link"), directory.path().join("real"));
        store::atomic::save(&real, b"{}").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        keep(&link, "h", &password("u")).await.unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(&real).unwrap().contains("auth"));
    }
}
