//! Fetching a token (distribution's token authentication specification; RFC 6749 section 6 for refresh tokens).

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use reqwest::Url;
use serde::Deserialize;
use store::StoreError;

use super::{Asker, Scope};
use crate::credentials::{Credential, sensitive};
use crate::exchange::{Answer, Body, Request};
use crate::refusal;
use crate::retry::{self, Backoff};

/// Largest answer of a token service that is read, in bytes.
const TOKEN_ANSWER_MAX_BYTES: usize = 256 * 1024;

/// How long a token is good for when its service does not say (token specification, "Token Response Fields").
const DEFAULT_LIFETIME: Duration = Duration::from_mins(1);

/// Longest time a token is used.
const LIFETIME_MAX: Duration = Duration::from_hours(1);

/// What this program is called where a token service asks.
const CLIENT_ID: &str = "supercargo";

/// Who gives out tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenService {
    pub(crate) realm: Url,
    pub(crate) service: Option<String>,
}

/// A token.
#[derive(Debug)]
pub(super) struct Token {
    /// The value of `Authorization`; it is marked sensitive, so it is not shown.
    pub(super) header: HeaderValue,
    /// When it is not used any more.
    pub(super) expires: Instant,
    /// Its number, by which one that was refused is told from one that came after it.
    pub(super) serial: u64,
}

impl Token {
    /// Tells whether it can still be used.
    pub(super) fn is_good(&self) -> bool {
        self.expires > Instant::now()
    }
}

#[derive(Deserialize)]
struct Document {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

/// Fetches a token. `named` is a scope that the registry named itself.
pub(super) async fn fetch(
    service: &TokenService,
    asker: Asker<'_>,
    credential: Option<&Credential>,
    named: Option<&str>,
    serial: u64,
) -> Result<Token, StoreError> {
    const ACTION: &str = "the request for a token";
    let protocol = |reason: &str| StoreError::Protocol {
        location: asker.location.to_owned(),
        action: ACTION.to_owned(),
        reason: reason.to_owned(),
    };
    let mut answer = ask(service, asker, credential, named, ACTION).await?;
    if answer.status == StatusCode::BAD_REQUEST
        && let Some(all) = asker.scope.with_all_rights()
    {
        answer.discard().await;
        answer = ask(service, Asker { scope: &all, ..asker }, credential, named, ACTION).await?;
    }
    let answered = Instant::now();
    if answer.status == StatusCode::BAD_REQUEST {
        // RFC 6749 section 5.2: a refresh token that is not accepted.
        return Err(StoreError::Denied {
            location: asker.location.to_owned(),
            action: ACTION.to_owned(),
            reason: "its token service does not accept the credentials".to_owned(),
        });
    }
    if !answer.status.is_success() {
        return Err(refusal::error(answer, asker.location, ACTION).await);
    }
    let body = answer.read_any(TOKEN_ANSWER_MAX_BYTES).await;
    let body = body
        .map_err(|failure| failure.into_store_error(asker.location, ACTION))?
        .ok_or_else(|| protocol("the token has too many bytes"))?;
    let document: Document = serde_json::from_slice(&body)
        .map_err(|_| protocol("its token service did not answer with JSON of its type"))?;
    let mut given = [document.token, document.access_token].into_iter().flatten();
    let text = given.find(|token| !token.is_empty());
    let text = text.ok_or_else(|| protocol("its token service gave no token"))?;
    let header = sensitive(format!("Bearer {text}"));
    let header = header.ok_or_else(|| protocol("the token has characters that cannot be sent"))?;
    let lifetime = document.expires_in.map_or(DEFAULT_LIFETIME, Duration::from_secs).min(LIFETIME_MAX);
    // A token that ends on the way would cost a request.
    Ok(Token { header, expires: answered + lifetime.mul_f32(0.9), serial })
}

async fn ask(
    service: &TokenService,
    asker: Asker<'_>,
    credential: Option<&Credential>,
    named: Option<&str>,
    action: &str,
) -> Result<Answer, StoreError> {
    let mut backoff = Backoff::new(asker.retry);
    loop {
        let outcome = asker.transport.send(request(service, asker.scope, credential, named)).await;
        let wish = match &outcome {
            Ok(answer) if retry::is_passing(answer.status) => retry::wish(answer),
            Err(failure) if failure.is_passing() => None,
            _ => return outcome.map_err(|failure| failure.into_store_error(asker.location, action)),
        };
        if !backoff.again(wish).await {
            return outcome.map_err(|failure| failure.into_store_error(asker.location, action));
        }
    }
}

fn request(service: &TokenService, scope: &Scope, credential: Option<&Credential>, named: Option<&str>) -> Request {
    let mut url = service.realm.clone();
    let scopes = scope.parts().chain(named.into_iter().flat_map(|named| named.split(' ')));
    if let Some(Credential::Refresh(token)) = credential {
        let mut form = url.clone();
        form.set_query(None);
        form.query_pairs_mut()
            .append_pair("grant_type", "refresh_token")
            .append_pair("service", service.service.as_deref().unwrap_or_default())
            .append_pair("client_id", CLIENT_ID)
            .append_pair("scope", &scopes.collect::<Vec<_>>().join(" "))
            .append_pair("refresh_token", token.reveal());
        let mut request = Request::new(Method::POST, url)
            .with(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        request.body = Body::Bytes(Bytes::from(form.query().unwrap_or_default().to_owned()));
        request.secret = Some(token.clone());
        return request;
    }
    {
        let mut query = url.query_pairs_mut();
        if let Some(service) = &service.service {
            query.append_pair("service", service);
        }
        for scope in scopes {
            query.append_pair("scope", scope);
        }
    }
    if url.query() == Some("") {
        url.set_query(None);
    }
    let request = Request::new(Method::GET, url);
    match credential.and_then(Credential::basic) {
        Some(basic) => request.with(AUTHORIZATION, basic),
        None => request,
    }
}
