//! Profiles on disk: one file of JSON for each registry (docs/formats/registry-profile.md).

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use oci::{Host, Timestamp};
use store::StoreError;

use super::{RegistryProfile, VERSION};

/// Largest file that is read, in bytes.
const FILE_MAX_BYTES: u64 = 1024 * 1024;

/// Where profiles are kept, and the time.
#[derive(Clone)]
pub struct Profiles {
    directory: Option<PathBuf>,
    clock: Arc<dyn Fn() -> Option<Timestamp> + Send + Sync>,
}

impl Default for Profiles {
    /// Returns a place that keeps nothing: what is seen counts as long as the client lives.
    fn default() -> Self {
        Self { directory: None, clock: Arc::new(|| None) }
    }
}

impl fmt::Debug for Profiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Profiles").field(&self.directory).finish()
    }
}

impl Profiles {
    /// Returns those below a directory, which is made when there is something to keep. Nothing is kept while the time is not known.
    pub fn below(directory: PathBuf, clock: impl Fn() -> Option<Timestamp> + Send + Sync + 'static) -> Self {
        Self { directory: Some(directory), clock: Arc::new(clock) }
    }

    /// Returns the time; the beginning of 1970 where it is not known.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)().unwrap_or(Timestamp::EPOCH)
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
        let Some(path) = self.path(host).filter(|_| (self.clock)().is_some()) else { return Ok(()) };
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
        // A host has no slash in it, and the name of the file ends with more than it.
        Some(self.directory.as_ref()?.join(format!("{host}.json")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Check, Found, Quirk};
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_what_is_not_understood_is_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let now = Timestamp::from_seconds(1_800_000_000).unwrap();
        let profiles = Profiles::below(directory.path().join("new"), move || Some(now));
        let host: Host = "h.example:5000".parse().unwrap();
        assert_eq!(profiles.read(&host), RegistryProfile::new(&host));
        let mut seen = RegistryProfile::new(&host);
        let quirk = Quirk::AbsentTagDenied;
        seen.checks.insert(quirk.ability(), Check::new(Found::Quirk(quirk), "it answered 403".to_owned(), now));
        profiles.add(&host, seen.clone()).unwrap();
        assert_eq!(profiles.read(&host), seen);

        let path = profiles.path(&host).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"absent-tag\"") && text.contains("\"absent-tag-denied\""), "{text}");
        let (newer, of_another) = (text.replace("\"version\": 1", "\"version\": 2"), text.replace("h.ex", "i.ex"));
        for other in [newer, of_another, text[..text.len() / 2].to_owned()] {
            store::atomic::write(&path, other.as_bytes()).unwrap();
            assert_eq!(profiles.read(&host), RegistryProfile::new(&host));
        }
        profiles.add(&host, seen.clone()).unwrap();
        assert_eq!(profiles.read(&host), seen);
    }

    #[test]
    fn without_the_time_nothing_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let profiles = Profiles::below(directory.path().join("new"), || None);
        let host: Host = "h.example".parse().unwrap();
        profiles.add(&host, RegistryProfile::new(&host)).unwrap();
        assert!(!directory.path().join("new").exists());
    }
}
