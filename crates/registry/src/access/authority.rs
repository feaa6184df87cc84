//! What is known at one time of who may come in and what they may do: a value that a reload replaces as a whole.

use std::time::Duration;

use oci::{Digest, RepositoryName};
use resolve::glob::Glob;

use super::authorization::Authorization;
use super::htpasswd::{Groups, Users};
use super::identity::Identity;
use super::keys::{ApiKey, ApiKeys, KEY_PREFIX};
use super::options::{AccessOptions, TokenOptions};
use super::passwords::{Busy, Verifier};
use super::policy::{Action, Allowance, Decision, Policy, Reference, Rule, Subject, Why};
use super::scope::{Scope, ScopeAction};
use super::secret::{Secret, same};
use super::token::{self, Bearer, SigningKey, Use};
use crate::options::{Access, Credentials};

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
}

/// Why somebody does not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stranger {
    /// His credentials are wrong.
    Unverified,
    /// He has none, and must have some.
    Unidentified,
    /// Too many are being verified.
    Busy,
}

impl From<Busy> for Stranger {
    fn from(Busy: Busy) -> Self {
        Self::Busy
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
    /// Makes sure who sends a request.
    pub(super) async fn identify(
        &self,
        verifier: &Verifier,
        authorization: Authorization,
        now: i64,
    ) -> Result<Caller, Stranger> {
        let required = self.tokens.as_ref().is_some_and(|tokens| tokens.required);
        match authorization {
            Authorization::None if required => Err(Stranger::Unidentified),
            Authorization::None => Ok(Caller::default()),
            Authorization::Malformed => Err(Stranger::Unverified),
            Authorization::Bearer(secret) if secret.reveal().starts_with(KEY_PREFIX) => self.by_key(&secret, now),
            Authorization::Bearer(token) => self.by_token(&token, Use::Access, now),
            Authorization::Basic { password, .. } if required && !password.reveal().starts_with(KEY_PREFIX) => {
                Err(Stranger::Unverified)
            }
            Authorization::Basic { user, password } => self.by_password(verifier, &user, &password, now).await,
        }
    }

    /// Makes sure that this is the password, or a key, of a user.
    pub(super) async fn by_password(
        &self,
        verifier: &Verifier,
        user: &str,
        password: &Secret,
        now: i64,
    ) -> Result<Caller, Stranger> {
        if password.reveal().starts_with(KEY_PREFIX) {
            let caller = self.by_key(password, now)?;
            let is_his = caller.identity.name().is_some_and(|name| same(name, user));
            return if is_his { Ok(caller) } else { Err(Stranger::Unverified) };
        }
        if !verifier.verify(&self.users, (user, password.reveal()), now, self.verified_for).await? {
            return Err(Stranger::Unverified);
        }
        let hash = self.users.hash(user).ok_or(Stranger::Unverified)?;
        Ok(self.owner(user, hash.fingerprint()))
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
            scopes: None,
        }
    }

    /// Returns who comes in by the password of this fingerprint.
    fn owner(&self, user: &str, fingerprint: Digest) -> Caller {
        Caller { identity: self.known(user), credential: Some(fingerprint), ..Caller::default() }
    }

    /// Makes sure that a token is one of ours. Who its bearer is, in which groups and with what key, is asked anew: what was revoked since is
    /// gone from this request on.
    pub(super) fn by_token(&self, token: &Secret, for_use: Use, now: i64) -> Result<Caller, Stranger> {
        let tokens = self.tokens.as_ref().ok_or(Stranger::Unverified)?;
        let opened = token::open(token.reveal(), &tokens.keys, for_use, &tokens.service, now);
        let (claims, sealed_by) = opened.ok_or(Stranger::Unverified)?;
        let mut caller = match &claims.bearer {
            None => Caller::default(),
            Some(bearer) => self.bearer(bearer, sealed_by, now).ok_or(Stranger::Unverified)?,
        };
        if for_use == Use::Access {
            caller.scopes = Some(claims.scopes.iter().filter_map(|scope| Scope::parse(scope)).collect());
        }
        Ok(caller)
    }

    fn bearer(&self, bearer: &Bearer, sealed_by: &SigningKey, now: i64) -> Option<Caller> {
        let is_it = |credential: &Digest| same(&sealed_by.mark(credential), &bearer.credential);
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

    /// Tells whether anybody could come in with credentials.
    pub(super) fn knows_anybody(&self) -> bool {
        !self.users.is_empty() || !self.keys.is_empty()
    }

    /// Tells whether those of whom nothing is known may do anything at all.
    pub(super) fn knows_anonymous(&self) -> bool {
        self.policy.knows_anonymous()
    }
}
