//! Who may do what: one place decides, before any handler runs.
//!
//! ```text
//!   request ─▶ Authorization ─▶ Identity (password, key, token) ─┐
//!      └─────▶ Demand (what the route and the method need) ──────┴─▶ Policy::decide ─▶ Grant, or 401 or 403
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `policy` | rules, and the one function that decides; deny by default |
//! | `demand` | what each route and method needs |
//! | `authority` | who somebody is: users, keys and tokens, replaced as a whole by a reload |
//! | `htpasswd`, `hash`, `passwords` | files of users; bcrypt and Argon2; verifying a few at once |
//! | `keys` | keys for programs, with a scope and an end |
//! | `token`, `scope`, `issuer` | sealed tokens, and where clients get them |
//! | `oidc` | assertions of other issuers |
//! | `certificate` | what TLS has found about a client |
//! | `turned` | what is known of who was not let in |

mod authority;
mod authorization;
mod certificate;
mod demand;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod hash;
mod htpasswd;
mod identity;
mod issuer;
mod keys;
mod oidc;
mod options;
mod passwords;
mod policy;
mod scope;
mod secret;
mod token;
mod turned;

use std::sync::{Arc, PoisonError, RwLock};

use axum::http::header::{HOST, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use oci::{Digest, Host, RepositoryName};

pub use certificate::ClientCertificate;
pub use hash::{HashError, PasswordHash};
pub use htpasswd::{Groups, LineProblem, NAME_MAX_BYTES, USERS_FILE_MAX_BYTES, Users, UsersError};
pub use identity::Identity;
pub use keys::{ApiKey, KEY_PREFIX};
pub use oidc::{
    Claims, DocumentFailure, DocumentFetch, DocumentRequest, IssuerUrl, JwsAlgorithm, KeySet, KeySetError, OidcIssuer,
    OidcKeys, Refusal, Unverified, Workload,
};
pub use options::{AccessOptions, Asked, DecisionEvent, DecisionHook, TokenOptions};
pub use policy::{Action, Allowance, Decision, Policy, Reference, Rule, Subject, Why};
pub use scope::{Scope, ScopeAction};
pub use secret::Secret;
pub use token::{KeyTooShort, SigningKey};

pub(crate) use demand::{Demand, demands};
pub(crate) use htpasswd::is_name;
pub(crate) use identity::CERTIFICATE;
pub(crate) use issuer::Issued;
pub(crate) use oidc::KEYS_MAX_BYTES;

use crate::error::{ApiError, Code};
use crate::limits::{self, Logins};
use crate::options::{Access, RegistryOptions};
use crate::peer::Client;
use crate::storage::{Clock, Condition};
use authority::{Authority, Caller, Stranger};
use authorization::Authorization;
use oidc::Fetching;
use passwords::Verifier;
pub(crate) use turned::Turned;

/// Where tokens are issued.
pub(crate) const TOKEN_PATH: &str = "/token";

const BASIC_CHALLENGE: &str = "Basic realm=\"supercargo\"";

/// How long somebody should wait when too many passwords are being verified, in seconds.
const BUSY_SECONDS: u32 = 1;

/// Admits a caller, or does not.
pub(crate) struct Gate {
    authority: RwLock<Arc<Authority>>,
    verifier: Verifier,
    fetching: Fetching,
    clock: Clock,
    log: Log,
}

/// Where decisions are told.
#[derive(Clone, Debug, Default)]
struct Log(Option<DecisionHook>);

/// What a request and its connection say of who sends it, and from where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'r> {
    headers: &'r HeaderMap,
    client: Client,
    certificate: Option<&'r ClientCertificate>,
}

impl<'r> Asker<'r> {
    pub(crate) fn new(parts: &'r Parts, client: Client) -> Self {
        Self { headers: &parts.headers, client, certificate: parts.extensions.get() }
    }

    /// Tells whether the connection would not be let in any more.
    fn is_distrusted(&self) -> bool {
        self.certificate.is_some_and(|certificate| !certificate.is_trusted())
    }
}

/// What a caller who was let in may do.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    authority: Arc<Authority>,
    caller: Caller,
    log: Log,
}

impl Gate {
    pub(crate) fn new(options: &RegistryOptions, logins: Logins, clock: Clock) -> Self {
        let fetching = Fetching { by: options.documents.clone(), hook: options.on_failure.clone() };
        Self {
            authority: RwLock::new(Arc::new(Authority::new(&options.access, &fetching, None))),
            verifier: Verifier::new(logins),
            fetching,
            clock,
            log: Log(options.on_decision.clone()),
        }
    }

    /// Puts other users, keys and rules in the place of those that were there, for every request from now on.
    pub(crate) fn reload(&self, access: &Access) {
        let authority = Arc::new(Authority::new(access, &self.fetching, Some(&self.authority())));
        *self.authority.write().unwrap_or_else(PoisonError::into_inner) = authority;
    }

    fn authority(&self) -> Arc<Authority> {
        Arc::clone(&self.authority.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets a caller in who may do everything that is demanded; where nothing is, everybody who is known.
    pub(crate) async fn admit(&self, asker: Asker<'_>, demands: &[Demand]) -> Result<Grant, Box<Turned>> {
        let authority = self.authority();
        if asker.is_distrusted() {
            self.note_stranger(Stranger::Unverified);
            let error = refuse(&authority, asker, demands, Stranger::Unverified);
            return Err(Turned::stranger(error, Stranger::Unverified, None));
        }
        let caller = if authority.is_open {
            Caller::default()
        } else {
            let authorization = Authorization::of(asker.headers);
            let identified = authority.identify(&self.verifier, authorization, asker, self.clock.now());
            let identified = Box::pin(identified).await;
            identified.map_err(|stranger| {
                self.note_stranger(stranger);
                let claimed = authority.claimed(&Authorization::of(asker.headers));
                Turned::stranger(refuse(&authority, asker, demands, stranger), stranger, claimed)
            })?
        };
        let grant = Grant { authority, caller, log: self.log.clone() };
        // A client that is not asked here will not say who it is later.
        if demands.is_empty() && grant.is_nobody() && grant.authority.knows_anybody() {
            let error = refuse(&grant.authority, asker, demands, Stranger::Unidentified);
            return Err(Turned::stranger(error, Stranger::Unidentified, None));
        }
        for demand in demands {
            grant.meet(demand).map_err(|why| grant.turn_away(asker, demands, why))?;
        }
        Ok(grant)
    }

    fn note_stranger(&self, stranger: Stranger) {
        let why = match stranger {
            Stranger::Unverified => Why::Unverified,
            Stranger::Refused(refusal) => Why::Assertion(refusal),
            // To be asked who one is is how every client begins.
            Stranger::Unidentified | Stranger::Busy | Stranger::Limited(_) => return,
        };
        self.log.note(None, None, Decision::denied(why));
    }
}

impl Grant {
    fn is_nobody(&self) -> bool {
        !self.authority.is_open && self.caller.identity.is_anonymous() && self.caller.scopes.is_none()
    }

    fn decide(&self, action: Action, repository: &RepositoryName, reference: Reference) -> Decision {
        self.authority.decide(&self.caller, action, repository, reference)
    }

    fn note(&self, action: Action, repository: &RepositoryName, reference: Reference, decision: Decision) {
        self.log.note(Some(&self.caller.identity), Some(Asked { action, repository, reference }), decision);
    }

    /// Decides about a demand, and notes that. Returns why it is not met.
    fn meet(&self, demand: &Demand) -> Result<(), Why> {
        let Demand { repository, reference, any_of, is_optional } = demand;
        let mut denied = None;
        for action in *any_of {
            let decision = self.decide(*action, repository, *reference);
            if decision.allowed {
                self.note(*action, repository, *reference, decision);
                return Ok(());
            }
            let first = *denied.get_or_insert((*action, decision));
            // What a larger token would bring is the better answer.
            denied = Some(if decision.why == Why::TokenScope { (*action, decision) } else { first });
        }
        let Some((action, decision)) = denied else { return Err(Why::NoRule) };
        self.note(action, repository, *reference, decision);
        if *is_optional && decision.why != Why::TokenScope { Ok(()) } else { Err(decision.why) }
    }

    /// Returns the name of the user; `None` for those of whom nothing is known.
    pub(crate) fn actor(&self) -> Option<String> {
        self.caller.identity.name().map(str::to_owned)
    }

    /// Tells whether the caller is told who did something to a repository: those who may move its tags are.
    pub(crate) fn may_see_actors(&self, repository: &RepositoryName) -> bool {
        self.decide(Action::Update, repository, Reference::Tag).allowed
    }

    /// Returns who it is.
    pub(crate) const fn identity(&self) -> &Identity {
        &self.caller.identity
    }

    /// Tells whether blobs may be taken from a repository. Not noted: where the caller names none, every one that has the blob is asked about.
    pub(crate) fn may_mount(&self, source: &RepositoryName) -> bool {
        self.decide(Action::Mount, source, Reference::Blob).allowed
    }

    /// Returns what must be true of a tag, or of what is under a digest, for the caller to point it to `digest`: where he may create and not
    /// update, there is nothing but that; where he may update and not create, there is something. It is for the transaction that moves the tag
    /// to check, for only there it stays true.
    pub(crate) fn permission(&self, repository: &RepositoryName, digest: &Digest) -> Condition {
        let may = |action| self.decide(action, repository, Reference::Tag).allowed;
        match (may(Action::Create), may(Action::Update)) {
            (true, true) => Condition::None,
            (_, false) => Condition::NothingElse(*digest),
            (false, true) => Condition::Something,
        }
    }

    /// Returns the answer to a push whose [`Grant::permission`] did not hold, and notes that.
    pub(crate) fn refuse_push(&self, repository: &RepositoryName) -> ApiError {
        let may_create = self.decide(Action::Create, repository, Reference::Tag).allowed;
        let (action, why) =
            if may_create { (Action::Update, Why::TagExists) } else { (Action::Create, Why::TagAbsent) };
        self.note(action, repository, Reference::Tag, Decision::denied(why));
        denied()
    }

    fn turn_away(&self, asker: Asker<'_>, demands: &[Demand], why: Why) -> Box<Turned> {
        let error = self.refuse(asker, demands, why);
        // Who has said nothing of himself is asked who he is, if that could change anything.
        let is_asked = self.is_nobody() && self.authority.knows_anybody();
        Turned::denied(error, &self.caller.identity, (!is_asked).then_some(why))
    }

    fn refuse(&self, asker: Asker<'_>, demands: &[Demand], why: Why) -> ApiError {
        // Who is nobody may become somebody; who is somebody may not become somebody else.
        if why == Why::TokenScope || (self.caller.identity.is_anonymous() && self.caller.scopes.is_some()) {
            return unauthorized(&challenge(&self.authority, asker, demands, Some("insufficient_scope")));
        }
        if self.caller.identity.is_anonymous() {
            return refuse(&self.authority, asker, demands, Stranger::Unidentified);
        }
        denied()
    }
}

impl Log {
    fn note(&self, identity: Option<&Identity>, asked: Option<Asked<'_>>, decision: Decision) {
        if let Some(hook) = &self.0 {
            hook.call(&DecisionEvent { identity, asked, decision });
        }
    }
}

/// Returns the answer to somebody who does not come in.
fn refuse(authority: &Authority, asker: Asker<'_>, demands: &[Demand], stranger: Stranger) -> ApiError {
    let error = match stranger {
        Stranger::Busy => return busy(),
        Stranger::Limited(wait) => return limits::refused(wait),
        Stranger::Unidentified => None,
        Stranger::Unverified | Stranger::Refused(_) => Some("invalid_token"),
    };
    unauthorized(&challenge(authority, asker, demands, error))
}

/// Returns what is said to callers who are known and may not. It names nothing, so that it is the same whether that exists or not.
fn denied() -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, Code::Denied, "this is not allowed")
}

fn busy() -> ApiError {
    ApiError::too_many("too many passwords are being verified", BUSY_SECONDS)
}

/// Where and for what to ask for a token, or that a password is wanted. The realm is on the host by which the caller called us, unless it
/// is set; its scheme is that by which he came, where that is known.
fn challenge(authority: &Authority, asker: Asker<'_>, demands: &[Demand], error: Option<&str>) -> String {
    let Some(tokens) = &authority.tokens else { return BASIC_CHALLENGE.to_owned() };
    let host = asker.headers.get(HOST).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<Host>().ok());
    let host = host.as_ref().map_or("localhost", Host::as_str);
    let scheme = if asker.client.is_https.unwrap_or(tokens.is_https) { "https" } else { "http" };
    let realm = tokens.realm.clone().unwrap_or_else(|| format!("{scheme}://{host}{TOKEN_PATH}"));
    let mut scopes: Vec<String> = demands.iter().filter_map(requested).collect();
    scopes.dedup();
    let scope = if scopes.is_empty() { String::new() } else { format!(",scope=\"{}\"", scopes.join(" ")) };
    let error = error.map(|error| format!(",error=\"{error}\"")).unwrap_or_default();
    format!("Bearer realm=\"{realm}\",service=\"{}\"{scope}{error}", tokens.service)
}

/// Returns the scope that a client is told to ask for.
fn requested(demand: &Demand) -> Option<String> {
    let action = ScopeAction::of(*demand.any_of.first()?);
    Some(format!("repository:{}:{}", demand.repository, action.requested()))
}

fn unauthorized(challenge: &str) -> ApiError {
    match HeaderValue::try_from(challenge) {
        Ok(challenge) => ApiError::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, "authentication is required")
            .header(WWW_AUTHENTICATE, challenge),
        Err(error) => ApiError::internal(error),
    }
}
