//! Where tokens are issued (the "token authentication" of the docker registry protocol, by GET and by POST).

use std::time::Duration;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use serde_json::json;

use super::authority::{Authority, Caller, Stranger};
use super::authorization::Authorization;
use super::identity::Identity;
use super::oidc::{Refusal, is_like_assertion};
use super::options::TokenOptions;
use super::scope::{SCOPES_MAX, Scope};
use super::secret::Secret;
use super::token::{self, Bearer, Claims, SigningKey, Use};
use super::{Asker, BASIC_CHALLENGE, Gate, TOKEN_PATH, Turned, Why, busy, unauthorized};
use crate::error::{ApiError, Code};
use crate::incoming::Incoming;
use crate::limits;
use crate::peer::Client;
use crate::query::Query;
use crate::routes;

/// Largest form that is read, in bytes.
const FORM_MAX_BYTES: usize = 64 * 1024;

/// A request for a token, once it is known whose.
struct Wish<'q> {
    caller: Caller,
    /// The parameters, of the query or of the form.
    parameters: &'q Query,
    /// Whether a token to fetch tokens with is wanted.
    refresh: bool,
}

/// A token that was issued.
pub(crate) struct Issued {
    pub(crate) response: Response,
    /// To whom.
    pub(crate) identity: Identity,
    /// For what.
    pub(crate) scopes: String,
}

impl Gate {
    /// Answers a request for a token: as much as the caller may do of the scopes that are asked for. `None` when no tokens are issued here.
    pub(crate) async fn issue(
        &self,
        parts: &Parts,
        query: &Query,
        body: &mut Incoming,
        client: Client,
    ) -> Result<Option<Issued>, Box<Turned>> {
        if parts.uri.path() != TOKEN_PATH {
            return Ok(None);
        }
        let authority = self.authority();
        let Some(tokens) = &authority.tokens else { return Ok(None) };
        let asker = Asker::new(parts, client);
        if asker.is_distrusted() {
            return Err(self.turned_away(Stranger::Unverified, None));
        }
        match parts.method {
            Method::GET => {
                let caller = self.by_header(&authority, asker).await?;
                let refresh = query.get("offline_token") == Some("true");
                Ok(Some(self.grant(&authority, tokens, Wish { caller, parameters: query, refresh })?))
            }
            Method::POST => {
                let form = form(&parts.headers, body).await?;
                let grant_type = form.get("grant_type").unwrap_or_default();
                let Some(wish) = self.by_form(&authority, grant_type, &form, client).await else {
                    return Err(Turned::answered(refused("unsupported_grant_type"), None));
                };
                match wish {
                    Ok(caller) => {
                        // One that was used is good to its end, and brings no other: what was stolen ends.
                        let refresh = form.get("access_type") == Some("offline") && grant_type != "refresh_token";
                        Ok(Some(self.grant(&authority, tokens, Wish { caller, parameters: &form, refresh })?))
                    }
                    // RFC 6749 section 5.2.
                    Err(Stranger::Unverified) if grant_type == "refresh_token" => {
                        self.note_stranger(Stranger::Unverified);
                        Err(Turned::answered(refused("invalid_grant"), Some(Why::Unverified)))
                    }
                    Err(stranger) => {
                        let claimed = authority.known_name(form.get("username").unwrap_or_default());
                        Err(self.turned_away(stranger, claimed))
                    }
                }
            }
            _ => Err(ApiError::method("GET, POST").into()),
        }
    }

    async fn by_header(&self, authority: &Authority, asker: Asker<'_>) -> Result<Caller, Box<Turned>> {
        let now = self.clock.now();
        let identified = match Authorization::of(asker.headers) {
            Authorization::None => match asker.certificate.and_then(Caller::by_certificate) {
                Some(caller) => Ok(caller),
                None if authority.knows_anonymous() => Ok(Caller::default()),
                None => Err(Stranger::Unidentified),
            },
            Authorization::Basic { user, password } => {
                authority.by_password(&self.verifier, (&user, &password), (now, asker.client)).await
            }
            Authorization::Bearer(assertion) if is_like_assertion(assertion.reveal()) => {
                authority.by_assertion(&assertion, now).await
            }
            Authorization::Bearer(_) | Authorization::Malformed => Err(Stranger::Unverified),
        };
        identified.map_err(|stranger| self.turned_away(stranger, authority.claimed(&Authorization::of(asker.headers))))
    }

    /// Returns who sends a form, or `None` when that cannot be said in the way that is asked for.
    async fn by_form(
        &self,
        authority: &Authority,
        grant_type: &str,
        form: &Query,
        client: Client,
    ) -> Option<Result<Caller, Stranger>> {
        let secret = |name| Secret::new(form.get(name).unwrap_or_default());
        let now = self.clock.now();
        match grant_type {
            "password" => {
                let user = form.get("username").unwrap_or_default();
                Some(authority.by_password(&self.verifier, (user, &secret("password")), (now, client)).await)
            }
            "refresh_token" => Some(authority.by_token(&secret("refresh_token"), Use::Refresh, None, now)),
            _ => None,
        }
    }

    fn grant(&self, authority: &Authority, tokens: &TokenOptions, wish: Wish<'_>) -> Result<Issued, Box<Turned>> {
        let Wish { caller, parameters, refresh } = wish;
        // A space may be written as a plus, which no scope has in it.
        let asked = parameters.all("scope").flat_map(|scopes| scopes.split([' ', '+'])).filter_map(Scope::parse);
        let scopes: Vec<Scope> = asked.take(SCOPES_MAX).filter_map(|scope| authority.granted(&caller, scope)).collect();
        let now = self.clock.now();
        let lifetime = match caller.until {
            None => tokens.lifetime,
            // What an assertion is good for ends with it, whatever the clocks may be apart.
            Some(until) => match u64::try_from(until.saturating_sub(now)) {
                Ok(left) if left > 0 => tokens.lifetime.min(Duration::from_millis(left)),
                _ => return Err(self.turned_away(Stranger::Refused(Refusal::Expired), None)),
            },
        };
        let seal = |for_use, scopes: &[Scope], lifetime| {
            sealed(tokens, &caller, (for_use, scopes), (now, lifetime)).map_err(ApiError::internal)
        };
        let token = seal(Use::Access, &scopes, lifetime)?;
        let listed = scopes.iter().map(Scope::to_string).collect::<Vec<_>>().join(" ");
        let mut document = json!({
            "token": token,
            "access_token": token,
            "expires_in": lifetime.as_secs(),
            "scope": listed,
        });
        if let Some(lifetime) = tokens.refresh_lifetime.filter(|_| refresh && caller.identity.as_user().is_some()) {
            document["refresh_token"] = json!(seal(Use::Refresh, &[], lifetime)?);
        }
        let response = kept_by_nobody(routes::json(document.to_string()));
        Ok(Issued { response, identity: caller.identity, scopes: listed })
    }

    /// Returns the answer to somebody who gets no token.
    fn turned_away(&self, stranger: Stranger, claimed: Option<String>) -> Box<Turned> {
        self.note_stranger(stranger);
        let error = match stranger {
            Stranger::Busy => busy(),
            Stranger::Limited(wait) => limits::refused(wait),
            Stranger::Unverified | Stranger::Unidentified | Stranger::Refused(_) => unauthorized(BASIC_CHALLENGE),
        };
        Turned::stranger(error, stranger, claimed)
    }
}

/// Returns a token for a caller, for a use and these scopes, from now on for a time.
fn sealed(
    tokens: &TokenOptions,
    caller: &Caller,
    (for_use, scopes): (Use, &[Scope]),
    (now, lifetime): (i64, Duration),
) -> Result<String, serde_json::Error> {
    // Without a key nothing is sealed that anybody takes.
    let key = tokens.keys.first().cloned().unwrap_or_else(SigningKey::random);
    let bearer = caller.identity.name().zip(caller.credential.as_ref()).map(|(user, credential)| Bearer {
        user: user.to_owned(),
        key: caller.key_id.clone(),
        credential: key.mark(credential),
        vouched: caller.vouched(),
    });
    let claims = Claims {
        for_use,
        audience: tokens.service.clone(),
        issued_at: now,
        expires_at: now.saturating_add(i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX)),
        bearer,
        scopes: scopes.iter().map(Scope::to_string).collect(),
    };
    token::seal(&claims, &key)
}

async fn form(headers: &HeaderMap, body: &mut Incoming) -> Result<Query, ApiError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let message = "a token is asked for with a form (application/x-www-form-urlencoded)";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::Unsupported, message));
    }
    let bytes = body.collect(FORM_MAX_BYTES).await?;
    let text = std::str::from_utf8(&bytes).map_err(|_| crate::query::QueryError::Encoding)?;
    // In a form a plus is a space.
    Ok(Query::parse(&text.replace('+', "%20"))?)
}

/// Returns a refusal in the form of RFC 6749, section 5.2.
fn refused(error: &str) -> Response {
    let mut response = routes::json(json!({ "error": error }).to_string());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    kept_by_nobody(response)
}

fn kept_by_nobody(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
