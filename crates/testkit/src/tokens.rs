//! A token service (distribution's token authentication specification) that runs for the time of a test.
//!
//! It gives out what it is asked for as far as the user may have it, and notes who asked for what. Its tokens are signed with a
//! key of its own, which distribution is told to believe.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::proxy::{Answer, Exchange, Fault, HttpProxy, Matcher, Rule};

/// By this name distribution knows that a token is for it.
const SERVICE: &str = "testkit registry";
const ISSUER: &str = "testkit tokens";
const KEY_ID: &str = "testkit";

/// How much longer than it says distribution takes a token.
const LEEWAY: Duration = Duration::from_mins(1);

/// What the service tells clients about how long its tokens are good, however long that is.
const SAID_LIFETIME: Duration = Duration::from_mins(5);

/// A user, and what they may do.
#[derive(Clone, Debug)]
pub struct TokenUser {
    /// The user name.
    pub name: String,
    /// The password.
    pub password: String,
    /// Repositories, and what may be done with each: `pull`, `push`, `delete`.
    pub rights: Vec<(String, Vec<String>)>,
}

impl TokenUser {
    /// Makes a user, whose password is their name twice.
    pub fn new(name: &str, rights: &[(&str, &[&str])]) -> Self {
        let rights = rights.iter().map(|(repository, actions)| {
            ((*repository).to_owned(), actions.iter().map(|action| (*action).to_owned()).collect())
        });
        Self { name: name.to_owned(), password: format!("{name}{name}"), rights: rights.collect() }
    }

    fn may(&self, repository: &str, action: &str) -> bool {
        self.rights.iter().any(|(own, actions)| own == repository && actions.iter().any(|own| own == action))
    }
}

/// A token that was given out.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The user's name; `None` for somebody unknown.
    pub user: Option<String>,
    /// The scopes that were asked for, in their order.
    pub asked: Vec<String>,
    /// The token.
    pub token: String,
}

/// A token service on a loopback address, until it is dropped.
#[derive(Debug)]
pub struct TokenService {
    server: HttpProxy,
    issued: Arc<Mutex<Vec<Issued>>>,
    keys: NamedTempFile,
}

struct Issuer {
    key: EcdsaKeyPair,
    users: Vec<TokenUser>,
    lifetime: Duration,
    issued: Arc<Mutex<Vec<Issued>>>,
}

impl TokenService {
    /// Starts a service whose tokens are good for as long as this, whatever it tells those who get them.
    ///
    /// # Panics
    /// For a lifetime of less than a second.
    #[expect(clippy::disallowed_methods, reason = "a file of one test run")]
    pub async fn start(users: Vec<TokenUser>, lifetime: Duration) -> Self {
        assert!(lifetime >= Duration::from_secs(1), "tokens count in seconds");
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let keys = NamedTempFile::new().unwrap();
        std::fs::write(keys.path(), public_keys(&key).to_string()).unwrap();
        let issued = Arc::default();
        let giver = Issuer { key, users, lifetime, issued: Arc::clone(&issued) };
        let rule = Rule::new(Matcher::any().path_ends("/token"), Fault::answer_to(move |asked| giver.answer(asked)));
        Self { server: HttpProxy::server(vec![rule]).await, issued, keys }
    }

    /// Returns the tokens given out so far.
    pub fn issued(&self) -> Vec<Issued> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns what stands in a configuration of distribution that believes this service.
    pub(crate) fn settings(&self) -> String {
        format!(
            "auth:\n  token:\n    realm: http://{}/token\n    service: {SERVICE}\n    issuer: {ISSUER}\n    \
             jwks: {}\n    signingalgorithms: [ES256]\n",
            self.server.address(),
            self.keys.path().display()
        )
    }
}

/// Returns how long distribution still takes the token that a request shows, and a moment more. Zero when it shows none.
///
/// # Panics
/// When what it shows is no token of a [`TokenService`].
pub fn until_refused(request: &Exchange) -> Duration {
    let Some(token) = request.header("Authorization").and_then(|shown| shown.strip_prefix("Bearer ")) else {
        return Duration::ZERO;
    };
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let ends = Duration::from_secs(claims["exp"].as_u64().unwrap()) + LEEWAY + Duration::from_millis(200);
    ends.saturating_sub(since_epoch())
}

impl Issuer {
    fn answer(&self, request: &Exchange) -> Answer {
        let user = match request.header("Authorization") {
            None => None,
            Some(shown) => match self.user(shown) {
                Some(user) => Some(user),
                None => return Answer::error(401, "UNAUTHORIZED", "nobody of this name has this password"),
            },
        };
        let asked: Vec<String> = parameters(&request.query, "scope");
        if parameters(&request.query, "service") != [SERVICE] {
            return Answer::error(400, "UNSUPPORTED", "another service");
        }
        let access: Vec<Value> = asked.iter().filter_map(|scope| granted(user?, scope)).collect();
        let token = self.sign(user.map_or("", |user| &user.name), &access);
        let body = json!({ "token": token, "expires_in": SAID_LIFETIME.as_secs() }).to_string();
        let issued = Issued { user: user.map(|user| user.name.clone()), asked, token };
        self.issued.lock().unwrap_or_else(PoisonError::into_inner).push(issued);
        Answer::new(200).header("Content-Type", "application/json").body(body)
    }

    fn user(&self, shown: &str) -> Option<&TokenUser> {
        let pair = STANDARD.decode(shown.strip_prefix("Basic ")?).ok()?;
        let pair = String::from_utf8(pair).ok()?;
        let (name, password) = pair.split_once(':')?;
        self.users.iter().find(|user| user.name == name && user.password == password)
    }

    fn sign(&self, subject: &str, access: &[Value]) -> String {
        let now = since_epoch();
        // Distribution takes it for longer than it says.
        let ends = (now + self.lifetime).saturating_sub(LEEWAY).as_secs();
        let number = self.issued.lock().unwrap_or_else(PoisonError::into_inner).len();
        let header = json!({ "typ": "JWT", "alg": "ES256", "kid": KEY_ID });
        let claims = json!({
            "iss": ISSUER, "sub": subject, "aud": SERVICE, "jti": number.to_string(),
            "iat": now.as_secs(), "nbf": now.as_secs() - LEEWAY.as_secs(), "exp": ends, "access": access,
        });
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Returns what a user gets of a scope `repository:NAME:ACTIONS`.
fn granted(user: &TokenUser, scope: &str) -> Option<Value> {
    let (resource, actions) = scope.rsplit_once(':')?;
    let (kind, name) = resource.split_once(':')?;
    let actions: Vec<&str> = actions.split(',').filter(|action| user.may(name, action)).collect();
    Some(json!({ "type": kind, "name": name, "actions": actions }))
}

/// Returns the public part of a key as a set of keys (RFC 7517).
fn public_keys(key: &EcdsaKeyPair) -> Value {
    // One byte says that the point is not compressed; its coordinates follow.
    let (x, y) = key.public_key().as_ref()[1..].split_at(32);
    let encode = |coordinate| URL_SAFE_NO_PAD.encode::<&[u8]>(coordinate);
    let key = json!({ "kty": "EC", "crv": "P-256", "kid": KEY_ID, "alg": "ES256", "x": encode(x), "y": encode(y) });
    json!({ "keys": [key] })
}

fn parameters(query: &str, name: &str) -> Vec<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(own, _)| *own == name).map(|(_, value)| decoded(value)).collect()
}

/// Takes back what escapes characters in a query.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "tokens say when they end")]
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap()
}
