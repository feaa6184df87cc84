//! One file with credentials, or with the names of helpers that have them.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::{Host, RepositoryName};
use serde::Deserialize;
use store::StoreError;

use super::asked::Asked;
use super::helper::Helper;
use super::{Credential, Origin, Outcome, Secret, place};

/// Largest auth file that is read, in bytes.
pub(super) const FILE_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// An auth file of docker (`config.json`) or podman (`auth.json`).
#[derive(Clone)]
pub struct AuthFile {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
    /// Helpers by the places that they know.
    helpers: BTreeMap<String, Named>,
    /// The helper for everything else.
    store: Option<Named>,
}

/// What stands behind a place.
#[derive(Clone)]
enum Entry {
    Credential(Credential),
    /// That it is kept elsewhere.
    Elsewhere,
    /// Something that is no credential.
    Broken,
}

/// The name of a helper, as it stands there; what is none is an error when it would be asked.
type Named = Result<Helper, String>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    auths: Option<BTreeMap<String, Option<EntryDocument>>>,
    #[serde(default)]
    cred_helpers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
struct EntryDocument {
    #[serde(default)]
    auth: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    identitytoken: Option<String>,
    #[serde(default)]
    registrytoken: Option<String>,
}

impl EntryDocument {
    fn read(self) -> Entry {
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        if let Some(token) = some(self.identitytoken) {
            return Entry::Credential(Credential::Refresh(Secret(token)));
        }
        if let Some(token) = some(self.registrytoken) {
            return Entry::Credential(Credential::Bearer(Secret(token)));
        }
        if let Some(auth) = some(self.auth) {
            let pair = STANDARD.decode(auth.trim()).ok().and_then(|pair| String::from_utf8(pair).ok());
            let Some((user, password)) = pair.as_deref().and_then(|pair| pair.split_once(':')) else {
                return Entry::Broken;
            };
            // Docker pads passwords with zero bytes.
            let password = Secret(password.trim_end_matches('\0').to_owned());
            return Entry::Credential(Credential::Password { user: user.to_owned(), password });
        }
        match (self.username, self.password) {
            (Some(user), Some(password)) => {
                Entry::Credential(Credential::Password { user, password: Secret(password) })
            }
            _ => Entry::Elsewhere,
        }
    }
}

impl AuthFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`StoreError::File`] when it cannot be read, [`StoreError::Format`] when it is not such a file. What it holds is never part
    /// of the message.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let bytes = bytes(path)?;
        Self::parse(path, &bytes).map_err(|reason| StoreError::Format { path: path.to_owned(), reason })
    }

    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, String> {
        let document: Document = if bytes.trim_ascii().is_empty() {
            // As podman has it: a file that was made and not written yet.
            Document { auths: None, cred_helpers: None, creds_store: None }
        } else {
            // The parser's message may quote a secret: say only where it stopped.
            serde_json::from_slice(bytes)
                .map_err(|error| format!("is not an auth file (line {}, column {})", error.line(), error.column()))?
        };
        let mut entries = BTreeMap::new();
        for (spelled, entry) in document.auths.unwrap_or_default() {
            let Some(place) = place::normal(&spelled) else { continue };
            let entry = entry.unwrap_or_default().read();
            // Of two spellings the one that says something counts, and of two that do, the one that we would write.
            let is_ours = place::written(&place) == spelled;
            match entries.get(&place) {
                Some(Entry::Credential(_) | Entry::Broken) if !is_ours || matches!(entry, Entry::Elsewhere) => {}
                _ => drop(entries.insert(place, entry)),
            }
        }
        let named = |name: String| Helper::new(&name).ok_or(name);
        let helpers = document.cred_helpers.unwrap_or_default().into_iter();
        let helpers = helpers.filter(|(_, name)| !name.is_empty());
        let helpers = helpers.filter_map(|(spelled, name)| Some((place::normal(&spelled)?, named(name)))).collect();
        let store = document.creds_store.filter(|name| !name.is_empty()).map(named);
        Ok(Self { path: path.to_owned(), entries, helpers, store })
    }

    /// Returns where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what the file has for a repository, or for the registry itself: by the longest prefix of its name. The helper that is
    /// named for a prefix knows better than what else is there for it; what is there knows better than the helper for everything.
    pub(super) async fn look(&self, host: &Host, repository: Option<&RepositoryName>, asked: &Asked) -> Outcome {
        let mut silent = Vec::new();
        for place in place::places(host, repository) {
            let (entry, is_registry) = (self.entries.get(&place), !place.contains('/'));
            let helper = match (self.helpers.get(&place), entry) {
                (Some(helper), _) => Some(helper),
                (None, Some(Entry::Credential(credential))) => {
                    return Outcome::Found { origin: Origin { place, helper: None }, credential: credential.clone() };
                }
                (None, Some(Entry::Broken)) => {
                    let reason = format!("`auth` of {} is not USER:PASSWORD in base64", oci::text::printable(&place));
                    return Outcome::Failed { origin: Origin { place, helper: None }, reason };
                }
                (None, Some(Entry::Elsewhere)) => self.store.as_ref(),
                (None, None) => self.store.as_ref().filter(|_| is_registry),
            };
            let Some(helper) = helper else { continue };
            let name = helper.as_ref().map_or_else(Clone::clone, Helper::program);
            let found = match helper {
                Ok(helper) => asked.ask(helper, &place).await,
                Err(_) => Err("that is no name of a helper".to_owned()),
            };
            match found {
                Ok(Some(credential)) => {
                    return Outcome::Found { origin: Origin { place, helper: Some(name) }, credential };
                }
                Ok(None) => silent.push(name),
                Err(reason) => return Outcome::Failed { origin: Origin { place, helper: Some(name) }, reason },
            }
        }
        silent.dedup();
        Outcome::Nothing { helpers: silent }
    }

    /// Returns the helper that keeps what is to be kept for a place; `None` where the file does.
    ///
    /// # Errors
    /// What stands there and is no name of a helper.
    pub(super) fn keeper(&self, place: &str) -> Result<Option<&Helper>, String> {
        let named = self.helpers.get(place).or(self.store.as_ref());
        named.map(|named| named.as_ref().map_err(Clone::clone)).transpose()
    }

    /// Tells for how many places there is something.
    pub(super) fn len(&self) -> usize {
        self.entries.len() + self.helpers.len()
    }
}

/// Reads a file that is not too large.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(StoreError::file("cannot read credentials from", path))?;
    if bytes.len() as u64 > FILE_MAX_BYTES {
        let reason = format!("has more than {FILE_MAX_BYTES} bytes");
        return Err(StoreError::Format { path: path.to_owned(), reason });
    }
    Ok(bytes)
}
