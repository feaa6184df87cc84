//! Blobs outside of every registry, at the URLs that their descriptors name (image-spec, "Descriptors", `urls`).

use futures_util::{StreamExt as _, stream};
use http::header::{ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderValue, Method, StatusCode};
use oci::Descriptor;
use reqwest::Url;
use store::{BlobBody, StoreError};

use crate::client::Client;
use crate::download;
use crate::exchange::{Answer, Failure, Request};
use crate::redirect;
use crate::retry::{self, Backoff};
use crate::syntax::location;

impl Client {
    /// Returns the bytes of a blob from `offset` to its end as the server of `url` gives them: its length is right, its
    /// content is for the caller to verify. `None` when they are not there.
    ///
    /// The URL is what a stranger wrote. Only `http` and `https` are spoken, redirects are counted and never lead away from
    /// TLS, and nothing secret is sent.
    ///
    /// # Errors
    /// [`StoreError`] with the URL, its query left out, as the location.
    pub async fn open_url(
        &self,
        url: &str,
        descriptor: &Descriptor,
        offset: u64,
    ) -> Result<Option<BlobBody>, StoreError> {
        let action = format!("the request for blob {}", descriptor.digest);
        let url = match read(url) {
            Ok(url) => url,
            Err(failure) => return Err(failure.into_store_error("a URL of a descriptor", &action)),
        };
        let location = location_of(&url);
        let mut answer = match self.ask(&url).await {
            Ok(answer) if matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::GONE) => return Ok(None),
            Ok(answer) if answer.status == StatusCode::OK => answer,
            Ok(answer) => return Err(crate::refusal::error(answer, &location, &action).await),
            Err(failure) => return Err(failure.into_store_error(&location, &action)),
        };
        if let Some(found) = answer.stated_length().filter(|&length| length != descriptor.size) {
            let (digest, expected) = (descriptor.digest, descriptor.size);
            return Err(StoreError::Size { location, digest, expected, found });
        }
        if let Err(failure) = download::skip(&mut answer, offset).await {
            return Err(failure.into_store_error(&location, &action));
        }
        let length = descriptor.size.saturating_sub(offset);
        let chunks =
            stream::try_unfold((answer, location, action), async |(mut answer, location, action)| {
                match answer.chunk().await {
                    Ok(Some(chunk)) => Ok(Some((chunk, (answer, location, action)))),
                    Ok(None) => Ok(None),
                    Err(failure) => Err(failure.into_store_error(&location, &action)),
                }
            });
        Ok(Some(BlobBody::from_stream(length, chunks.boxed())))
    }

    async fn ask(&self, url: &Url) -> Result<Answer, Failure> {
        let options = self.options();
        let agent = HeaderValue::try_from(&options.user_agent).ok();
        let make = |method: &Method, url: &Url| {
            let request =
                Request::new(method.clone(), url.clone()).with(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            match &agent {
                Some(agent) => request.with(USER_AGENT, agent.clone()),
                None => request,
            }
        };
        let mut backoff = Backoff::new(options.retry);
        loop {
            let outcome = redirect::follow(self.transport(), Method::GET, url.clone(), None, make).await;
            let wish = match &outcome {
                Ok(answer) if retry::is_passing(answer.status) => retry::wish(answer),
                Err(failure) if failure.is_passing() => None,
                _ => return outcome,
            };
            if !backoff.again(wish).await {
                return outcome;
            }
        }
    }
}

/// Reads a URL by the rules for a redirect's target.
fn read(url: &str) -> Result<Url, Failure> {
    let base = Url::parse(url).map_err(|_| Failure::Protocol("it is not a URL".to_owned()))?;
    location::resolve(&base, url).map_err(|error| Failure::Protocol(error.to_string()))
}

/// Returns the URL for messages: its query may be a signature.
fn location_of(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.to_string()
}
