//! What is known at one time of who may come in and what they may do: a value that a reload replaces as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use oci::{Digest, RepositoryName};
use resolve::glob::Glob;

use super::Asker;
use super::authorization::Authorization;
use super::certificate::ClientCertificate;
use super::htpasswd::{Groups, Users};
use super::identity::Identity;
use super::keys::{ApiKey, ApiKeys, KEY_PREFIX};
use super::oidc::{Fetching, KeyRing, OidcIssuer, OidcKeys, Refusal, Unverified, Workload, is_like_assertion};
use super::options::{AccessOptions, TokenOptions};
use super::passwords::{Unheard, Verifier};
use super::policy::{Action, Allowance, Decision, Policy, Reference, Rule, Subject, Why};
use super::scope::{Scope, ScopeAction};
use super::secret::{Secret, same};
use super::token::{self, Bearer, SigningKey, Use, Vouched};
use crate::limits::Wait;
use crate::options::{Access, Credentials};
use crate::peer::Client;

/// What the server calls itself to a client that asks for a token, unless it is said otherwise.
const SERVICE: &str = "supercargo";

/// Who may come in and what they may do.
#[derive(Debug, Default)]
pub(super) struct Authority {
    /// Whether everybody may do everything, and nobody is asked who he is.
    pub(super) is_open: bool,
    policy: Policy,
    users: Users,
    groups: Groups,
    keys: ApiKeys,
    pub(super) tokens: Option<TokenOptions>,
    verified_for: Duration,
    issuers: Vec<Trusted>,
}

/// An issuer, and its keys where they are fetched.
#[derive(Debug)]
struct Trusted {
    issuer: OidcIssuer,
    ring: Option<KeyRing>,
}

/// Somebody who came in.
#[derive(Clone, Debug, Default)]
pub(super) struct Caller {
    pub(super) identity: Identity,
    /// What his token is good for; everything where he has none.
    pub(super) scopes: Option<Vec<Scope>>,
    /// The hash of what he came in by, or of what his token was given for.
    pub(super) credential: Option<Digest>,
    /// The name of the key, if it was one.
    pub(super) key_id: Option<String>,
    /// When what he came in by ends, in milliseconds since 1970, if it was an assertion.
    pub(super) until: Option<i64>,
}

/// Why somebody does not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stranger {
    /// His credentials are wrong.
    Unverified,
    /// He has none, and must have some.
    Unidentified,
    /// What another issuer says of him is not taken.
    Refused(Refusal),
    /// Too many are being verified.
    Busy,
    /// Too many of his were wrong.
    Limited(Wait),
}

impl From<Unheard> for Stranger {
    fn from(unheard: Unheard) -> Self {
        match unheard {
            Unheard::Busy => Self::Busy,
            Unheard::Limited(wait) => Self::Limited(wait),
        }
    }
}

impl From<Refusal> for Stranger {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Caller {
    /// Returns who holds a certificate, if it names somebody.
    pub(super) fn by_certificate(certificate: &ClientCertificate) -> Option<Self> {
        let identity = Identity::certificate(certificate.name()?);
        Some(Self { identity, credential: Some(*certificate.fingerprint()), ..Self::default() })
    }

    /// Returns who vouches for the caller, as a token says it.
    pub(super) fn vouched(&self) -> Option<Vouched> {
        if let Some((issuer, claims)) = self.identity.as_workload() {
            return Some(Vouched::Workload { issuer: issuer.clone(), claims: claims.clone() });
        }
        self.identity.as_certificate().map(|_| Vouched::Certificate)
    }
}

impl From<&Access> for Authority {
    fn from(access: &Access) -> Self {
        match access {
            Access::Open => Self { is_open: true, ..Self::default() },
            Access::Basic(credentials) => Self::from(AccessOptions {
                users: one(credentials),
                rules: vec![everything(Subject::Authenticated)],
                ..AccessOptions::default()
            }),
            Access::Bearer { credentials, anonymous_pull, lifetime } => {
                let mut rules = vec![everything(Subject::Authenticated)];
                if *anonymous_pull {
                    rules.push(rule(Subject::Anonymous, &[Action::Read]));
                }
                let tokens = TokenOptions {
                    lifetime: *lifetime,
                    required: true,
                    ..TokenOptions::new(SigningKey::random(), SERVICE)
                };
                let users = one(credentials);
                Self::from(AccessOptions { users, rules, tokens: Some(tokens), ..AccessOptions::default() })
            }
            Access::Rules(options) => Self::from(options.as_ref().clone()),
        }
    }
}

impl From<AccessOptions> for Authority {
    fn from(options: AccessOptions) -> Self {
        Self {
            is_open: false,
            policy: Policy::new(options.rules),
            users: options.users,
            groups: options.groups,
            keys: ApiKeys::new(options.keys),
            tokens: options.tokens,
            verified_for: options.verified_for,
            issuers: options.issuers.into_iter().map(|issuer| Trusted { issuer, ring: None }).collect(),
        }
    }
}

fn one(credentials: &Credentials) -> Users {
    Users::one(&credentials.user, &credentials.password)
}

fn everything(subject: Subject) -> Rule {
    rule(subject, &[Action::Read, Action::Create, Action::Update, Action::Delete])
}

fn rule(subject: Subject, actions: &[Action]) -> Rule {
    let everywhere = Glob::parse("*").into_iter().collect();
    Rule { subjects: vec![subject], allowance: Allowance { repositories: everywhere, actions: actions.to_vec() } }
}

impl Authority {
    /// Returns what is known now. Keys that were fetched for the one before, and fetches for it, go on where their source is the same.
    pub(super) fn new(access: &Access, fetching: &Fetching, before: Option<&Self>) -> Self {
        let mut authority = Self::from(access);
        for trusted in &mut authority.issuers {
            let others = before.into_iter().flat_map(|before| &before.issuers).filter_map(|other| other.ring.as_ref());
            trusted.ring = KeyRing::new(&trusted.issuer, fetching, others);
        }
        authority
    }

    /// Makes sure who sends a request. Who shows a certificate and says besides who he is, is who he says.
    pub(super) async fn identify(
        &self,
        verifier: &Verifier,
        authorization: Authorization,
        asker: Asker<'_>,
        now: i64,
    ) -> Result<Caller, Stranger> {
        let (certificate, at) = (asker.certificate, (now, asker.client));
        let required = self.tokens.as_ref().is_some_and(|tokens| tokens.required);
        match authorization {
            Authorization::None => match certificate.and_then(Caller::by_certificate) {
                Some(caller) => Ok(caller),
                None if required => Err(Stranger::Unidentified),
                None => Ok(Caller::default()),
            },
            Authorization::Malformed => Err(Stranger::Unverified),
            Authorization::Bearer(secret) if secret.reveal().starts_with(KEY_PREFIX) => self.by_key(&secret, now),
            Authorization::Bearer(secret) if is_like_assertion(secret.reveal()) => {
                self.by_assertion(&secret, now).await
            }
            Authorization::Bearer(token) => self.by_token(&token, Use::Access, certificate, now),
            Authorization::Basic { password, .. } if required && !is_of_a_program(&password) => {
                Err(Stranger::Unverified)
            }
            Authorization::Basic { user, password } => self.by_password(verifier, (&user, &password), at).await,
        }
    }

    /// Makes sure that this is the password, or a key, of a user.
    pub(super) async fn by_password(
        &self,
        verifier: &Verifier,
        (user, password): (&str, &Secret),
        at: (i64, Client),
    ) -> Result<Caller, Stranger> {
        if password.reveal().starts_with(KEY_PREFIX) {
            let caller = self.by_key(password, at.0)?;
            let is_his = caller.identity.name().is_some_and(|name| same(name, user));
            return if is_his { Ok(caller) } else { Err(Stranger::Unverified) };
        }
        // Clients that can say no more than a name and a password say some name with it.
        if !self.issuers.is_empty() && is_like_assertion(password.reveal()) {
            return self.by_assertion(password, at.0).await;
        }
        if !verifier.verify(&self.users, (user, password.reveal()), at, self.verified_for).await? {
            return Err(Stranger::Unverified);
        }
        let hash = self.users.hash(user).ok_or(Stranger::Unverified)?;
        Ok(self.owner(user, hash.fingerprint()))
    }

    /// Makes sure for whom an issuer vouches.
    pub(super) async fn by_assertion(&self, secret: &Secret, now: i64) -> Result<Caller, Stranger> {
        if self.issuers.is_empty() {
            return Err(Stranger::Unverified);
        }
        let assertion = Unverified::parse(secret.reveal())?;
        let trusted = self.issuers.iter().find(|trusted| assertion.issuer() == Some(trusted.issuer.url.as_str()));
        let Trusted { issuer, ring } = trusted.ok_or(Refusal::Issuer)?;
        // Nothing is fetched for the sake of what is not taken anyway.
        if !issuer.algorithms.contains(&assertion.algorithm()) {
            return Err(Refusal::Algorithm.into());
        }
        let keys = match (&issuer.keys, ring) {
            (OidcKeys::Here(keys), _) => Arc::clone(keys),
            (_, Some(ring)) => ring.keys(&assertion, now).await?,
            (_, None) => return Err(Refusal::NoKeys.into()),
        };
        let Workload { subject, claims, expires_at } =
            keys.verify(assertion, &issuer.algorithms)?.about(issuer, now)?;
        let mut caller = self.workload(issuer, &subject, claims);
        caller.until = Some(expires_at);
        Ok(caller)
    }

    /// Returns a workload with those of its claims that somebody asks for.
    fn workload(&self, issuer: &OidcIssuer, subject: &str, mut claims: BTreeMap<String, Vec<String>>) -> Caller {
        let is_asked = |name: &String| {
            issuer.conditions.iter().any(|(claim, _)| claim == name)
                || self.policy.claims_of(&issuer.name).any(|claim| claim == name)
        };
        claims.retain(|name, _| is_asked(name));
        Caller {
            identity: Identity::workload(&issuer.name, subject, claims),
            credential: Some(issuer.fingerprint()),
            ..Caller::default()
        }
    }

    fn by_key(&self, secret: &Secret, now: i64) -> Result<Caller, Stranger> {
        self.keys.of(secret.reveal(), now).map(|key| self.holder(key)).ok_or(Stranger::Unverified)
    }

    /// Returns who comes in by a key.
    fn holder(&self, key: &ApiKey) -> Caller {
        Caller {
            identity: self.known(&key.user).by_key(&key.id, key.scope.clone()),
            credential: Some(key.hash),
            key_id: Some(key.id.clone()),
            ..Caller::default()
        }
    }

    /// Returns who comes in by the password of this fingerprint.
    fn owner(&self, user: &str, fingerprint: Digest) -> Caller {
        Caller { identity: self.known(user), credential: Some(fingerprint), ..Caller::default() }
    }

    /// Makes sure that a token is one of ours. Who its bearer is, in which groups and with what key, is asked anew: what was revoked since is
    /// gone from this request on.
    pub(super) fn by_token(
        &self,
        token: &Secret,
        for_use: Use,
        certificate: Option<&ClientCertificate>,
        now: i64,
    ) -> Result<Caller, Stranger> {
        let tokens = self.tokens.as_ref().ok_or(Stranger::Unverified)?;
        let opened = token::open(token.reveal(), &tokens.keys, for_use, &tokens.service, now);
        let (claims, sealed_by) = opened.ok_or(Stranger::Unverified)?;
        let mut caller = match &claims.bearer {
            None => Caller::default(),
            Some(bearer) => self.bearer(bearer, sealed_by, certificate, now).ok_or(Stranger::Unverified)?,
        };
        if for_use == Use::Access {
            caller.scopes = Some(claims.scopes.iter().filter_map(|scope| Scope::parse(scope)).collect());
        }
        Ok(caller)
    }

    fn bearer(
        &self,
        bearer: &Bearer,
        sealed_by: &SigningKey,
        certificate: Option<&ClientCertificate>,
        now: i64,
    ) -> Option<Caller> {
        let is_it = |credential: &Digest| same(&sealed_by.mark(credential), &bearer.credential);
        match &bearer.vouched {
            None => {}
            Some(Vouched::Workload { issuer, claims }) => {
                let issuer = self.issuers.iter().map(|trusted| &trusted.issuer).find(|known| known.name == *issuer)?;
                let subject = bearer.user.strip_prefix(&issuer.name)?.strip_prefix(':')?;
                // What has to be claimed is asked anew, for it may be more by now.
                let is_taken = is_it(&issuer.fingerprint()) && issuer.admits(claims);
                return is_taken.then(|| self.workload(issuer, subject, claims.clone()));
            }
            Some(Vouched::Certificate) => {
                let caller = Caller::by_certificate(certificate?)?;
                return caller.credential.as_ref().is_some_and(is_it).then_some(caller);
            }
        }
        if let Some(id) = &bearer.key {
            let key = self.keys.called(id, now, |key| key.user == bearer.user && is_it(&key.hash))?;
            return Some(self.holder(key));
        }
        let fingerprint = self.users.hash(&bearer.user)?.fingerprint();
        is_it(&fingerprint).then(|| self.owner(&bearer.user, fingerprint))
    }

    fn known(&self, user: &str) -> Identity {
        Identity::user(user).in_groups(self.groups.of(user))
    }

    /// Returns as much of a scope as a caller may do, if that is anything.
    pub(super) fn granted(&self, caller: &Caller, scope: Scope) -> Option<Scope> {
        let may = |repository: &RepositoryName, action, reference| {
            self.policy.decide(&caller.identity, action, repository, reference).allowed
        };
        scope.keep(|repository, action| match action {
            ScopeAction::Pull => may(repository, Action::Read, Reference::Tag),
            ScopeAction::Push => {
                may(repository, Action::Create, Reference::Tag) || may(repository, Action::Update, Reference::Tag)
            }
            ScopeAction::Delete => may(repository, Action::Delete, Reference::Tag),
        })
    }

    /// Decides whether a caller may do something: the rules, the scope of his key and the scopes of his token must all allow it.
    pub(super) fn decide(
        &self,
        caller: &Caller,
        action: Action,
        repository: &RepositoryName,
        reference: Reference,
    ) -> Decision {
        if self.is_open {
            return Decision { allowed: true, why: Why::Open };
        }
        let decision = self.policy.decide(&caller.identity, action, repository, reference);
        let in_scope = |scopes: &[Scope]| scopes.iter().any(|scope| scope.allows(repository, ScopeAction::of(action)));
        match &caller.scopes {
            Some(scopes) if decision.allowed && !in_scope(scopes) => Decision::denied(Why::TokenScope),
            _ => decision,
        }
    }

    /// Returns as whom somebody wants to come in, if there is such a user. What else stands in the place of a name may be a password.
    pub(super) fn claimed(&self, authorization: &Authorization) -> Option<String> {
        let Authorization::Basic { user, .. } = authorization else { return None };
        self.known_name(user)
    }

    /// Returns the name of a user, if there is such a one.
    pub(super) fn known_name(&self, user: &str) -> Option<String> {
        self.users.has(user).then(|| user.to_owned())
    }

    /// Tells whether anybody could come in with credentials.
    pub(super) fn knows_anybody(&self) -> bool {
        !self.users.is_empty() || !self.keys.is_empty() || !self.issuers.is_empty() || self.policy.knows_certificates()
    }

    /// Tells whether those of whom nothing is known may do anything at all.
    pub(super) fn knows_anonymous(&self) -> bool {
        self.policy.knows_anonymous()
    }
}

/// Tells whether a password is one that no user chose: a key, or what an issuer says.
fn is_of_a_program(password: &Secret) -> bool {
    password.reveal().starts_with(KEY_PREFIX) || is_like_assertion(password.reveal())
}
