//! Passes HTTP/1.1 on, request by request.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use oci::Digest;
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::exchange::UnderWay;
use super::message::{Beginning, Framing, Reader, RequestHead, ResponseHead, Verbatim, closes, header, set_header};
use super::{Answer, Exchange, Fault, Log, Rule};

/// How long requests of [`Fault::Together`] wait for each other.
const TOGETHER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request's body may take after its answer has been passed on.
const LATE_BODY_TIMEOUT: Duration = Duration::from_secs(1);

/// A proxy before one registry, or a server without one. It records every request, breaks those that its rules say, and
/// ends when it is dropped.
///
/// A registry that makes absolute `Location`s of the `Host` header leads clients back here by itself; one that uses its
/// own address is corrected.
#[derive(Debug)]
pub struct HttpProxy {
    address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    address: SocketAddr,
    upstream: Option<SocketAddr>,
    rules: Mutex<Vec<Rule>>,
    log: Log,
}

impl Drop for HttpProxy {
    fn drop(&mut self) {
        // The task owns all connections, which end with it.
        self.accepting.abort();
    }
}

impl HttpProxy {
    /// Starts before a registry on a free loopback port.
    pub async fn start(upstream: SocketAddr) -> Self {
        Self::start_with(Some(upstream), Vec::new()).await
    }

    /// Starts a server that answers by its rules, and 404 where it has none.
    pub async fn server(rules: Vec<Rule>) -> Self {
        Self::start_with(None, rules).await
    }

    async fn start_with(upstream: Option<SocketAddr>, rules: Vec<Rule>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State { address, upstream, rules: Mutex::new(rules), log: Log::default() });
        Self { address, accepting: tokio::spawn(accept(listener, Arc::clone(&state))), state }
    }

    /// Returns the address it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the name by which references call it, `127.0.0.1:PORT`.
    pub fn host(&self) -> oci::Host {
        self.address.to_string().parse().unwrap()
    }

    /// Returns what went through.
    pub fn log(&self) -> &Log {
        &self.state.log
    }

    /// Sets the rules, in the place of those before.
    pub fn set_rules(&self, rules: impl IntoIterator<Item = Rule>) {
        *self.state.rules.lock().unwrap_or_else(PoisonError::into_inner) = rules.into_iter().collect();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((socket, _)) = accepted {
                let state = Arc::clone(&state);
                let number = state.log.accept();
                // A connection that breaks is the client's to notice; it is seen in the log as a request without a status.
                connections.spawn(async move { Session::new(socket, &state, number).run().await });
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Whether another request can follow on the connection.
type Continues = io::Result<bool>;

/// A connection of a client, with the connection to the upstream that serves it.
struct Session<'a> {
    state: &'a State,
    number: usize,
    from_client: Reader<OwnedReadHalf>,
    to_client: OwnedWriteHalf,
    upstream: Option<(Reader<OwnedReadHalf>, OwnedWriteHalf)>,
}

impl<'a> Session<'a> {
    fn new(socket: TcpStream, state: &'a State, number: usize) -> Self {
        let _ = socket.set_nodelay(true);
        let (read, write) = socket.into_split();
        Self { state, number, from_client: Reader::new(read), to_client: write, upstream: None }
    }

    async fn run(mut self) -> io::Result<()> {
        while let Some(head) = self.from_client.head().await? {
            let request = RequestHead::parse(&head)?;
            let mut under_way = self.state.log.begin(Exchange::new(self.number, &request));
            let last = closes(&request.headers);
            if !self.serve(request, &mut under_way).await? || last {
                break;
            }
        }
        self.to_client.shutdown().await
    }

    async fn serve(&mut self, request: RequestHead, under_way: &mut UnderWay<'_>) -> Continues {
        let rule = self.rule(&under_way.exchange);
        match rule {
            Some((_, Fault::Answer(answer))) => self.answer(&request, answer, under_way).await,
            Some((_, Fault::AnswerTo(answer))) => {
                let answer = answer(&under_way.exchange);
                self.answer(&request, answer, under_way).await
            }
            Some((_, Fault::Disconnect)) => Ok(false),
            Some((_, Fault::Stall)) => std::future::pending().await,
            Some((_, Fault::SwallowManifest)) => self.swallow(&request, under_way).await,
            Some((rule, Fault::Together(count))) => {
                if wait_for_others(&rule, count).await {
                    self.forward(request, None, under_way).await
                } else {
                    let answer =
                        Answer::error(503, "UNAVAILABLE", "requests that should be under way at once were not");
                    self.answer(&request, answer, under_way).await
                }
            }
            Some((_, Fault::Unless(answer))) => match answer(&under_way.exchange) {
                Some(answer) => self.answer(&request, answer, under_way).await,
                None => self.forward(request, None, under_way).await,
            },
            Some((_, Fault::Wait(wait))) => {
                tokio::time::sleep(wait(&under_way.exchange)).await;
                self.forward(request, None, under_way).await
            }
            Some((_, fault)) => self.forward(request, Some(fault), under_way).await,
            None => self.forward(request, None, under_way).await,
        }
    }

    fn rule(&self, exchange: &Exchange) -> Option<(Rule, Fault)> {
        let rules = self.state.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.iter().find_map(|rule| Some((rule.clone(), rule.apply(exchange)?.clone())))
    }

    /// Reads the request's body and answers without the upstream.
    async fn answer(&mut self, request: &RequestHead, answer: Answer, under_way: &mut UnderWay<'_>) -> Continues {
        self.take_body(request, under_way).await?;
        self.send(request, answer, under_way).await
    }

    async fn take_body(&mut self, request: &RequestHead, under_way: &mut UnderWay<'_>) -> io::Result<BytesMut> {
        if header(&request.headers, "expect").is_some() {
            self.to_client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let mut body = BytesMut::new();
        self.from_client.relay(request.framing(), &mut body, &mut under_way.exchange.request_bytes).await?;
        Ok(body)
    }

    async fn send(&mut self, request: &RequestHead, mut answer: Answer, under_way: &mut UnderWay<'_>) -> Continues {
        if header(&answer.headers, "content-length").is_none() {
            answer.headers.push(("Content-Length".to_owned(), answer.body.len().to_string()));
        }
        let head = ResponseHead { status: answer.status, headers: answer.headers };
        let body = if request.method == "HEAD" { Bytes::new() } else { answer.body };
        // Before the last byte, so that a client that has its answer finds it in the log.
        under_way.exchange.status = Some(head.status);
        under_way.exchange.response_bytes = body.len() as u64;
        under_way.note();
        self.to_client.write_all(&head.encode()).await?;
        self.to_client.write_all(&body).await?;
        Ok(!closes(&head.headers))
    }

    async fn swallow(&mut self, request: &RequestHead, under_way: &mut UnderWay<'_>) -> Continues {
        let body = self.take_body(request, under_way).await?;
        let name = under_way.exchange.path.rsplit('/').next().unwrap_or_default();
        let digest = name.parse().unwrap_or_else(|_| Digest::sha256(&body));
        let mut answer = Answer::new(201)
            .header("Location", &under_way.exchange.path)
            .header("Docker-Content-Digest", &digest.to_string());
        let document: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        if let Some(subject) = document["subject"]["digest"].as_str() {
            answer = answer.header("OCI-Subject", subject);
        }
        self.send(request, answer, under_way).await
    }

    /// Passes a request on and its answer back.
    async fn forward(&mut self, request: RequestHead, fault: Option<Fault>, under_way: &mut UnderWay<'_>) -> Continues {
        let Some(upstream) = self.state.upstream else {
            let answer = Answer::error(404, "NOT_FOUND", "no rule is about this request");
            return self.answer(&request, answer, under_way).await;
        };
        if self.upstream.is_none() {
            let socket = TcpStream::connect(upstream).await?;
            socket.set_nodelay(true)?;
            let (read, write) = socket.into_split();
            self.upstream = Some((Reader::new(read), write));
        }
        // Taken out, so that a connection that breaks is not used again.
        let Some((mut from_upstream, mut to_upstream)) = self.upstream.take() else { return Ok(false) };
        to_upstream.write_all(&request.encode()).await?;
        let Exchange { request_bytes, .. } = under_way.exchange;
        let mut sent = request_bytes;
        let framing = request.framing();
        if let Some(Fault::CutRequest(left)) = fault {
            let mut beginning = Beginning { to: &mut to_upstream, left };
            if self.from_client.relay(framing, &mut beginning, &mut sent).await.is_err() {
                under_way.exchange.request_bytes = sent;
                return Ok(false);
            }
            under_way.exchange.request_bytes = sent;
            let back = Back { state: self.state, from_upstream: &mut from_upstream, to_client: &mut self.to_client };
            return back.pass(&request, None, under_way).await;
        }
        let continues = {
            let mut destination = Verbatim(&mut to_upstream);
            let upload = self.from_client.relay(framing, &mut destination, &mut sent);
            let back = Back { state: self.state, from_upstream: &mut from_upstream, to_client: &mut self.to_client };
            let download = back.pass(&request, fault, under_way);
            tokio::pin!(upload, download);
            tokio::select! {
                // The body first: an answer rarely comes before its end.
                biased;
                uploaded = &mut upload => {
                    if uploaded.is_ok() {
                        download.await?
                    } else {
                        // A server that has seen enough closes its side, and may still have something to say.
                        let _ = tokio::time::timeout(LATE_BODY_TIMEOUT, download).await;
                        false
                    }
                }
                continues = &mut download => {
                    let late = tokio::time::timeout(LATE_BODY_TIMEOUT, upload).await;
                    continues? && matches!(late, Ok(Ok(())))
                }
            }
        };
        under_way.exchange.request_bytes = sent;
        if continues {
            self.upstream = Some((from_upstream, to_upstream));
        }
        Ok(continues)
    }
}

/// The way back of an answer.
struct Back<'a> {
    state: &'a State,
    from_upstream: &'a mut Reader<OwnedReadHalf>,
    to_client: &'a mut OwnedWriteHalf,
}

impl Back<'_> {
    async fn pass(self, request: &RequestHead, fault: Option<Fault>, under_way: &mut UnderWay<'_>) -> Continues {
        let mut head = loop {
            let bytes = self.from_upstream.head().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let head = ResponseHead::parse(&bytes)?;
            if head.status >= 200 {
                break head;
            }
            self.to_client.write_all(&bytes).await?;
        };
        self.correct_location(&mut head);
        under_way.exchange.status = Some(head.status);
        under_way.note();
        let framing = head.framing(&request.method);
        match fault {
            None => self.pass_body(head, framing, under_way).await,
            Some(Fault::SetHeader(name, value)) => {
                set_header(&mut head.headers, &name, &value);
                self.pass_body(head, framing, under_way).await
            }
            Some(Fault::Trickle(pause)) => self.trickle(head, framing, pause).await,
            Some(fault) => self.change_body(request, head, framing, fault, under_way).await,
        }
    }

    fn correct_location(&self, head: &mut ResponseHead) {
        let Some(upstream) = self.state.upstream else { return };
        let own = format!("http://{upstream}");
        for (_, value) in head.headers.iter_mut().filter(|(name, _)| name.eq_ignore_ascii_case("location")) {
            if let Some(rest) = value.strip_prefix(&own) {
                *value = format!("http://{}{rest}", self.state.address);
            }
        }
    }

    async fn pass_body(self, head: ResponseHead, framing: Framing, under_way: &mut UnderWay<'_>) -> Continues {
        self.to_client.write_all(&head.encode()).await?;
        let seen = &mut under_way.exchange.response_bytes;
        self.from_upstream.relay(framing, &mut Verbatim(self.to_client), seen).await?;
        Ok(framing != Framing::UntilClose && !closes(&head.headers))
    }

    /// Passes the body on byte by byte. The connection is closed after it.
    async fn trickle(self, head: ResponseHead, framing: Framing, pause: Duration) -> Continues {
        let (mut body, mut read) = (BytesMut::new(), 0);
        self.to_client.write_all(&head.encode()).await?;
        self.from_upstream.relay(framing, &mut body, &mut read).await?;
        for byte in body {
            self.to_client.write_all(&[byte]).await?;
            tokio::time::sleep(pause).await;
        }
        Ok(false)
    }

    /// Reads the whole body, changes the answer, and passes it on. The connection is closed wherever the client could
    /// otherwise wait for more, or take the rest of this answer for the next.
    async fn change_body(
        self,
        request: &RequestHead,
        mut head: ResponseHead,
        framing: Framing,
        fault: Fault,
        under_way: &mut UnderWay<'_>,
    ) -> Continues {
        let mut body = BytesMut::new();
        let mut read = 0;
        self.from_upstream.relay(framing, &mut body, &mut read).await?;
        let mut cut = None;
        let mut continues = !closes(&head.headers) && framing != Framing::UntilClose;
        let mut length = None;
        match fault {
            Fault::CutBody(after) => {
                length = Some(body.len() as u64);
                cut = Some(usize::try_from(after).unwrap_or(usize::MAX).min(body.len()));
                continues = false;
            }
            Fault::FlipBit(at) => {
                if let Some(byte) = body.get_mut(at) {
                    *byte ^= 1;
                }
            }
            Fault::Append(bytes) => body.extend_from_slice(&bytes),
            Fault::StateLength(stated) => {
                length = Some(stated);
                continues = false;
            }
            Fault::Change(change) => {
                let mut answer = Answer { status: head.status, headers: head.headers, body: body.freeze() };
                change(&under_way.exchange, &mut answer);
                head = ResponseHead { status: answer.status, headers: answer.headers };
                body = BytesMut::from(&answer.body[..]);
            }
            other => unreachable!("{other:?} does not change a body"),
        }
        let cut = cut.unwrap_or(body.len());
        head.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("transfer-encoding"));
        if request.method != "HEAD" || length.is_some() {
            let length = length.unwrap_or(body.len() as u64);
            set_header(&mut head.headers, "Content-Length", &length.to_string());
        }
        under_way.exchange.status = Some(head.status);
        under_way.exchange.response_bytes = cut as u64;
        under_way.note();
        self.to_client.write_all(&head.encode()).await?;
        self.to_client.write_all(&body[..cut]).await?;
        Ok(continues)
    }
}

/// Waits until `count` requests of the rule wait. Returns false when they do not come.
async fn wait_for_others(rule: &Rule, count: usize) -> bool {
    // The last to come lets everybody go; a request beyond a full round begins the next.
    let arrived = rule.arrive();
    if arrived.is_multiple_of(count) {
        rule.waiting.add_permits(count - 1);
        return true;
    }
    let permit = tokio::time::timeout(TOGETHER_TIMEOUT, rule.waiting.acquire()).await;
    match permit {
        Ok(Ok(permit)) => {
            permit.forget();
            true
        }
        _ => false,
    }
}
