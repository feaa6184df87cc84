//! HTTPS, and plain HTTP through a proxy, with reqwest.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::{TryStreamExt as _, stream};
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use reqwest::Url;
use store::StoreError;
use store::body::ByteStream;

use super::answer::AnswerBody;
use super::failure::too_long;
use super::gate::hold;
use super::pace::Pace;
use super::{Answer, Body, Failure, Gate, Request, Shown, Tally, within};
use crate::options::ClientOptions;
use crate::proxies::Proxies;
use crate::routing::Identity;

/// Largest file of certificates that is read, in bytes. The roots of a whole system have about 250 KB.
const PEM_MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Window of one HTTP/2 stream, in bytes: enough for 100 MB/s at 20 ms.
const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// Window of one HTTP/2 connection, in bytes.
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// The TLS client, made when the first host needs it: loading the roots of a system takes tens of milliseconds.
pub(crate) struct Tls {
    client: OnceLock<reqwest::Client>,
    /// For requests that share no connection with others: HTTP/1.1.
    apart: OnceLock<reqwest::Client>,
    timeout: Duration,
    user_agent: String,
    idle_connections: usize,
    proxies: Proxies,
    settings: TlsSettings,
}

/// Who is believed, and who we are.
#[derive(Clone, Debug)]
pub(crate) struct TlsSettings {
    /// Do not check certificates.
    pub(crate) skip_verification: bool,
    /// Certificates that are trusted beside those of the system.
    pub(crate) ca_files: Vec<PathBuf>,
    /// What is shown to who wants a certificate.
    pub(crate) identity: Option<Identity>,
    /// How long it may take to connect.
    pub(crate) connect_timeout: Duration,
}

impl TlsSettings {
    pub(crate) fn new(options: &ClientOptions) -> Self {
        Self {
            skip_verification: options.insecure_skip_tls_verify,
            ca_files: options.ca_file.iter().cloned().collect(),
            identity: None,
            connect_timeout: options.timeout,
        }
    }
}

impl Tls {
    pub(crate) fn new(options: &ClientOptions, settings: TlsSettings) -> Self {
        Self {
            client: OnceLock::new(),
            apart: OnceLock::new(),
            timeout: options.timeout,
            user_agent: options.user_agent.clone(),
            idle_connections: options.concurrency_per_host,
            proxies: options.proxies.clone(),
            settings,
        }
    }

    pub(crate) async fn send(&self, request: Request) -> Result<Answer, Failure> {
        let client = self.client(request.apart)?;
        let length = request.body.length();
        let states_length = request.states_length();
        let url = request.url.clone();
        let mut outgoing = client.request(request.method, request.url).headers(request.headers);
        if states_length {
            outgoing = outgoing.header(CONTENT_LENGTH, length);
        }
        let tally = request.tally;
        let trouble = Trouble::default();
        outgoing = match request.body {
            Body::Empty => outgoing,
            Body::Bytes(bytes) => {
                tally.advance(bytes.len() as u64);
                outgoing.body(bytes)
            }
            body => outgoing.body(counted(body, request.gate, tally.clone(), trouble.clone())),
        };
        let sent = progressing(outgoing.send(), &tally, self.timeout + request.patience).await?;
        let response = sent.map_err(|error| trouble.take().unwrap_or_else(|| self.failure(error, &url)))?;
        if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            && let Some(failure) = self.not_let_through(&url)
        {
            return Err(failure);
        }
        Ok(Answer {
            status: response.status(),
            headers: response.headers().clone(),
            url,
            shown: Shown::default(),
            body: AnswerBody::Tls { response, pace: Pace::new(self.timeout) },
        })
    }

    fn client(&self, apart: bool) -> Result<&reqwest::Client, Failure> {
        let place = if apart { &self.apart } else { &self.client };
        if let Some(client) = place.get() {
            return Ok(client);
        }
        let client = self.build(apart)?;
        Ok(place.get_or_init(|| client))
    }

    fn failure(&self, error: reqwest::Error, url: &Url) -> Failure {
        // The URL may hold signatures.
        let error = error.without_url();
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            if is_tls_error(inner) {
                return Failure::Tls(error.into());
            }
            // The library has no type for it that others can name.
            if inner.to_string().ends_with("proxy authorization required")
                && let Some(failure) = self.not_let_through(url)
            {
                return failure;
            }
            cause = inner.source();
        }
        if error.is_connect() { Failure::Connect(error.into()) } else { Failure::Broken(error.into()) }
    }

    fn not_let_through(&self, url: &Url) -> Option<Failure> {
        let (variable, proxy) = self.proxies.explain(url)?;
        Some(Failure::Proxy { proxy, variable })
    }

    fn proxy(&self) -> reqwest::Proxy {
        let proxies = self.proxies.clone();
        reqwest::Proxy::custom(move |url| proxies.of(url).cloned())
    }

    fn build(&self, apart: bool) -> Result<reqwest::Client, Failure> {
        // An error says that the program has chosen a provider itself, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(&self.user_agent)
            .connect_timeout(self.settings.connect_timeout)
            .pool_max_idle_per_host(self.idle_connections)
            .tcp_nodelay(true)
            .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
            .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .tls_danger_accept_invalid_certs(self.settings.skip_verification)
            // Nothing else is looked for in the environment.
            .no_proxy()
            .proxy(self.proxy());
        if apart {
            builder = builder.http1_only();
        }
        for path in &self.settings.ca_files {
            builder = builder.tls_certs_merge(authorities(path).map_err(Failure::Content)?);
        }
        if let Some(identity) = &self.settings.identity {
            builder = builder.identity(own_identity(identity).map_err(Failure::Content)?);
        }
        builder.build().map_err(|error| Failure::Tls(error.into()))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// Reads the certificates of a file, of which there must be one.
fn authorities(path: &Path) -> Result<Vec<reqwest::Certificate>, StoreError> {
    let pem = read_pem(path)?;
    let certificates = reqwest::Certificate::from_pem_bundle(&pem).ok().filter(|certificates| !certificates.is_empty());
    let reason = "holds no PEM certificates".to_owned();
    certificates.ok_or_else(|| StoreError::Format { path: path.to_owned(), reason })
}

/// Reads a certificate and its key, which may stand in one file.
fn own_identity(identity: &Identity) -> Result<reqwest::Identity, StoreError> {
    let mut pem = read_pem(&identity.certificate)?;
    if identity.key != identity.certificate {
        pem.push(b'\n');
        pem.extend(read_pem(&identity.key)?);
    }
    let reason = format!("holds no PEM certificate that goes with the key in {}", identity.key.display());
    reqwest::Identity::from_pem(&pem).map_err(|_| StoreError::Format { path: identity.certificate.clone(), reason })
}

fn read_pem(path: &Path) -> Result<Vec<u8>, StoreError> {
    use std::io::Read as _;
    let mut pem = Vec::new();
    let file = std::fs::File::open(path).and_then(|file| file.take(PEM_MAX_BYTES).read_to_end(&mut pem));
    file.map_err(StoreError::file("cannot read certificates from", path))?;
    Ok(pem)
}

/// What went wrong with the content to be sent, on its way around the HTTP library.
#[derive(Clone, Default)]
struct Trouble(Arc<Mutex<Option<Failure>>>);

impl Trouble {
    fn put(&self, failure: Failure) -> io::Error {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        io::Error::other("the content could not be had")
    }

    fn take(&self) -> Option<Failure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Returns the body as a stream of exactly the bytes that it announces, or an error.
fn counted(body: Body, gate: Option<Gate>, tally: Tally, trouble: Trouble) -> reqwest::Body {
    let length = body.length();
    let state = (hold(body.into_stream(), gate), 0);
    reqwest::Body::wrap_stream(stream::try_unfold(state, move |(mut chunks, sent): (ByteStream, u64)| {
        let (tally, trouble) = (tally.clone(), trouble.clone());
        async move {
            let chunk = chunks.try_next().await.map_err(|error| trouble.put(Failure::Content(error)))?;
            let Some(chunk) = chunk else {
                return if sent == length { Ok(None) } else { Err(trouble.put(Failure::Short(sent))) };
            };
            let sent = sent + chunk.len() as u64;
            if sent > length {
                return Err(trouble.put(too_long(length)));
            }
            tally.advance(chunk.len() as u64);
            Ok(Some((chunk, (chunks, sent))))
        }
    }))
}

/// Waits for an answer as long as the body of the request moves, and one `limit` after it has stopped.
async fn progressing<T>(send: impl Future<Output = T>, tally: &Tally, limit: Duration) -> Result<T, Failure> {
    let mut send = std::pin::pin!(send);
    loop {
        let before = tally.moved();
        match within(limit, send.as_mut()).await {
            Err(_) if tally.moved() != before => {}
            outcome => return outcome,
        }
    }
}

/// An I/O error hides the one it was made of from those that walk the chain of causes.
fn is_tls_error(error: &(dyn std::error::Error + 'static)) -> bool {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => is_tls_error(inner),
        None => error.is::<rustls::Error>(),
    }
}
