//! Showing a registry who asks: the challenge, the tokens, and where neither may go.

mod scope;
mod token;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderValue;
use http::header::WWW_AUTHENTICATE;
use oci::{Host, RepositoryName};
use reqwest::Url;
use store::StoreError;

pub(crate) use scope::{Access, Scope};
use token::Token;
pub(crate) use token::TokenService;

use crate::credentials::{Credential, Credentials};
use crate::exchange::{Answer, Transport};
use crate::options::RetryPolicy;
use crate::syntax::challenge::{self, Challenge};
use crate::syntax::location;

/// What a registry wants to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Demand {
    /// Nothing, as far as is known.
    #[default]
    Nothing,
    /// User name and password.
    Basic,
    /// A token from this service.
    Bearer(TokenService),
}

/// The sign-in state of one registry.
#[derive(Debug, Default)]
pub(crate) struct Auth {
    demand: Mutex<Demand>,
    slots: Mutex<HashMap<Scope, Arc<Slot>>>,
    serial: AtomicU64,
}

/// The token of one scope. Whoever needs it while it is being fetched waits for that one.
#[derive(Debug, Default)]
struct Slot {
    token: tokio::sync::Mutex<Option<Token>>,
    /// Whether the token of a wider scope was refused: it may have been given for less than was asked.
    own_only: AtomicBool,
    /// A scope the registry named itself, where that is another than ours.
    named: Mutex<Option<String>>,
}

/// What to show with one request, and what to remember about it in case it is refused.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    /// The value of `Authorization`.
    pub(crate) header: Option<HeaderValue>,
    serial: u64,
    from: Source,
}

/// Where what is shown comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Source {
    /// It was made, or fetched, for this request: there is nothing newer.
    #[default]
    Fresh,
    /// It was fetched for another request of this scope.
    Kept,
    /// It was fetched for a wider scope.
    Wider,
}

impl Pass {
    /// Returns what is shown without a token of a token service.
    const fn alone(header: Option<HeaderValue>) -> Self {
        Self { header, serial: 0, from: Source::Fresh }
    }

    fn of(token: &Token, from: Source) -> Self {
        Self { header: Some(token.header.clone()), serial: token.serial, from }
    }
}

/// Who asks whom for what.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) transport: &'a Transport,
    pub(crate) retry: RetryPolicy,
    /// The registry's own URL.
    pub(crate) base: &'a Url,
    pub(crate) location: &'a str,
    /// Where credentials are found, for which registry and which of its repositories.
    pub(crate) credentials: &'a Credentials,
    pub(crate) host: &'a Host,
    pub(crate) repository: Option<&'a RepositoryName>,
    pub(crate) scope: &'a Scope,
}

impl Asker<'_> {
    /// Returns what there is to be shown. Nobody is asked for it before a registry wants something.
    pub(crate) async fn credential(self) -> Result<Option<Credential>, StoreError> {
        self.credentials.find(self.host, self.repository).await
    }
}

impl Auth {
    /// Learns from an answer what the registry wants. Returns why not, when its challenges are none that we can answer.
    pub(crate) fn learn(&self, answer: &Answer, base: &Url) -> Result<(), String> {
        // An answer without a challenge teaches nothing.
        if let Some(demand) = demand(answer, base)? {
            *self.demand.lock().unwrap_or_else(PoisonError::into_inner) = demand;
        }
        Ok(())
    }

    /// Tells whether nothing is known that the registry wants to be shown.
    pub(crate) fn wants_nothing(&self) -> bool {
        *self.demand.lock().unwrap_or_else(PoisonError::into_inner) == Demand::Nothing
    }

    /// Returns what the registry wants to be shown, for people.
    pub(crate) fn wants(&self) -> String {
        match &*self.demand.lock().unwrap_or_else(PoisonError::into_inner) {
            Demand::Nothing => "nothing".to_owned(),
            Demand::Basic => "a user name and a password".to_owned(),
            Demand::Bearer(service) => {
                format!("a token of {}", service.realm.host_str().unwrap_or_default())
            }
        }
    }

    /// Returns what to show with a request.
    ///
    /// # Errors
    /// [`StoreError::Denied`] when the token service refuses, [`StoreError::Unreachable`] when it does not answer,
    /// [`StoreError::Credentials`] when it is not known what to show.
    pub(crate) async fn pass(&self, asker: Asker<'_>) -> Result<Pass, StoreError> {
        let demand = self.demand.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match demand {
            Demand::Nothing => Ok(Pass::default()),
            Demand::Basic => Ok(Pass::alone(asker.credential().await?.as_ref().and_then(Credential::basic))),
            Demand::Bearer(service) => {
                let slot = self.slot(asker.scope);
                let mut held = slot.token.lock().await;
                if let Some(token) = held.as_ref().filter(|token| token.is_good()) {
                    return Ok(Pass::of(token, Source::Kept));
                }
                if !slot.own_only.load(Ordering::Relaxed)
                    && let Some(pass) = self.wider(asker.scope)
                {
                    return Ok(pass);
                }
                let credential = asker.credential().await?;
                if let Some(header) = credential.as_ref().and_then(Credential::bearer) {
                    return Ok(Pass::alone(Some(header)));
                }
                let named = slot.named.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let serial = self.serial.fetch_add(1, Ordering::Relaxed) + 1;
                let token = token::fetch(&service, asker, credential.as_ref(), named.as_deref(), serial).await?;
                let pass = Pass::of(&token, Source::Fresh);
                *held = Some(token);
                Ok(pass)
            }
        }
    }

    /// Takes note of a 401 of the registry itself. Returns true when another try with another pass may be let in.
    ///
    /// # Errors
    /// Why there is nothing else that could be shown.
    pub(crate) async fn refused(
        &self,
        pass: &Pass,
        answer: &Answer,
        asker: Asker<'_>,
        credential: Option<&Credential>,
    ) -> Result<(), String> {
        self.learn(answer, asker.base)?;
        let demand = self.demand.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match demand {
            Demand::Nothing => Err("it answered 401 without saying what it wants".to_owned()),
            Demand::Basic if credential.and_then(Credential::basic).is_none() => {
                Err("it wants a user name and a password, and none are known for it".to_owned())
            }
            Demand::Basic if pass.header.is_some() => Err("user name and password were not accepted".to_owned()),
            Demand::Basic => Ok(()),
            Demand::Bearer(_) => {
                let slot = self.slot(asker.scope);
                let wider = learn_scope(&slot, answer, asker.scope);
                if pass.from == Source::Wider {
                    slot.own_only.store(true, Ordering::Relaxed);
                    return Ok(());
                }
                if pass.from == Source::Fresh && pass.header.is_some() && !wider {
                    return Err(match credential {
                        Some(Credential::Bearer(_)) => "the token that is known for it was not accepted".to_owned(),
                        Some(_) => "its own token was not accepted".to_owned(),
                        None => {
                            "its token for anonymous users was not accepted, and no credentials are known".to_owned()
                        }
                    });
                }
                let mut held = slot.token.lock().await;
                // Another request may have renewed it already.
                if held.as_ref().is_some_and(|token| token.serial == pass.serial) {
                    *held = None;
                }
                Ok(())
            }
        }
    }

    /// Returns a token that was fetched for more than this scope, such as that of a mount, which is good for both repositories.
    fn wider(&self, scope: &Scope) -> Option<Pass> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wider = slots.iter().filter(|(other, _)| *other != scope && other.includes(scope));
        wider.find_map(|(_, slot)| {
            // One that is being fetched is not waited for: whoever fetches it may be waiting for us.
            let held = slot.token.try_lock().ok()?;
            held.as_ref().filter(|token| token.is_good()).map(|token| Pass::of(token, Source::Wider))
        })
    }

    fn slot(&self, scope: &Scope) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(scope) {
            return Arc::clone(slot);
        }
        Arc::clone(slots.entry(scope.clone()).or_default())
    }
}

/// Remembers the scope that a challenge names when it is not the one we asked for. Returns true the first time.
fn learn_scope(slot: &Slot, answer: &Answer, asked: &Scope) -> bool {
    let named = challenges(answer).into_iter().find_map(|mut challenge| challenge.parameters.remove("scope"));
    let Some(named) = named.filter(|named| !named.is_empty() && !asked.covers(named)) else { return false };
    let mut known = slot.named.lock().unwrap_or_else(PoisonError::into_inner);
    let first = known.is_none();
    if first {
        *known = Some(named);
    }
    first
}

fn challenges(answer: &Answer) -> Vec<Challenge> {
    let headers = answer.headers.get_all(WWW_AUTHENTICATE).iter();
    headers.filter_map(|header| header.to_str().ok()).flat_map(challenge::parse).collect()
}

fn demand(answer: &Answer, base: &Url) -> Result<Option<Demand>, String> {
    let challenges = challenges(answer);
    if let Some(bearer) = challenges.iter().find(|challenge| challenge.scheme == "bearer") {
        let realm = bearer.parameters.get("realm").ok_or("its challenge names no token service")?;
        let realm = location::resolve(base, realm).map_err(|error| format!("of its token service: {error}"))?;
        check_realm(base, &realm)?;
        let service = bearer.parameters.get("service").cloned();
        return Ok(Some(Demand::Bearer(TokenService { realm, service })));
    }
    if challenges.iter().any(|challenge| challenge.scheme == "basic") {
        return Ok(Some(Demand::Basic));
    }
    match challenges.first() {
        None => Ok(None),
        Some(other) => {
            let scheme: String = other.scheme.chars().take(40).collect();
            Err(format!("it wants the scheme `{}`, which is not supported", oci::text::printable(&scheme)))
        }
    }
}

/// What is secret goes to the registry itself, or to a token service that shows who it is (CVE-2026-33540): one over TLS, or
/// on this machine when the registry is, too. A registry that is spoken to without TLS may have its service beside it.
fn check_realm(base: &Url, realm: &Url) -> Result<(), String> {
    let beside = base.scheme() == "http" && base.host_str() == realm.host_str();
    let both_here = location::is_loopback(base) && location::is_loopback(realm);
    if realm.scheme() == "https" || beside || both_here {
        return Ok(());
    }
    let host: String = realm.host_str().unwrap_or_default().chars().take(100).collect();
    Err(format!("its token service on {} is not reached over TLS", oci::text::printable(&host)))
}

#[cfg(test)]
mod tests {
    use super::{Url, check_realm};

    #[test]
    fn secrets_go_to_services_that_show_who_they_are() {
        let allowed =
            |base: &str, realm: &str| check_realm(&Url::parse(base).unwrap(), &Url::parse(realm).unwrap()).is_ok();
        assert!(allowed("https://r.example/", "https://auth.example/token"));
        assert!(allowed("http://127.0.0.1:5000/", "http://localhost:5001/token"));
        assert!(allowed("http://r.example:5000/", "http://r.example:5001/token"));
        assert!(!allowed("https://r.example/", "http://auth.example/token"));
        assert!(!allowed("https://r.example/", "http://r.example/token"));
        assert!(!allowed("https://r.example/", "http://127.0.0.1:8080/token"));
        assert!(!allowed("http://127.0.0.1:5000/", "http://auth.example/token"));
    }
}
