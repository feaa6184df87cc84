//! The keys of an issuer: fetched when they are needed, kept, and fetched again at a bounded rate.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::KEYS_MAX_BYTES;
use super::claims::Refusal;
use super::issuer::{DocumentFailure, DocumentFetch, DocumentRequest, IssuerUrl, OidcIssuer, OidcKeys};
use super::json::{self, Json};
use super::jwks::{KeySet, KeySetError};
use super::jws::Unverified;
use crate::options::FailureHook;

/// How old keys may be before it is looked whether the issuer has others. A key that an issuer takes back is taken for so long.
const FRESH: i64 = 10 * 60 * 1000;
/// How long it is not asked again after it was, in milliseconds, whatever assertions say of keys.
const PAUSE: i64 = 30 * 1000;
/// How long a document may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest document that says where the keys are, in bytes.
const DISCOVERY_MAX_BYTES: usize = 64 * 1024;

/// By what documents are fetched, and who hears when that fails.
#[derive(Clone, Default)]
pub(in crate::access) struct Fetching {
    pub(in crate::access) by: Option<Arc<dyn DocumentFetch>>,
    pub(in crate::access) hook: Option<FailureHook>,
}

/// The keys of an issuer.
pub(in crate::access) struct KeyRing(Arc<Ring>);

struct Ring {
    source: Source,
    keep: i64,
    fetching: Fetching,
    shared: Arc<Shared>,
}

/// What all rings of one source share, those from before a reload too.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Held by the one who fetches.
    turn: tokio::sync::Mutex<()>,
    /// How many fetches have come to their end. It is raised while the turn is held.
    ended: AtomicU64,
}

/// Where keys come from. Two issuers with the same have the same keys.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    issuer: IssuerUrl,
    /// Where the keys are, if it is said.
    keys: Option<IssuerUrl>,
    authorities: Option<Arc<[u8]>>,
}

#[derive(Default)]
struct State {
    keys: Option<Arc<KeySet>>,
    fetched_at: i64,
    tried_at: Option<i64>,
}

/// Why the keys of an issuer cannot be had, as the operator hears it.
#[derive(Debug, thiserror::Error)]
enum KeyTrouble {
    #[error("the keys of {issuer} cannot be had: {reason}")]
    Fetch { issuer: String, reason: DocumentFailure },
    #[error("{issuer} does not say in its discovery document that it is itself, or where its keys are")]
    Discovery { issuer: String },
    #[error("{issuer} says that its keys are at another host, or not at HTTPS; `keys-url` names them if that is right")]
    Elsewhere { issuer: String },
    #[error("the keys of {issuer} cannot be used: {reason}")]
    Keys { issuer: String, reason: KeySetError },
}

impl fmt::Debug for Fetching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetching").field("by", &self.by).finish_non_exhaustive()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("source", &self.0.source.issuer).finish_non_exhaustive()
    }
}

impl KeyRing {
    /// Returns the keys of an issuer, with all that those of `others` with the same source have, and fetch now or later. `None` where they do not
    /// have to be fetched.
    pub(in crate::access) fn new<'r>(
        issuer: &OidcIssuer,
        fetching: &Fetching,
        others: impl IntoIterator<Item = &'r Self>,
    ) -> Option<Self> {
        let keys = match &issuer.keys {
            OidcKeys::Here(_) => return None,
            OidcKeys::Discovered => None,
            OidcKeys::At(url) => Some(url.clone()),
        };
        let source = Source { issuer: issuer.url.clone(), keys, authorities: issuer.authorities.clone() };
        let shared = others.into_iter().find(|other| other.0.source == source).map(|other| Arc::clone(&other.0.shared));
        Some(Self(Arc::new(Ring {
            source,
            keep: i64::try_from(issuer.keep.as_millis()).unwrap_or(i64::MAX),
            fetching: fetching.clone(),
            shared: shared.unwrap_or_default(),
        })))
    }

    /// Returns the keys that an assertion is to be verified with. They are fetched where there are none, where those that are there are
    /// old, and where none is for the assertion; not more often than once in a while. Whoever comes while they are fetched waits for them. Where that
    /// fails, old keys go on for a time.
    pub(in crate::access) async fn keys(&self, assertion: &Unverified<'_>, now: i64) -> Result<Arc<KeySet>, Refusal> {
        let ring = &self.0;
        // Read before the keys are: what ends from here on may have brought others.
        let ended = ring.shared.ended.load(Ordering::Acquire);
        let (known, is_fresh) = ring.known(now);
        match known {
            Some(keys) if is_fresh && keys.has(assertion) => return Ok(keys),
            // Whoever asks for the keys now will have them for all.
            Some(keys) if keys.has(assertion) && ring.is_fetching() => return Ok(keys),
            _ => {}
        }
        // In this order: it may not be tried again as soon as a fetch has begun, and whoever sees that sees the fetch or what came of it.
        if ring.may_try(now) || ring.is_fetching() {
            let fetching = Arc::clone(ring);
            // On a task of its own: whoever goes away does not keep others from the keys.
            let fetched = tokio::spawn(async move { fetching.refresh(now, ended).await });
            let _ = fetched.await;
        }
        ring.known(now).0.ok_or(Refusal::NoKeys)
    }
}

impl Ring {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the keys that may still be used, and whether they are as new as they should be.
    fn known(&self, now: i64) -> (Option<Arc<KeySet>>, bool) {
        let state = self.state();
        let age = now.saturating_sub(state.fetched_at);
        // A clock that was put back makes nothing younger.
        (state.keys.clone().filter(|_| age <= self.keep), (0..=FRESH).contains(&age))
    }

    fn may_try(&self, now: i64) -> bool {
        self.state().tried_at.is_none_or(|at| !(at..at.saturating_add(PAUSE)).contains(&now))
    }

    fn is_fetching(&self) -> bool {
        self.shared.turn.try_lock().is_err()
    }

    /// Fetches the keys, unless a fetch has ended since so many had, or it may not be tried. Waits in any case for the one that is on its way.
    async fn refresh(&self, now: i64, ended: u64) {
        let _turn = self.shared.turn.lock().await;
        if self.shared.ended.load(Ordering::Acquire) != ended || !self.may_try(now) {
            return;
        }
        self.state().tried_at = Some(now);
        match self.fetch().await {
            Ok(keys) => {
                let mut state = self.state();
                state.keys = Some(Arc::new(keys));
                state.fetched_at = now;
            }
            Err(trouble) => {
                if let Some(hook) = &self.fetching.hook {
                    hook.call(&trouble);
                }
            }
        }
        self.shared.ended.fetch_add(1, Ordering::Release);
    }

    async fn fetch(&self) -> Result<KeySet, KeyTrouble> {
        let issuer = || self.source.issuer.as_str().to_owned();
        let url = match &self.source.keys {
            Some(url) => url.clone(),
            None => self.discover().await?,
        };
        let document = self.document(url.as_str().to_owned(), KEYS_MAX_BYTES).await?;
        KeySet::parse(&document).map_err(|reason| KeyTrouble::Keys { issuer: issuer(), reason })
    }

    /// Returns where the issuer says that its keys are: by HTTPS, on its own host. Elsewhere what it says could lead into the network that the registry
    /// is in.
    async fn discover(&self) -> Result<IssuerUrl, KeyTrouble> {
        let own = &self.source.issuer;
        let issuer = || own.as_str().to_owned();
        let document = self.document(own.discovery(), DISCOVERY_MAX_BYTES).await?;
        let document = json::object(&document).ok_or_else(|| KeyTrouble::Discovery { issuer: issuer() })?;
        let text = |name: &str| document.get(name).and_then(Json::text);
        if text("issuer") != Some(own.as_str()) {
            return Err(KeyTrouble::Discovery { issuer: issuer() });
        }
        let keys = text("jwks_uri").ok_or_else(|| KeyTrouble::Discovery { issuer: issuer() })?;
        let keys = IssuerUrl::parse(keys).filter(|keys| keys.is_beside(own));
        keys.ok_or_else(|| KeyTrouble::Elsewhere { issuer: issuer() })
    }

    async fn document(&self, url: String, max_bytes: usize) -> Result<Vec<u8>, KeyTrouble> {
        let failed = |reason| KeyTrouble::Fetch { issuer: self.source.issuer.as_str().to_owned(), reason };
        let Some(fetch) = &self.fetching.by else {
            return Err(failed(DocumentFailure("nothing is there to fetch it by".to_owned())));
        };
        let request =
            DocumentRequest { url, authorities: self.source.authorities.clone(), max_bytes, timeout: TIMEOUT };
        let fetched = tokio::time::timeout(TIMEOUT, fetch.fetch(request)).await;
        let late = || DocumentFailure("it has not answered in time".to_owned());
        let document = fetched.unwrap_or_else(|_| Err(late())).map_err(failed)?;
        if document.len() > max_bytes {
            return Err(failed(DocumentFailure(format!("it has more than {max_bytes} bytes"))));
        }
        Ok(document)
    }
}
