//! User names, passwords and tokens by registry, as docker and podman keep them: in files, and with helpers that the files name.

mod asked;
mod auth_file;
mod change;
mod helper;
mod place;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use oci::{Host, RepositoryName};
use store::StoreError;

use self::asked::Asked;
pub use self::auth_file::AuthFile;
pub use self::change::{Kept, keep, remove};

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
    /// A token that is shown as it is (`registrytoken`).
    Bearer(Secret),
}

impl Credential {
    /// Returns the user name, unless it is, or may be, what is secret: some registries take a token for a name.
    pub fn shown_user(&self) -> Option<&str> {
        match self {
            Self::Password { user, password } => {
                let is_token = matches!(password.reveal(), "" | "x" | "x-oauth-basic");
                Some(user.as_str()).filter(|_| !is_token)
            }
            Self::Refresh(_) | Self::Bearer(_) => None,
        }
    }

    /// Returns the `Authorization` of the basic scheme, where there is a password.
    pub(crate) fn basic(&self) -> Option<HeaderValue> {
        let Self::Password { user, password } = self else { return None };
        sensitive(format!("Basic {}", pair(user, password)))
    }

    /// Returns the `Authorization` of the bearer scheme, where there is a token for it.
    pub(crate) fn bearer(&self) -> Option<HeaderValue> {
        let Self::Bearer(token) = self else { return None };
        sensitive(format!("Bearer {}", token.reveal()))
    }
}

/// Returns a user name and a password as the basic scheme and auth files write them (RFC 7617 section 2).
fn pair(user: &str, password: &Secret) -> String {
    STANDARD.encode(format!("{user}:{}", password.reveal()))
}

/// Returns a header's value that is not shown. `None` when it has characters that cannot be sent.
pub(crate) fn sensitive(value: String) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The error of a file, or of the program that it names, of which it is not known what it has for `place`.
fn unknown(place: &str, file: &Path, helper: Option<&str>, reason: &str) -> StoreError {
    let file = file.display();
    let reason = match helper {
        Some(helper) => format!("{file} names {}: {reason}", oci::text::printable(helper)),
        None => format!("{file}: {reason}"),
    };
    StoreError::Credentials { location: place.to_owned(), reason }
}

/// Where credentials were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The registry, or the prefix of repositories in it, for which they are there.
    pub place: String,
    /// The program that was asked for them; `None` when they stand in the file.
    pub helper: Option<String>,
}

/// What a file has for a repository.
#[derive(Clone)]
pub enum Outcome {
    /// Nothing.
    Nothing {
        /// The programs that were asked and have nothing.
        helpers: Vec<String>,
    },
    /// Credentials.
    Found {
        /// Where.
        origin: Origin,
        /// What they are.
        credential: Credential,
    },
    /// It is not known.
    Failed {
        /// Where there should be some.
        origin: Origin,
        /// Why nobody knows.
        reason: String,
    },
}

/// User names, passwords and tokens by registry or by a prefix of repositories in it. A clone shares what helpers have said.
#[derive(Clone, Default)]
pub struct Credentials {
    given: BTreeMap<String, Credential>,
    files: Vec<Arc<AuthFile>>,
    asked: Asked,
}

impl Credentials {
    /// Reads auth files of docker (`config.json`) or podman (`auth.json`). The first that has something for a repository wins.
    ///
    /// # Errors
    /// As [`AuthFile::read`].
    pub fn from_files<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self, StoreError> {
        let files =
            paths.into_iter().map(|path| AuthFile::read(path.as_ref()).map(Arc::new)).collect::<Result<_, _>>()?;
        Ok(Self { files, ..Self::default() })
    }

    /// Adds a credential for a registry (`HOST[:PORT]`) or a prefix of repositories in it (`HOST[:PORT]/PATH`), unless there
    /// is one for exactly that. It comes before those of all files.
    pub fn add(&mut self, place: &str, credential: Credential) {
        if let Some(place) = place::normal(place) {
            self.given.entry(place).or_insert(credential);
        }
    }

    /// Returns the credential for a repository: in the first file that has one, that of the longest prefix of its name, down to the
    /// registry's own. Helpers are asked once for each prefix.
    ///
    /// # Errors
    /// [`StoreError::Credentials`] when it is not known whether there is one.
    pub async fn find(
        &self,
        host: &Host,
        repository: Option<&RepositoryName>,
    ) -> Result<Option<Credential>, StoreError> {
        if let Some(credential) = place::places(host, repository).find_map(|place| self.given.get(&place)) {
            return Ok(Some(credential.clone()));
        }
        for file in &self.files {
            match file.look(host, repository, &self.asked).await {
                Outcome::Nothing { .. } => {}
                Outcome::Found { credential, .. } => return Ok(Some(credential)),
                Outcome::Failed { origin, reason } => {
                    return Err(unknown(host.as_str(), file.path(), origin.helper.as_deref(), &reason));
                }
            }
        }
        Ok(None)
    }

    /// Returns what each file has for a repository, or for the registry itself, in the order in which they are asked.
    pub async fn explain(&self, host: &Host, repository: Option<&RepositoryName>) -> Vec<(&AuthFile, Outcome)> {
        let mut looked = Vec::new();
        for file in &self.files {
            looked.push((&**file, file.look(host, repository, &self.asked).await));
        }
        looked
    }
}

impl std::fmt::Debug for Credentials {
    /// Shows for how many places there are credentials, and nothing else.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let places = self.given.len() + self.files.iter().map(|file| file.len()).sum::<usize>();
        write!(f, "Credentials({places} places)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn user(credentials: &Credentials, host: &str, repository: Option<&str>) -> Option<String> {
        let repository = repository.map(|name| name.parse().unwrap());
        match credentials.find(&host.parse().unwrap(), repository.as_ref()).await.unwrap()? {
            Credential::Password { user, password } => Some(format!("{user}={}", password.reveal())),
            Credential::Refresh(token) => Some(format!("refresh={}", token.reveal())),
            Credential::Bearer(token) => Some(format!("bearer={}", token.reveal())),
        }
    }

    fn of_files(files: &[&str]) -> Credentials {
        let files =
            files.iter().map(|file| Arc::new(AuthFile::parse(Path::new("auth.json"), file.as_bytes()).unwrap()));
        Credentials { files: files.collect(), ..Credentials::default() }
    }

    #[tokio::test]
    async fn reads_files_of_docker_and_podman() {
        let file = r#"{"auths":{
            "https://index.docker.io/v1/":{"auth":"dTpwOnE="},
            "h:5000":{"auth":"aTpq"}, "h:5000/team/app":{"username":"deep","password":"x"},
            "t.example":{"identitytoken":"tok","auth":"dTpw"}, "b.example":{"registrytoken":"tik"},
            "helper.example":{}, "null.example":null },
            "HttpHeaders":{}}"#;
        let credentials = of_files(&[
            "",
            file,
            r#"{"auths":{"h:5000":{"auth":"bm90OnRoaXM="},"h:5000/team/other":{"auth":"aTpq"}}}"#,
        ]);
        let cases = [
            ("docker.io", Some("library/a"), Some("u=p:q")),
            ("h:5000", Some("team/other"), Some("i=j")),
            ("h:5000", Some("team/app/deeper"), Some("deep=x")),
            ("h:5000", Some("team/application"), Some("i=j")),
            ("t.example", None, Some("refresh=tok")),
            ("b.example", None, Some("bearer=tik")),
            ("helper.example", None, None),
            ("h", None, None),
        ];
        for (host, repository, is) in cases {
            assert_eq!(user(&credentials, host, repository).await.as_deref(), is, "{host}/{repository:?}");
        }
    }

    #[tokio::test]
    async fn of_two_spellings_of_a_place_one_counts() {
        let ours = r#""https://index.docker.io/v1/":{"auth":"dTpw"}"#;
        let other = r#""docker.io":{"auth":"aTpq"}"#;
        for (file, is) in [
            (format!("{ours},{other}"), "u=p"),
            (format!("{other},{ours}"), "u=p"),
            (format!(r#""index.docker.io":{{}},{other}"#), "i=j"),
            (format!(r#"{other},"https://index.docker.io/v1/":{{}}"#), "i=j"),
            (format!(r#"{ours},"https://index.docker.io/v1/access-token":{{"auth":"eDp5"}}"#), "u=p"),
        ] {
            let credentials = of_files(&[&format!(r#"{{"auths":{{{file}}}}}"#)]);
            assert_eq!(user(&credentials, "docker.io", None).await.as_deref(), Some(is), "{file}");
        }
    }

    #[tokio::test]
    async fn does_not_show_what_is_secret() {
        let mut credentials = Credentials::default();
        credentials.add("h", Credential::Password { user: "u".into(), password: Secret::new("geheim".into()) });
        assert_eq!(format!("{credentials:?}"), "Credentials(1 places)");
        let error = AuthFile::parse(Path::new("f"), br#"{"auths":{"h":{"auth": geheim }}}"#).err().unwrap();
        assert!(!error.contains("geheim"), "{error}");
        let credentials = of_files(&[r#"{"auths":{"h":{"auth":"Z2VoZWlt"}}}"#]);
        let error = credentials.find(&"h".parse().unwrap(), None).await.err().unwrap();
        assert!(!format!("{error:?}").contains("geheim") && error.to_string().contains("auth.json"), "{error}");
        assert!(
            credentials.find(&"other".parse().unwrap(), None).await.unwrap().is_none(),
            "it is for another registry"
        );
    }

    #[tokio::test]
    async fn a_helper_that_has_no_name_is_not_run() {
        let credentials = of_files(&[r#"{"credHelpers":{"h":"../../bin/sh"}}"#]);
        let error = credentials.find(&"h".parse().unwrap(), None).await.err().unwrap();
        assert!(matches!(error, StoreError::Credentials { .. }));
        assert!(error.to_string().contains("`../../bin/sh`") || error.to_string().contains("../../bin/sh"), "{error}");
    }
}
