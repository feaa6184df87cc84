//! What a registry does and does not do.

use client::Examine;
use oci::{Host, Reference, RepositoryName, Tag};

use crate::context::Context;
use crate::error::OpsError;

pub use client::profile::{Ability, Check, Examination, Found, Profiles, Quirk, RegistryProfile};

/// Tries of a request where the examination is to see what is answered, and not to get it.
const ATTEMPTS: u32 = 2;

/// A registry, a repository in it, or an image in that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patient {
    /// The registry.
    pub host: Host,
    /// The repository.
    pub repository: Option<RepositoryName>,
    /// The tag of the image.
    pub tag: Option<Tag>,
}

impl std::str::FromStr for Patient {
    type Err = OpsError;

    /// Reads `HOST[:PORT][/REPO[:TAG]]`.
    fn from_str(text: &str) -> Result<Self, OpsError> {
        let wrong = || {
            let message = format!("`{}` is not HOST[:PORT][/REPO[:TAG]]", oci::text::printable(text));
            OpsError::usage(message, "supercargo doctor registry.example/team/app".to_owned())
        };
        let text = text.trim_end_matches('/');
        if !text.contains('/') {
            return Ok(Self { host: text.parse().map_err(|_| wrong())?, repository: None, tag: None });
        }
        let Ok(Reference::Registry(reference)) = text.parse() else { return Err(wrong()) };
        if reference.selector.digest.is_some() {
            return Err(wrong());
        }
        Ok(Self { host: reference.host, repository: Some(reference.repository), tag: reference.selector.tag })
    }
}

/// Asks a registry what it does and does not do, and keeps what was seen. Where no registry may be asked, returns what was kept of it.
/// With `write` it is also written to, and what was made is removed again as far as the registry lets us.
///
/// # Errors
/// When it does not answer at all; as [`Context::client`]; [`OpsError::Offline`] when nothing was kept; [`OpsError::Usage`] when it
/// is not said which repository to write to.
pub async fn doctor(context: &Context, patient: &Patient, write: bool) -> Result<Examination, OpsError> {
    let Patient { host, repository, tag } = patient.clone();
    if write && repository.is_none() {
        let help = format!("supercargo doctor {host}/REPO --write");
        return Err(OpsError::usage("what is written to a registry is written to a repository", help));
    }
    if context.is_offline() {
        let profile = context.client_options().profiles.read(&host);
        if profile.checks.is_empty() {
            let (host, wanted) = (host.to_string(), "what it does".to_owned());
            return Err(OpsError::Offline { host, wanted, help: None });
        }
        return Ok(Examination { repository: None, profile, left: Vec::new() });
    }
    let client = context.client_of_its_own(|options| options.retry.attempts = ATTEMPTS)?;
    Ok(client.examine(&host, Examine { repository, tag, write }).await?)
}
