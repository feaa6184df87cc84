//! The first request to a registry: what it speaks, and what it wants to be shown.

use http::{Method, StatusCode};
use reqwest::Url;
use store::StoreError;

use super::{Context, Registry};
use crate::auth::Scope;
use crate::exchange::{Answer, Failure, Request};
use crate::probe::{self, Spoken};
use crate::retry::{self, Backoff};
use crate::routing::Scheme;

/// Docker Hub's name in references, and the host that is asked.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";

/// What a registry is believed to speak.
enum Speaks {
    Tls,
    Plain,
    /// One of them, which is to be found out.
    Either,
}

impl Registry {
    /// Asks the root of the API what it wants to be shown, and returns its URL.
    pub(super) async fn ping(&self) -> Result<Url, StoreError> {
        if let Some(file) = &self.forbidden {
            return Err(StoreError::Blocked { location: self.name().to_string(), file: file.clone() });
        }
        let scope = Scope::none();
        let context = Context {
            location: self.name().as_str(),
            action: "the first request",
            repository: None,
            scope: &scope,
            without_permit: false,
        };
        let mut backoff = Backoff::new(self.options.retry);
        loop {
            let (base, outcome) = self.first_request(&context).await?;
            let wish = match &outcome {
                Ok(answer) if retry::is_passing(answer.status) => retry::wish(answer),
                Err(failure) if failure.is_passing() => None,
                _ => {
                    let answer = outcome.map_err(|failure| context.failed(failure))?;
                    self.understand_ping(&base, answer, &context).await?;
                    return Ok(base);
                }
            };
            if !backoff.again(wish).await {
                return Err(match outcome {
                    Ok(answer) => context.refused(answer).await,
                    Err(failure) => context.failed(failure),
                });
            }
        }
    }

    /// Asks for the root of the API in the scheme that this host speaks.
    async fn first_request(&self, context: &Context<'_>) -> Result<(Url, Result<Answer, Failure>), StoreError> {
        let authority = if self.name().as_str() == DOCKER_HUB { DOCKER_HUB_HOST } else { self.name().as_str() };
        let url = |scheme: &str| {
            Url::parse(&format!("{scheme}://{authority}{}/", self.api_path()))
                .map_err(|_| context.protocol("its name cannot be made a URL"))
        };
        let (with_tls, plain) = (url("https")?, url("http")?);
        Ok(match self.speaks() {
            Speaks::Tls => self.ask_root(with_tls).await,
            Speaks::Plain => self.ask_root(plain).await,
            // Whoever asks through a proxy sees nothing of the other side but answers.
            Speaks::Either if self.options.proxies.of(&with_tls).is_some() => match self.ask_root(with_tls).await {
                (_, Err(Failure::Connect(_) | Failure::Tls(_) | Failure::Broken(_))) => self.ask_root(plain).await,
                asked => asked,
            },
            Speaks::Either => {
                // What a file names for the registry may be secret.
                let ping = self.request(Method::GET, plain.clone());
                match probe::probe(&self.transport, ping, !self.name().is_loopback()).await {
                    Spoken::Plain(_) if !self.endpoint.headers.is_empty() => self.ask_root(plain).await,
                    Spoken::Plain(outcome) => (plain, *outcome),
                    Spoken::Tls => self.ask_root(with_tls).await,
                }
            }
        })
    }

    fn speaks(&self) -> Speaks {
        if self.options.plain_http {
            return Speaks::Plain;
        }
        match self.endpoint.scheme {
            Some(Scheme::Http) => Speaks::Plain,
            Some(Scheme::HttpsOrHttp) => Speaks::Either,
            None if self.endpoint.insecure || self.name().is_loopback() => Speaks::Either,
            Some(Scheme::Https) | None => Speaks::Tls,
        }
    }

    async fn ask_root(&self, url: Url) -> (Url, Result<Answer, Failure>) {
        let outcome = self.transport.send(self.root_request(url.clone())).await;
        (url, outcome)
    }

    fn root_request(&self, url: Url) -> Request {
        let mut request = self.request(Method::GET, url);
        self.add_own(&mut request);
        request
    }

    async fn understand_ping(&self, base: &Url, answer: Answer, context: &Context<'_>) -> Result<(), StoreError> {
        match answer.status {
            StatusCode::UNAUTHORIZED => {
                self.auth.learn(&answer, base).map_err(|reason| context.denied(reason))?;
            }
            // Some registries answer the ping in their own way and everything else as they should: later answers tell.
            status if status.is_server_error() => return Err(context.refused(answer).await),
            _ => {}
        }
        answer.discard().await;
        Ok(())
    }
}
