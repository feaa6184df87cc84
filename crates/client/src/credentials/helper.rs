//! Programs that keep credentials: `docker-credential-NAME`, which docker, podman and crane ask, too.
//!
//! The action is the argument, what it is about stands on the standard input, and the answer on the standard output. Nothing that is
//! secret is ever an argument, and what a program says is not shown: it may be a secret.

use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::{Credential, Secret};

/// Most bytes that a helper's answer may have.
const ANSWER_MAX_BYTES: u64 = 256 * 1024;

/// How long a helper may take: somebody may have to unlock something.
const PATIENCE: Duration = Duration::from_mins(2);

/// Longest name of a helper, in bytes.
const NAME_MAX_BYTES: usize = 64;

/// The name of the user where the secret is a token that is exchanged for others.
const TOKEN_USER: &str = "<token>";

/// What helpers say, as the only thing, where they have nothing.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// A helper: the name of a program without `docker-credential-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Helper(String);

/// What a helper is given and gives.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    #[serde(rename = "ServerURL", default)]
    server: String,
    username: String,
    secret: String,
}

impl Helper {
    /// Returns the helper of a name; `None` when that could be more than a name: a path, an option.
    pub(super) fn new(name: &str) -> Option<Self> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_known_form = name.bytes().all(is_name) && name.starts_with(|first: char| first.is_ascii_alphanumeric());
        (is_known_form && name.len() <= NAME_MAX_BYTES).then(|| Self(name.to_owned()))
    }

    /// Returns the name of the program.
    pub(super) fn program(&self) -> String {
        format!("docker-credential-{}", self.0)
    }

    /// Returns what the helper has for a server; `None` when it has nothing.
    ///
    /// # Errors
    /// Why it could not be asked.
    pub(super) async fn get(&self, server: &str) -> Result<Option<Credential>, String> {
        let (succeeded, answer) = self.run("get", server.as_bytes()).await?;
        if !succeeded {
            let is_absent = answer.trim_ascii() == NOT_FOUND.as_bytes();
            return if is_absent { Ok(None) } else { Err("it failed".to_owned()) };
        }
        let document: Document =
            serde_json::from_slice(&answer).map_err(|_| "its answer is not that of a credential helper".to_owned())?;
        if document.username.is_empty() && document.secret.is_empty() {
            return Ok(None);
        }
        let secret = Secret::new(document.secret);
        Ok(Some(match document.username.as_str() {
            TOKEN_USER => Credential::Refresh(secret),
            _ => Credential::Password { user: document.username, password: secret },
        }))
    }

    /// Has the helper keep a credential for a server.
    ///
    /// # Errors
    /// Why it did not; a token for one use cannot be kept.
    pub(super) async fn store(&self, server: &str, credential: &Credential) -> Result<(), String> {
        let (username, secret) = match credential {
            Credential::Password { user, password } => (user.as_str(), password),
            Credential::Refresh(token) => (TOKEN_USER, token),
            Credential::Bearer(_) => return Err("it keeps no tokens of this kind".to_owned()),
        };
        let (server, username, secret) = (server.to_owned(), username.to_owned(), secret.reveal().to_owned());
        let document = serde_json::to_vec(&Document { server, username, secret }).map_err(|error| error.to_string())?;
        let (succeeded, _) = self.run("store", &document).await?;
        if succeeded { Ok(()) } else { Err("it did not keep them".to_owned()) }
    }

    /// Has the helper forget what it has for a server.
    ///
    /// # Errors
    /// Why it did not. What it does not have is none.
    pub(super) async fn erase(&self, server: &str) -> Result<(), String> {
        let (succeeded, answer) = self.run("erase", server.as_bytes()).await?;
        let is_gone = succeeded || answer.trim_ascii() == NOT_FOUND.as_bytes();
        if is_gone { Ok(()) } else { Err("it did not forget them".to_owned()) }
    }

    /// Runs the helper; returns whether it succeeded, and what it answered. It is killed when this is dropped.
    async fn run(&self, action: &str, input: &[u8]) -> Result<(bool, Vec<u8>), String> {
        let mut command = Command::new(self.program());
        command.arg(action).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| format!("it cannot be run: {error}"))?;
        let (mut to, from) = (child.stdin.take(), child.stdout.take());
        let exchange = async {
            let give = async {
                // One that does not read its input says why in its answer.
                if let Some(to) = &mut to {
                    let _ = to.write_all(input).await;
                }
                drop(to.take());
            };
            let take = async {
                let mut answer = Vec::new();
                if let Some(from) = from {
                    from.take(ANSWER_MAX_BYTES + 1).read_to_end(&mut answer).await?;
                }
                Ok::<_, std::io::Error>(answer)
            };
            let ((), answer) = tokio::join!(give, take);
            let answer = answer.map_err(|error| format!("its answer cannot be read: {error}"))?;
            if answer.len() as u64 > ANSWER_MAX_BYTES {
                return Err(format!("its answer has more than {ANSWER_MAX_BYTES} bytes"));
            }
            let status = child.wait().await.map_err(|error| format!("it cannot be waited for: {error}"))?;
            Ok((status.success(), answer))
        };
        let ended = tokio::time::timeout(PATIENCE, exchange).await;
        ended.unwrap_or_else(|_| Err(format!("it has not answered for {} s", PATIENCE.as_secs())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_has_a_name_and_not_a_path() {
        for name in ["desktop", "ecr-login", "osxkeychain", "gcloud.cmd", "a_b"] {
            assert_eq!(Helper::new(name).unwrap().program(), format!("docker-credential-{name}"));
        }
        for name in ["", "../evil", "a/b", "-x", ".hidden", "a b", "a\0b", "é", &"a".repeat(65)] {
            assert_eq!(Helper::new(name), None, "{name:?}");
        }
    }
}
