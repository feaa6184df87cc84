//! Who this user is to registries: where credentials are found, kept and forgotten.

use std::path::{Path, PathBuf};

use client::Credential;
use client::credentials::{Credentials, Origin, Outcome};
use oci::{Host, RepositoryName};
use store::StoreError;

use crate::context::Context;
use crate::error::OpsError;

pub use client::Secret;

/// Files that may hold credentials, or the names of the programs that do.
#[derive(Clone, Debug, Default)]
pub struct AuthFiles {
    /// The one that the user has named. It stands alone, and has to be there to be read.
    pub named: Option<PathBuf>,
    /// Those where credentials usually are, the first before the others. Each may be missing.
    pub usual: Vec<PathBuf>,
    /// The one of these in which something new is kept, whatever others there are.
    pub preferred: Option<PathBuf>,
    /// The one that is made where there is none.
    pub new: Option<PathBuf>,
}

impl AuthFiles {
    /// Returns the files to read, the first before the others.
    fn to_read(&self) -> Vec<&Path> {
        match &self.named {
            Some(named) => vec![named],
            None => self.usual.iter().map(PathBuf::as_path).filter(|path| is_there(path)).collect(),
        }
    }

    /// Returns the file in which something new is kept: nothing in another comes before it.
    fn to_keep(&self) -> Result<&Path, OpsError> {
        let first = || self.usual.iter().find(|path| is_there(path));
        let path = self.named.as_ref().or(self.preferred.as_ref()).or_else(first).or(self.new.as_ref());
        path.map(PathBuf::as_path).ok_or_else(|| {
            OpsError::usage(
                "nothing says where credentials are kept: neither DOCKER_CONFIG nor XDG_CONFIG_HOME nor HOME is set",
                "export SUPERCARGO_AUTH_FILE=FILE".to_owned(),
            )
        })
    }

    /// Reads them.
    pub(crate) fn read(&self) -> Result<Credentials, StoreError> {
        Credentials::from_files(self.to_read())
    }
}

/// A file that cannot be looked at is there: whoever reads it is told why.
fn is_there(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}

/// A registry, or a prefix of repositories in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The registry.
    pub host: Host,
    /// The prefix, or a repository.
    pub path: Option<RepositoryName>,
}

impl std::str::FromStr for Place {
    type Err = OpsError;

    /// Reads `HOST[:PORT][/PATH]`, also as a URL, which docker takes for its hub.
    fn from_str(text: &str) -> Result<Self, OpsError> {
        let bare = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let is_url = bare.is_some();
        let bare = bare.unwrap_or(text).trim_end_matches('/');
        let (host, path) = bare.split_once('/').map_or((bare, None), |(host, path)| (host, Some(path)));
        let wrong = || {
            let message = format!("`{}` is not HOST[:PORT] or HOST[:PORT]/PATH", oci::text::printable(text));
            OpsError::usage(message, "supercargo login registry.example:5000".to_owned())
        };
        let host = match host {
            "index.docker.io" | "registry-1.docker.io" => "docker.io",
            other => other,
        };
        let host = host.parse().map_err(|_| wrong())?;
        let path = path.filter(|_| !is_url).map(|path| path.parse().map_err(|_| wrong())).transpose()?;
        Ok(Self { host, path })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}/{path}", self.host),
            None => write!(f, "{}", self.host),
        }
    }
}

/// Who is to be let in where.
#[derive(Clone)]
pub struct LoginRequest {
    /// For what the credentials are.
    pub place: Place,
    /// The user name.
    pub user: String,
    /// The password, or a token that takes its place.
    pub password: Secret,
}

/// What came of a login.
#[derive(Clone, Debug)]
pub struct LoginReport {
    /// The file that keeps the credentials, or names the program that does.
    pub file: PathBuf,
    /// That program.
    pub helper: Option<String>,
    /// Whether the registry wanted to see them. Some let everybody in and want none before something is pushed.
    pub was_checked: bool,
}

/// Shows a registry a user name and a password, and keeps them when it takes them.
///
/// # Errors
/// [`StoreError::Denied`] when the registry does not take them, or what else it brings; as [`client::credentials::keep`]. Then
/// nothing was kept.
pub async fn login(context: &Context, request: &LoginRequest) -> Result<LoginReport, OpsError> {
    let path = context.auth_files().to_keep()?;
    let credential = Credential::Password { user: request.user.clone(), password: request.password.clone() };
    let mut credentials = Credentials::default();
    credentials.add(request.place.host.as_str(), credential.clone());
    let client = context.client_of_its_own(|options| options.credentials = credentials)?;
    let was_checked = client.sign_in(&request.place.host).await?;
    let kept = client::credentials::keep(path, &request.place.to_string(), &credential).await?;
    Ok(LoginReport { file: path.to_owned(), helper: kept.helper(), was_checked })
}

/// What was forgotten.
#[derive(Clone, Debug)]
pub struct LogoutReport {
    /// Each file that had something, or names a program that did, and that program.
    pub removed: Vec<(PathBuf, Option<String>)>,
}

/// Removes what there is for exactly this place from all files that are read.
///
/// # Errors
/// [`OpsError::NotFound`] when nothing was there; as [`client::credentials::remove`], and then it was removed from the files
/// before that one.
pub async fn logout(context: &Context, place: &Place) -> Result<LogoutReport, OpsError> {
    let mut removed = Vec::new();
    for path in context.auth_files().to_read() {
        for kept in client::credentials::remove(path, &place.to_string()).await? {
            removed.push((path.to_owned(), kept.helper()));
        }
    }
    if removed.is_empty() {
        let name = format!("credentials for {place}");
        return Err(OpsError::NotFound { location: "this user".to_owned(), name });
    }
    Ok(LogoutReport { removed })
}

/// What a file has for a place.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The file.
    pub file: PathBuf,
    /// What it has.
    pub state: FileState,
}

/// What a file has for a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// It is not there.
    Missing,
    /// It cannot be read, and so nothing can be asked of any registry.
    Broken {
        /// Why.
        reason: String,
    },
    /// It is not asked: one before it decides.
    NotReached,
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
        kind: CredentialKind,
        /// Whose they are, where that is known and no secret.
        user: Option<String>,
    },
    /// It is not known.
    Failed {
        /// Where there should be some.
        origin: Origin,
        /// Why nobody knows.
        reason: String,
    },
}

/// What credentials are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// A user name and a password.
    Password,
    /// A token that is exchanged for others.
    IdentityToken,
    /// A token that is shown as it is.
    RegistryToken,
}

/// Returns what each file has for a place, in the order in which they are asked; the first that has something, or of which that is not
/// known, decides. Programs that the files up to that one name are asked.
pub async fn explain(context: &Context, place: &Place) -> Vec<Explained> {
    let files = context.auth_files();
    let mut explained: Vec<Explained> = Vec::new();
    let paths = files.named.as_ref().map_or(&*files.usual, std::slice::from_ref);
    for path in paths {
        let is_decided = explained.iter().any(|before| before.state.decides());
        let state = state_of(path, place, is_decided).await;
        explained.push(Explained { file: path.clone(), state });
    }
    explained
}

impl FileState {
    /// Returns whether files behind this one are not asked.
    pub const fn decides(&self) -> bool {
        matches!(self, Self::Found { .. } | Self::Failed { .. } | Self::Broken { .. })
    }
}

async fn state_of(path: &Path, place: &Place, is_decided: bool) -> FileState {
    if !is_there(path) {
        return FileState::Missing;
    }
    let credentials = match Credentials::from_files([path]) {
        Ok(credentials) => credentials,
        Err(error) => return FileState::Broken { reason: crate::error::chain(&error) },
    };
    if is_decided {
        return FileState::NotReached;
    }
    let looked = credentials.explain(&place.host, place.path.as_ref()).await;
    match looked.into_iter().next().map(|(_, outcome)| outcome) {
        None => FileState::Missing,
        Some(Outcome::Nothing { helpers }) => FileState::Nothing { helpers },
        Some(Outcome::Failed { origin, reason }) => FileState::Failed { origin, reason },
        Some(Outcome::Found { origin, credential }) => {
            let kind = match &credential {
                Credential::Password { .. } => CredentialKind::Password,
                Credential::Refresh(_) => CredentialKind::IdentityToken,
                Credential::Bearer(_) => CredentialKind::RegistryToken,
            };
            FileState::Found { origin, kind, user: credential.shown_user().map(str::to_owned) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_in_all_the_ways_it_is_written() {
        let cases = [
            ("registry.example", "registry.example"),
            ("registry.example:5000/team/app", "registry.example:5000/team/app"),
            ("https://index.docker.io/v1/", "docker.io"),
            ("http://registry.example/v2/", "registry.example"),
            ("index.docker.io", "docker.io"),
        ];
        for (text, is) in cases {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), is);
        }
        for text in ["", "a b", "registry.example/UPPER", "registry.example/a:tag", "-x"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
