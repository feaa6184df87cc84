//! Sending events over HTTP.

use std::error::Error as _;
use std::time::Duration;

use async_trait::async_trait;
use registry::{EventAnswer, EventFailure, EventRequest, EventSender};
use reqwest::header::RETRY_AFTER;

/// How long a connection may lie idle before it is closed.
const IDLE: Duration = Duration::from_secs(30);

/// Sends events over HTTP, under TLS where the URL says so. Redirects are not followed, and proxies that the environment names are not used.
#[derive(Clone, Debug)]
pub(super) struct HttpSender(reqwest::Client);

impl HttpSender {
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        // An error says that the program has chosen a provider itself, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .user_agent(concat!("supercargo/", env!("CARGO_PKG_VERSION")))
            .pool_idle_timeout(IDLE);
        builder.build().map(Self)
    }
}

#[async_trait]
impl EventSender for HttpSender {
    async fn send(&self, request: EventRequest) -> Result<EventAnswer, EventFailure> {
        let EventRequest { url, headers, body, timeout } = request;
        let mut outgoing = self.0.post(url).timeout(timeout).body(body);
        for (name, value) in headers {
            outgoing = outgoing.header(name, value);
        }
        // Whoever reads the log is not to see the URL, which may be a secret itself.
        let response = outgoing.send().await.map_err(|error| failure(&error.without_url()))?;
        let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        // The body is left unread: nothing in it counts.
        Ok(EventAnswer { status: response.status().as_u16(), retry_after: seconds.map(Duration::from_secs) })
    }
}

fn failure(error: &reqwest::Error) -> EventFailure {
    let causes = std::iter::successors(error.source(), |error| (*error).source());
    EventFailure(causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}")))
}
