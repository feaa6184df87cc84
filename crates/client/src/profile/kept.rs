//! Profiles on disk: one file of JSON for each registry (docs/formats/registry-profile.md).

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use oci::Host;
use store::StoreError;

use super::{RegistryProfile, VERSION};

/// Largest file that is read, in bytes.
const FILE_MAX_BYTES: u64 = 1024 * 1024;

/// Where profiles are kept. Without a directory they live as long as the client.
#[derive(Clone, Debug, Default)]
pub struct Profiles {
    directory: Option<PathBuf>,
}

impl Profiles {
    /// Returns those below a directory, which is made when there is something to keep.
    pub const fn below(directory: Option<PathBuf>) -> Self {
        Self { directory }
    }

    /// Returns what is kept of a registry. A file that is not there, or cannot be understood, says nothing: everything in it can be
    /// found out again.
    pub fn read(&self, host: &Host) -> RegistryProfile {
        self.try_read(host).unwrap_or_else(|| RegistryProfile::new(host))
    }

    fn try_read(&self, host: &Host) -> Option<RegistryProfile> {
        let mut bytes = Vec::new();
        File::open(self.path(host)?).ok()?.take(FILE_MAX_BYTES).read_to_end(&mut bytes).ok()?;
        let profile: RegistryProfile = serde_json::from_slice(&bytes).ok()?;
        (profile.version == VERSION && profile.host == host.as_str()).then_some(profile)
    }

    /// Adds what was seen of a registry to what is kept of it. Of two that do so at once one may be lost, and is found out again.
    ///
    /// # Errors
    /// [`StoreError::File`]; then what was kept is what it was.
    pub fn add(&self, host: &Host, seen: RegistryProfile) -> Result<(), StoreError> {
        let Some(path) = self.path(host) else { return Ok(()) };
        let mut profile = self.read(host);
        profile.merge(seen);
        let Ok(mut text) = serde_json::to_vec_pretty(&profile) else { return Ok(()) };
        text.push(b'\n');
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(StoreError::file("cannot make", directory))?;
        }
        store::atomic::write(&path, &text)
    }

    fn path(&self, host: &Host) -> Option<PathBuf> {
        // A host consists of letters, digits and `.-:[]`, and is neither `.` nor `..`.
        Some(self.directory.as_ref()?.join(format!("{host}.json")))
    }
}

/// Returns the time, in seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::{Check, Found, Quirk};
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_what_is_not_understood_is_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let profiles = Profiles::below(Some(directory.path().join("new")));
        let host: Host = "h.example:5000".parse().unwrap();
        assert_eq!(profiles.read(&host), RegistryProfile::new(&host));
        let mut seen = RegistryProfile::new(&host);
        let quirk = Quirk::AbsentTagDenied;
        seen.checks.insert(quirk.ability(), Check::new(Found::Quirk(quirk), "it answered 403".to_owned()));
        profiles.add(&host, seen.clone()).unwrap();
        assert_eq!(profiles.read(&host), seen);

        let path = profiles.path(&host).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"absent-tag\"") && text.contains("\"absent-tag-denied\""), "{text}");
        for other in [
            text.replace("\"version\": 1", "\"version\": 2"),
            text.replace("h.example", "i.example"),
            text[..text.len() / 2].to_owned(),
        ] {
            std::fs::write(&path, other).unwrap();
            assert_eq!(profiles.read(&host), RegistryProfile::new(&host));
        }
        profiles.add(&host, seen.clone()).unwrap();
        assert_eq!(profiles.read(&host), seen);
    }
}
