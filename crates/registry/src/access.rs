//! Who may do what: one place decides, before any handler runs.

mod token;

use axum::http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use oci::{Digest, Host, RepositoryName};

use crate::error::{ApiError, Code};
use crate::options::{Access, Credentials};
use crate::query::Query;
use crate::routes::json;
use token::{Scope, Tokens};

pub(crate) use token::Action;

/// Where tokens are issued.
pub(crate) const TOKEN_PATH: &str = "/token";

/// What a request needs the right to do, and where.
pub(crate) type Wanted = (RepositoryName, Action);

const BASIC_CHALLENGE: &str = "Basic realm=\"supercargo\"";

/// What the server calls itself to a client that asks for a token.
const SERVICE: &str = "supercargo";

/// Admits a caller, or does not.
pub(crate) struct Gate {
    access: Access,
    tokens: Tokens,
}

/// What a caller who was let in may do.
#[derive(Clone, Debug)]
pub(crate) enum Grant {
    Everything,
    Scopes(Vec<Scope>),
}

impl Grant {
    pub(crate) fn allows(&self, repository: &RepositoryName, action: Action) -> bool {
        match self {
            Self::Everything => true,
            Self::Scopes(scopes) => scopes.iter().any(|scope| scope.allows(repository, action)),
        }
    }
}

impl Gate {
    pub(crate) fn new(access: Access) -> Self {
        Self { access, tokens: Tokens::default() }
    }

    /// Lets a caller in who may do everything that is wanted; where nothing is, everybody who is known.
    pub(crate) fn admit(&self, headers: &HeaderMap, wanted: &[Wanted]) -> Result<Grant, ApiError> {
        match &self.access {
            Access::Open => Ok(Grant::Everything),
            Access::Basic(credentials) => match basic(headers) {
                Some(given) if is(&given, credentials) => Ok(Grant::Everything),
                _ => Err(unauthorized(BASIC_CHALLENGE)),
            },
            Access::Bearer { .. } => {
                let Some(scopes) = authorization(headers, "Bearer").and_then(|token| self.tokens.scopes(token)) else {
                    return Err(unauthorized(&challenge(headers, wanted, "")));
                };
                let grant = Grant::Scopes(scopes);
                if wanted.iter().all(|(repository, action)| grant.allows(repository, *action)) {
                    return Ok(grant);
                }
                Err(unauthorized(&challenge(headers, wanted, ",error=\"insufficient_scope\"")))
            }
        }
    }

    /// Answers a request for a token (the "token authentication" of the docker registry protocol): what the caller may have
    /// of the scopes that are asked for. `None` when no tokens are issued here.
    pub(crate) fn issue(&self, parts: &Parts, query: &Query) -> Result<Option<Response>, ApiError> {
        let Access::Bearer { credentials, anonymous_pull, lifetime } = &self.access else { return Ok(None) };
        if parts.method != Method::GET {
            return Err(ApiError::method("GET"));
        }
        let anonymous = !parts.headers.contains_key(AUTHORIZATION);
        let known = basic(&parts.headers).is_some_and(|given| is(&given, credentials));
        let admitted = known || (anonymous && *anonymous_pull);
        if !admitted {
            return Err(unauthorized(BASIC_CHALLENGE));
        }
        // A space may be written as a plus, which no scope has in it.
        let mut scopes: Vec<Scope> =
            query.all("scope").flat_map(|scopes| scopes.split([' ', '+'])).filter_map(Scope::parse).collect();
        if anonymous {
            scopes.iter_mut().for_each(Scope::keep_pull);
        }
        let token = self.tokens.issue(scopes, *lifetime);
        let document = serde_json::json!({ "token": token, "access_token": token, "expires_in": lifetime.as_secs() });
        Ok(Some(json(document.to_string())))
    }
}

/// Where and for what to ask for a token. The realm is on the host by which the caller called us.
fn challenge(headers: &HeaderMap, wanted: &[Wanted], error: &str) -> String {
    let host = headers.get(HOST).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<Host>().ok());
    let host = host.as_ref().map_or("localhost", Host::as_str);
    let scopes = wanted.iter().map(|(repository, action)| format!("repository:{repository}:{}", action.requested()));
    let scopes = scopes.collect::<Vec<_>>().join(" ");
    let scope = if scopes.is_empty() { scopes } else { format!(",scope=\"{scopes}\"") };
    format!("Bearer realm=\"http://{host}{TOKEN_PATH}\",service=\"{SERVICE}\"{scope}{error}")
}

fn unauthorized(challenge: &str) -> ApiError {
    match HeaderValue::try_from(challenge) {
        Ok(challenge) => ApiError::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, "authentication is required")
            .header(WWW_AUTHENTICATE, challenge),
        Err(error) => ApiError::internal(error),
    }
}

fn authorization<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h str> {
    let (given, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

fn basic(headers: &HeaderMap) -> Option<Credentials> {
    let decoded = base64::engine::general_purpose::STANDARD.decode(authorization(headers, "Basic")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(Credentials { user: user.to_owned(), password: password.to_owned() })
}

/// Compares by digest, so that the time it takes says nothing about how much was right.
fn is(given: &Credentials, expected: &Credentials) -> bool {
    let same = |a: &str, b: &str| Digest::sha256(a.as_bytes()) == Digest::sha256(b.as_bytes());
    same(&given.user, &expected.user) & same(&given.password, &expected.password)
}
