//! One registry: its requests, authenticated, redirected, repeated and bounded.

mod ping;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderName, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use oci::{Digest, Host, RepositoryName};
use reqwest::Url;
use store::StoreError;
use tokio::sync::{OnceCell, Semaphore};

use crate::auth::{Asker, Auth, Pass, Scope};
use crate::download::pieces::Pieces;
use crate::exchange::{Answer, Body, Failure, Request, Transport};
use crate::learned::Learned;
use crate::load::{Load, Permit};
use crate::notices::Notices;
use crate::options::ClientOptions;
use crate::profile::{Ability, Check, Found, Quirk, RegistryProfile};
use crate::redirect;
use crate::refusal;
use crate::retry::{self, Backoff};
use crate::routing::Endpoint;
use crate::syntax::location::{add_parameter, same_origin};

/// Most passes shown with one request: what was there, a fresh one, and one of the scope the registry names itself.
const PASSES_MAX: usize = 3;

/// Why something is denied that the registry itself does not deny.
pub(crate) const DENIED_ELSEWHERE: &str = "another host, to which it sent us, answered 401";

/// Most tries of one request to a mirror: others have what it has.
const MIRROR_ATTEMPTS_MAX: u32 = 2;

/// One registry and everything known about it.
#[derive(Debug)]
pub(crate) struct Registry {
    endpoint: Endpoint,
    /// The file that forbids to ask it.
    forbidden: Option<PathBuf>,
    pub(crate) options: Arc<ClientOptions>,
    transport: Arc<Transport>,
    base: OnceCell<Url>,
    auth: Auth,
    pub(crate) load: Load,
    notices: Arc<Notices>,
    /// Parts of large blobs that may be in memory beside the first of each.
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) pieces: Pieces,
    pub(crate) learned: Learned,
    /// What is kept of it.
    kept: Mutex<Option<RegistryProfile>>,
    agent: Option<HeaderValue>,
}

/// A request to a registry.
#[derive(Clone)]
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    /// On a connection that is shared with nothing else.
    pub(crate) apart: bool,
    /// What a redirect has to name to be followed.
    pub(crate) named: Option<Digest>,
    pub(crate) context: Context<'a>,
}

impl std::fmt::Debug for Call<'_> {
    /// Shows neither the query of the URL nor the header: both may hold what is secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("method", &self.method).field("path", &self.url.path()).finish_non_exhaustive()
    }
}

/// On whose behalf and for what a request is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// The store, for messages.
    pub(crate) location: &'a str,
    /// What is to be done, for messages.
    pub(crate) action: &'a str,
    /// The repository, by which credentials are found.
    pub(crate) repository: Option<&'a RepositoryName>,
    /// What a token must be good for.
    pub(crate) scope: &'a Scope,
    /// Do not wait for other requests: they may be waiting for this one.
    pub(crate) without_permit: bool,
}

impl Context<'_> {
    pub(crate) fn failed(&self, failure: Failure) -> StoreError {
        failure.into_store_error(self.location, self.action)
    }

    pub(crate) fn protocol(&self, reason: impl Into<String>) -> StoreError {
        refusal::protocol(self.location, self.action, reason)
    }

    pub(crate) async fn refused(&self, answer: Answer) -> StoreError {
        refusal::error(answer, self.location, self.action).await
    }

    fn denied(&self, reason: String) -> StoreError {
        StoreError::Denied { location: self.location.to_owned(), action: self.action.to_owned(), reason }
    }
}

impl<'a> Call<'a> {
    pub(crate) fn new(method: Method, url: Url, context: Context<'a>) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: None, apart: false, named: None, context }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Follows redirects only to where the URL still names this; any other is the answer.
    pub(crate) const fn only_to_what_names(mut self, digest: &Digest) -> Self {
        self.named = Some(*digest);
        self
    }
}

impl Registry {
    /// Makes a registry that is reached as a file says, or as its name does.
    pub(crate) fn at(
        endpoint: &Endpoint,
        options: &Arc<ClientOptions>,
        shared: &Arc<Transport>,
        notices: &Arc<Notices>,
    ) -> Self {
        let mut options = Arc::clone(options);
        if !endpoint.origin {
            let retry = &mut Arc::make_mut(&mut options).retry;
            retry.attempts = retry.attempts.min(MIRROR_ATTEMPTS_MAX);
        }
        let agent = HeaderValue::try_from(&options.user_agent).ok();
        let load = Load::new(options.concurrency_per_host);
        let slots = Arc::new(Semaphore::new(options.parallel.connections));
        let transport = match Transport::of(&options, endpoint) {
            Some(own) => Arc::new(own),
            None => Arc::clone(shared),
        };
        Self {
            endpoint: Endpoint { repository: None, ..endpoint.clone() },
            forbidden: None,
            options,
            transport,
            base: OnceCell::new(),
            auth: Auth::default(),
            load,
            notices: Arc::clone(notices),
            slots,
            pieces: Pieces::default(),
            learned: Learned::default(),
            kept: Mutex::default(),
            agent,
        }
    }

    /// Returns it as one that is never asked, because this file forbids it.
    pub(crate) fn forbidden_by(mut self, file: PathBuf) -> Self {
        self.forbidden = Some(file);
        self
    }

    pub(crate) const fn name(&self) -> &Host {
        &self.endpoint.host
    }

    pub(crate) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns the path of the API, without a slash at its end (distribution-spec: `/v2`).
    pub(crate) fn api_path(&self) -> &str {
        self.endpoint.api_path.as_deref().unwrap_or("/v2")
    }

    /// Returns the registry's URL, after it has been asked what it speaks and what it wants to be shown. That is done once.
    pub(crate) async fn base(&self) -> Result<&Url, StoreError> {
        self.base.get_or_try_init(|| self.ping()).await
    }

    /// Tells whether it has a quirk; `None` when nobody has looked, or too long ago.
    pub(crate) fn has(&self, quirk: Quirk) -> Option<bool> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get_or_insert_with(|| self.options.profiles.read(self.name())).has(quirk, self.options.profiles.now())
    }

    /// Keeps what has been seen on the way, for this run and later ones. Where it cannot be written it is found out again.
    pub(crate) fn note(&self, ability: Ability, found: Found, evidence: String) {
        let mut seen = RegistryProfile::new(self.name());
        seen.checks.insert(ability, Check::new(found, evidence, self.options.profiles.now()));
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.get_or_insert_with(|| self.options.profiles.read(self.name())).merge(seen.clone());
        }
        let _ = self.options.profiles.add(self.name(), seen);
    }

    /// Returns what it wants to be shown, as far as that is known, for people.
    pub(crate) fn wants(&self) -> String {
        self.auth.wants()
    }

    /// Asks `GET /v2/` with what there is to be shown. Returns false when nothing is wanted, or there is nothing for this host.
    pub(crate) async fn sign_in(&self) -> Result<bool, StoreError> {
        let base = self.base().await?;
        if self.auth.wants_nothing() {
            return Ok(false);
        }
        let (scope, location) = (Scope::none(), self.name().as_str());
        let context = Context { location, action: "the login", repository: None, scope: &scope, without_permit: false };
        let answer = self.call(Call::new(Method::GET, base.clone(), context)).await?;
        if !answer.status.is_success() {
            return Err(context.refused(answer).await);
        }
        answer.discard().await;
        Ok(self.asker(base, &context).credential().await?.is_some())
    }

    /// Sends a request that can be repeated, follows redirects, and repeats it as the policy says. What comes back may be
    /// any status, one that says the registry is at its limits only after the last try; a 401 is an error.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Answer, StoreError> {
        self.repeat(call, None).await
    }

    /// As [`Registry::call`], and reads the body of a success up to `limit` bytes. When that breaks it is repeated, too, so
    /// that [`Answer::read`] with the same limit cannot fail afterwards.
    pub(crate) async fn call_whole(&self, call: Call<'_>, limit: usize) -> Result<Answer, StoreError> {
        self.repeat(call, Some(limit)).await
    }

    async fn repeat(&self, call: Call<'_>, whole: Option<usize>) -> Result<Answer, StoreError> {
        let base = self.base().await?;
        let mut backoff = Backoff::new(self.options.retry);
        loop {
            let permit = self.load.permit(call.context.without_permit).await;
            let outcome = match (self.authorized(base, &call).await?, whole) {
                (Ok(answer), Some(limit)) if answer.status == StatusCode::OK => answer.read_ahead(limit).await,
                (outcome, _) => outcome,
            };
            let is_too_much = self.judge(&permit, &outcome, backoff);
            drop(permit);
            if is_too_much {
                backoff.heed(&self.load);
            }
            let wish = match &outcome {
                Ok(answer) if retry::is_passing(answer.status) => retry::wish(answer),
                Err(failure) if failure.is_passing() => None,
                _ => return outcome.map_err(|failure| call.context.failed(failure)),
            };
            if !backoff.again(wish).await {
                return outcome.map_err(|failure| call.context.failed(failure));
            }
            if let Ok(answer) = outcome {
                answer.discard().await;
            }
        }
    }

    /// Sends a request with what the registry wants to be shown, and with something newer when that is refused.
    async fn authorized(&self, base: &Url, call: &Call<'_>) -> Result<Result<Answer, Failure>, StoreError> {
        let mut passes = 0;
        loop {
            let asker = self.asker(base, &call.context);
            let pass = self.auth.pass(asker).await?;
            let answer = match self.redirected(base, call, &pass).await {
                Ok(answer) if answer.status == StatusCode::UNAUTHORIZED => answer,
                outcome => return Ok(outcome),
            };
            passes += 1;
            self.unauthorized(base, &pass, answer, &call.context, passes).await?;
        }
    }

    /// Takes note of a 401.
    ///
    /// # Errors
    /// [`StoreError::Denied`] when nothing else can be shown.
    async fn unauthorized(
        &self,
        base: &Url,
        pass: &Pass,
        answer: Answer,
        context: &Context<'_>,
        passes: usize,
    ) -> Result<(), StoreError> {
        if !same_origin(base, &answer.url) {
            return Err(context.denied(DENIED_ELSEWHERE.to_owned()));
        }
        let outcome = if passes >= PASSES_MAX {
            Err("it does not accept its own tokens".to_owned())
        } else {
            let asker = self.asker(base, context);
            let credential = asker.credential().await?;
            self.auth.refused(pass, &answer, asker, credential.as_ref()).await
        };
        let complaint = refusal::complaint(answer).await.to_string();
        outcome.map_err(|reason| {
            context.denied(if complaint.is_empty() { reason } else { format!("{reason} ({complaint})") })
        })
    }

    /// Sends a request and follows redirects. What is secret stays with the registry.
    async fn redirected(&self, base: &Url, call: &Call<'_>, pass: &Pass) -> Result<Answer, Failure> {
        let make = |method: &Method, url: &Url| {
            let mut request = self.request(method.clone(), url.clone());
            request.headers.extend(call.headers.clone());
            request.apart = call.apart;
            if let Some(body) = &call.body {
                request.body = Body::Bytes(body.clone());
            }
            self.sign(&mut request, base, pass);
            request
        };
        redirect::follow(&self.transport, call.method.clone(), call.url.clone(), call.named.as_ref(), make).await
    }

    /// Sends a request once, with a body that may not be there a second time. A 401 is returned after it has been taken note
    /// of; `Err` of the outer result means that there is nothing more to show.
    pub(crate) async fn send_once(
        &self,
        mut request: Request,
        context: &Context<'_>,
    ) -> Result<Result<Answer, Failure>, StoreError> {
        let base = self.base().await?;
        let pass = self.auth.pass(self.asker(base, context)).await?;
        let permit = self.load.permit(context.without_permit).await;
        if let Some(agent) = &self.agent {
            request.headers.insert(USER_AGENT, agent.clone());
        }
        self.sign(&mut request, base, &pass);
        let outcome = self.transport.send(request).await;
        self.judge(&permit, &outcome, Backoff::new(self.options.retry));
        let answer = match outcome {
            Ok(answer) if answer.status == StatusCode::UNAUTHORIZED => answer,
            outcome => return Ok(outcome),
        };
        drop(permit);
        let status = answer.status;
        let (headers, url) = (answer.headers.clone(), answer.url.clone());
        self.unauthorized(base, &pass, answer, context, 1).await?;
        Ok(Ok(Answer::without_body(status, headers, url)))
    }

    fn asker<'a>(&'a self, base: &'a Url, context: &Context<'a>) -> Asker<'a> {
        Asker {
            transport: &self.transport,
            retry: self.options.retry,
            base,
            location: context.location,
            credentials: &self.options.credentials,
            host: self.name(),
            repository: context.repository,
            scope: context.scope,
        }
    }

    fn request(&self, method: Method, url: Url) -> Request {
        let request = Request::new(method, url);
        match &self.agent {
            Some(agent) => request.with(USER_AGENT, agent.clone()),
            None => request,
        }
    }

    /// Adds what is meant for the registry alone: the pass, and what a file has sent to it.
    fn sign(&self, request: &mut Request, base: &Url, pass: &Pass) {
        if !same_origin(base, &request.url) {
            return;
        }
        self.add_own(request);
        if let Some(header) = &pass.header {
            request.headers.insert(AUTHORIZATION, header.clone());
        }
    }

    /// Adds headers that a file names, and for which registry this one stands in, to a request to this registry.
    fn add_own(&self, request: &mut Request) {
        for (name, value) in &self.endpoint.headers {
            request.headers.append(name, value.clone());
        }
        let Some(namespace) = &self.endpoint.namespace else { return };
        if !request.url.query_pairs().any(|(name, _)| name == "ns") {
            add_parameter(&mut request.url, "ns", namespace.as_str());
        }
    }

    /// Takes note of what an answer says about the registry. Returns whether it says that it is asked too much.
    fn judge(&self, permit: &Permit<'_>, outcome: &Result<Answer, Failure>, backoff: Backoff) -> bool {
        let Ok(answer) = outcome else { return false };
        // What a host says to which it has sent us, it does not say.
        if self.base.get().is_none_or(|base| same_origin(base, &answer.url)) {
            self.notices.note(self.name(), &answer.headers, |text| answer.shown.hide(text));
        }
        let is_too_much = retry::is_too_much(answer);
        if is_too_much {
            permit.too_much(backoff.rest(retry::wish(answer)));
        } else {
            permit.answered();
        }
        is_too_much
    }
}
