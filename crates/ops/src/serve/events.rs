//! Sending events over HTTP, and what sends anything to a service that the operator names.

use std::error::Error as _;
use std::time::Duration;

use async_trait::async_trait;
use registry::{EventAnswer, EventFailure, EventRequest, EventSender};
use reqwest::header::RETRY_AFTER;

/// How long a connection may lie idle before it is closed.
const IDLE: Duration = Duration::from_secs(30);

/// Sends requests over HTTP, under TLS where the URL says so. Redirects are not followed, and proxies that the environment names are not used.
#[derive(Clone, Debug)]
pub(super) struct HttpSender(pub(super) reqwest::Client);

impl HttpSender {
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        builder().pool_idle_timeout(IDLE).build().map(Self)
    }
}

/// Returns what makes clients for services that the operator names: they follow no redirects, use no proxies that the environment names,
/// and ask once.
pub(super) fn builder() -> reqwest::ClientBuilder {
    // An error says that the program has chosen a provider itself, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .user_agent(concat!("supercargo/", env!("CARGO_PKG_VERSION")))
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
        let response = outgoing.send().await.map_err(|error| EventFailure(reason(&error.without_url())))?;
        // The body is left unread: nothing in it counts.
        Ok(EventAnswer { status: response.status().as_u16(), retry_after: retry_after(&response) })
    }
}

/// Returns what `Retry-After` says in seconds.
pub(super) fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// Returns why there was no answer, with its causes.
pub(super) fn reason(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| (*error).source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
