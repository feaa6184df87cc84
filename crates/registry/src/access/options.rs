//! What a registry is told about who may do what.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use oci::RepositoryName;

use super::htpasswd::{Groups, Users};
use super::identity::Identity;
use super::keys::ApiKey;
use super::oidc::OidcIssuer;
use super::policy::{Action, Decision, Reference, Rule};
use super::token::SigningKey;

/// How long a password that was right is taken without being verified again, unless it is said otherwise.
const VERIFIED_FOR: Duration = Duration::from_mins(5);
/// How long a token is good for, unless it is said otherwise.
const TOKEN_LIFETIME: Duration = Duration::from_mins(5);

/// Who may come in, and what they may do. The default lets nobody in: anonymous access is a rule that somebody wrote.
#[derive(Clone, Debug)]
pub struct AccessOptions {
    /// Users with passwords.
    pub users: Users,
    /// Which users are in which groups, with a password or without.
    pub groups: Groups,
    /// Keys for programs.
    pub keys: Vec<ApiKey>,
    /// What is allowed. All else is denied.
    pub rules: Vec<Rule>,
    /// Tokens, where they are issued.
    pub tokens: Option<TokenOptions>,
    /// How long a password that was right is taken without being verified again.
    pub verified_for: Duration,
    /// Issuers whose assertions are taken. Each has a name and a URL of its own.
    pub issuers: Vec<OidcIssuer>,
}

impl Default for AccessOptions {
    fn default() -> Self {
        Self {
            users: Users::default(),
            groups: Groups::default(),
            keys: Vec::new(),
            rules: Vec::new(),
            tokens: None,
            verified_for: VERIFIED_FOR,
            issuers: Vec::new(),
        }
    }
}

/// How tokens are issued, at `/token`.
#[derive(Clone, Debug)]
pub struct TokenOptions {
    /// The keys. The first seals; all are taken, so that a key can be replaced while tokens of the old one are good. Nodes with the same
    /// keys take each other's tokens.
    pub keys: Vec<SigningKey>,
    /// What the registry calls itself to those who ask for tokens. A token is good where that is the same.
    pub service: String,
    /// The URL of `/token` as clients reach it; `None` for the host by which they call.
    pub realm: Option<String>,
    /// Whether clients reach the registry by HTTPS, here or at what is in front of it. Only asked where there is no `realm`.
    pub is_https: bool,
    /// How long a token is good for.
    pub lifetime: Duration,
    /// How long a token is good for that fetches tokens in place of a password; `None` where such are not issued.
    pub refresh_lifetime: Option<Duration>,
    /// Whether requests must come with a token. If not, a password is taken with every request, and what anonymous callers may do needs
    /// none. Keys are taken in any case.
    pub required: bool,
}

impl TokenOptions {
    /// Returns the options of a service with one key: tokens for five minutes, none to fetch tokens with, and not required.
    pub fn new(key: SigningKey, service: impl Into<String>) -> Self {
        Self {
            keys: vec![key],
            service: service.into(),
            realm: None,
            is_https: false,
            lifetime: TOKEN_LIFETIME,
            refresh_lifetime: None,
            required: false,
        }
    }
}

/// A decision, as it is told to the log. Its text is one line:
/// `user ada: create tag in team/app: denied: no rule allows it`.
#[derive(Clone, Copy, Debug)]
pub struct DecisionEvent<'e> {
    /// Who asked; `None` where that could not be made sure.
    pub identity: Option<&'e Identity>,
    /// What was asked for; `None` where it was only to come in.
    pub asked: Option<Asked<'e>>,
    /// What was decided, and why.
    pub decision: Decision,
}

/// What somebody asked to do, and to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'e> {
    /// What was to be done.
    pub action: Action,
    /// In which repository.
    pub repository: &'e RepositoryName,
    /// To what.
    pub reference: Reference,
}

impl fmt::Display for DecisionEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.identity {
            Some(identity) => identity.fmt(f)?,
            None => f.write_str("unverified")?,
        }
        match self.asked {
            Some(Asked { action, repository, reference }) => write!(f, ": {action} {reference} in {repository}")?,
            None => f.write_str(": come in")?,
        }
        let outcome = if self.decision.allowed { "allowed" } else { "denied" };
        write!(f, ": {outcome}: {}", self.decision.why)
    }
}

/// A function that is told of every decision.
#[derive(Clone)]
pub struct DecisionHook(Arc<Hook>);

type Hook = dyn Fn(&DecisionEvent<'_>) + Send + Sync;

impl DecisionHook {
    /// Returns a hook that calls `function`, on the task that serves the request.
    pub fn new(function: impl Fn(&DecisionEvent<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(function))
    }

    pub(crate) fn call(&self, event: &DecisionEvent<'_>) {
        (self.0)(event);
    }
}

impl fmt::Debug for DecisionHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DecisionHook")
    }
}
