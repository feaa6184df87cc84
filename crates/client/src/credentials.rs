//! User names, passwords and tokens by registry, as docker and podman keep them.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use oci::{Host, RepositoryName};
use serde::Deserialize;
use store::StoreError;

/// Largest auth file that is read, in bytes.
const AUTH_FILE_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Docker Hub's name in references, and the names it goes by in auth files.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_ALIASES: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];

/// Something that is not shown: there is no way to print it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Makes a secret of a text.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// What a registry is shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A user name and a password.
    Password {
        /// The user name.
        user: String,
        /// The password, or a token that takes its place.
        password: Secret,
    },
    /// A token that is exchanged for others (`identitytoken`).
    Refresh(Secret),
}

impl Credential {
    /// Returns the `Authorization` of the basic scheme, where there is a password.
    pub(crate) fn basic(&self) -> Option<HeaderValue> {
        let Self::Password { user, password } = self else { return None };
        let pair = STANDARD.encode(format!("{user}:{}", password.reveal()));
        let mut value = HeaderValue::try_from(format!("Basic {pair}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// User names, passwords and tokens by registry or by a prefix of repositories in it.
#[derive(Clone, Default)]
pub struct Credentials {
    entries: BTreeMap<String, Credential>,
}

impl Credentials {
    /// Reads auth files of docker (`config.json`) or podman (`auth.json`). For each key the first file that has it wins.
    ///
    /// # Errors
    /// [`StoreError::File`] when a file cannot be read, [`StoreError::Format`] when it is not such a file. The content of a
    /// file is never part of the message.
    pub fn from_files<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self, StoreError> {
        let mut credentials = Self::default();
        for path in paths {
            let path = path.as_ref();
            let mut bytes = Vec::new();
            std::fs::File::open(path)
                .and_then(|file| file.take(AUTH_FILE_MAX_BYTES + 1).read_to_end(&mut bytes))
                .map_err(|source| StoreError::File {
                    action: "cannot read credentials from",
                    path: path.to_owned(),
                    source,
                })?;
            credentials.add_file(&bytes).map_err(|reason| StoreError::Format { path: path.to_owned(), reason })?;
        }
        Ok(credentials)
    }

    /// Adds a credential for a registry (`HOST[:PORT]`) or a prefix of repositories in it (`HOST[:PORT]/PATH`), unless there
    /// is one for exactly that.
    pub fn add(&mut self, place: &str, credential: Credential) {
        self.entries.entry(normal_key(place)).or_insert(credential);
    }

    /// Returns the credential for a repository: that of the longest prefix of its name, down to the registry's own.
    pub fn find(&self, host: &Host, repository: Option<&RepositoryName>) -> Option<&Credential> {
        let mut place = host.as_str().to_owned();
        if let Some(repository) = repository {
            place.push('/');
            place.push_str(repository.as_str());
        }
        loop {
            if let Some(credential) = self.entries.get(&place) {
                return Some(credential);
            }
            let shorter = place.rfind('/')?;
            place.truncate(shorter);
        }
    }

    fn add_file(&mut self, bytes: &[u8]) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Document {
            #[serde(default)]
            auths: Option<BTreeMap<String, Option<Entry>>>,
        }
        #[derive(Default, Deserialize)]
        struct Entry {
            #[serde(default)]
            auth: Option<String>,
            #[serde(default)]
            username: Option<String>,
            #[serde(default)]
            password: Option<String>,
            #[serde(default)]
            identitytoken: Option<String>,
        }
        if bytes.len() as u64 > AUTH_FILE_MAX_BYTES {
            return Err(format!("has more than {AUTH_FILE_MAX_BYTES} bytes"));
        }
        // The parser's message may quote a secret: say only where it stopped.
        let document: Document = serde_json::from_slice(bytes)
            .map_err(|error| format!("is not an auth file (line {}, column {})", error.line(), error.column()))?;
        for (place, entry) in document.auths.unwrap_or_default() {
            let entry = entry.unwrap_or_default();
            let credential = if let Some(token) = entry.identitytoken.filter(|token| !token.is_empty()) {
                Credential::Refresh(Secret(token))
            } else if let Some(auth) = entry.auth.filter(|auth| !auth.is_empty()) {
                let pair = STANDARD.decode(auth.trim()).ok().and_then(|pair| String::from_utf8(pair).ok());
                let (user, password) = pair.as_deref().and_then(|pair| pair.split_once(':')).ok_or_else(|| {
                    let place = oci::text::printable(&place);
                    format!("has an `auth` that is not USER:PASSWORD in base64, for {place}")
                })?;
                // Docker pads passwords with zero bytes.
                let password = Secret(password.trim_end_matches('\0').to_owned());
                Credential::Password { user: user.to_owned(), password }
            } else if let (Some(user), Some(password)) = (entry.username, entry.password) {
                Credential::Password { user, password: Secret(password) }
            } else {
                // An empty entry says that a credential helper has it.
                continue;
            };
            self.add(&place, credential);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Credentials {
    /// Shows for how many places there are credentials, and nothing else.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({} places)", self.entries.len())
    }
}

/// Brings the spellings of a place to one: `https://index.docker.io/v1/` is `docker.io`.
fn normal_key(place: &str) -> String {
    let bare = place.strip_prefix("https://").or_else(|| place.strip_prefix("http://"));
    let was_url = bare.is_some();
    let mut bare = bare.unwrap_or(place).trim_end_matches('/');
    if was_url {
        // Docker writes the API's path behind the host.
        bare = bare.strip_suffix("/v1").or_else(|| bare.strip_suffix("/v2")).unwrap_or(bare);
    }
    let (host, path) = bare.split_once('/').map_or((bare, None), |(host, path)| (host, Some(path)));
    let mut host = host.to_ascii_lowercase();
    if DOCKER_HUB_ALIASES.contains(&host.as_str()) {
        DOCKER_HUB.clone_into(&mut host);
    }
    match path {
        Some(path) => format!("{host}/{path}"),
        None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::{Credential, Credentials, Secret};

    fn user(credentials: &Credentials, host: &str, repository: Option<&str>) -> Option<String> {
        let repository = repository.map(|name| name.parse().unwrap());
        match credentials.find(&host.parse().unwrap(), repository.as_ref())? {
            Credential::Password { user, password } => Some(format!("{user}={}", password.reveal())),
            Credential::Refresh(token) => Some(format!("refresh={}", token.reveal())),
        }
    }

    #[test]
    fn reads_files_of_docker_and_podman() {
        let mut credentials = Credentials::default();
        let file = br#"{"auths":{
            "https://index.docker.io/v1/":{"auth":"dTpwOnE="},
            "h:5000":{"auth":"aTpq"}, "h:5000/team/app":{"username":"deep","password":"x"},
            "t.example":{"identitytoken":"tok","auth":"dTpw"}, "helper.example":{}, "null.example":null },
            "credsStore":"desktop","HttpHeaders":{}}"#;
        credentials.add_file(file).unwrap();
        credentials.add_file(br#"{"auths":{"h:5000":{"auth":"bm90OnRoaXM="}}}"#).unwrap();
        assert_eq!(user(&credentials, "docker.io", Some("library/a")).as_deref(), Some("u=p:q"));
        assert_eq!(user(&credentials, "h:5000", Some("team/other")).as_deref(), Some("i=j"));
        assert_eq!(user(&credentials, "h:5000", Some("team/app/deeper")).as_deref(), Some("deep=x"));
        assert_eq!(user(&credentials, "h:5000", Some("team/application")).as_deref(), Some("i=j"));
        assert_eq!(user(&credentials, "t.example", None).as_deref(), Some("refresh=tok"));
        assert_eq!(user(&credentials, "helper.example", None), None);
        assert_eq!(user(&credentials, "h", None), None);
    }

    #[test]
    fn does_not_show_what_is_secret() {
        let mut credentials = Credentials::default();
        credentials.add("h", Credential::Password { user: "u".into(), password: Secret::new("geheim".into()) });
        assert_eq!(format!("{credentials:?}"), "Credentials(1 places)");
        let error = credentials.add_file(br#"{"auths":{"h":{"auth": geheim }}}"#).unwrap_err();
        assert!(!error.contains("geheim"), "{error}");
        let error = credentials.add_file(br#"{"auths":{"h":{"auth":"Z2VoZWlt"}}}"#).unwrap_err();
        assert!(!error.contains("geheim"), "{error}");
    }
}
