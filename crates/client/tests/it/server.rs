//! A small HTTP/1.1 server that does what a test says, down to the byte, and remembers what it was asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use client::{Client, ClientOptions, Repository, RetryPolicy};
use oci::Host;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The first line and the header of a request.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Returns the method and the path, for a comparison.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// What the server sends.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// Sends only this many bytes of the body and closes the connection.
    pub(crate) cut: Option<usize>,
    /// Sends the body in chunks, without saying how long it is.
    pub(crate) chunked: bool,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), cut: None, chunked: false }
    }

    pub(crate) fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn cut(mut self, after: usize) -> Self {
        self.cut = Some(after);
        self
    }

    pub(crate) fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    pub(crate) fn error(status: u16, code: &str) -> Self {
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"no"}}]}}"#);
        Self::new(status).with("content-type", "application/json").body(body)
    }
}

/// What is done with a request before its body has been read.
pub(crate) enum Before {
    /// The body is read, then [`Service::reply`] is asked.
    Read,
    /// This many bytes of the body are read, then the connection is closed.
    Cut(usize),
    /// This is sent while the body is still coming, and the connection closed.
    Early(Reply),
    /// As [`Before::Read`], when the number has become at least this large.
    ReadWhen(watch::Receiver<usize>, usize),
}

/// What a server does.
pub(crate) trait Service: Send + Sync + 'static {
    fn before(&self, _head: &Head) -> Before {
        Before::Read
    }

    fn reply(&self, head: &Head, body: &Bytes) -> Reply;

    /// Is told how much of a body has come.
    fn came(&self, _head: &Head, _bytes: usize) {}

    /// Is told what came of a body before the connection was closed.
    fn was_cut(&self, _head: &Head, _body: &Bytes) {}
}

impl<F: Fn(&Head, &Bytes) -> Reply + Send + Sync + 'static> Service for F {
    fn reply(&self, head: &Head, body: &Bytes) -> Reply {
        self(head, body)
    }
}

/// A running server. It ends with the runtime of its test.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Head>>>,
    connections: Arc<Mutex<usize>>,
}

impl Server {
    pub(crate) async fn start(service: impl Service) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server =
            Self { address: listener.local_addr().unwrap(), seen: Arc::default(), connections: Arc::default() };
        let service: Arc<dyn Service> = Arc::new(service);
        let (seen, connections) = (Arc::clone(&server.seen), Arc::clone(&server.connections));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                *connections.lock().unwrap() += 1;
                tokio::spawn(serve(stream, Arc::clone(&service), Arc::clone(&seen)));
            }
        });
        server
    }

    pub(crate) fn host(&self) -> Host {
        self.address.to_string().parse().unwrap()
    }

    /// Returns what was asked, without the pings.
    pub(crate) fn seen(&self) -> Vec<Head> {
        self.seen.lock().unwrap().iter().filter(|head| head.path != "/v2/").cloned().collect()
    }

    pub(crate) fn pings(&self) -> usize {
        self.seen.lock().unwrap().iter().filter(|head| head.path == "/v2/").count()
    }

    /// Returns methods and paths of what was asked, without the pings.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Head::line).collect()
    }

    pub(crate) fn count(&self, method: &str, path: &str) -> usize {
        self.seen().iter().filter(|head| head.method == method && head.path.contains(path)).count()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    /// Returns the repository `app` of this server, as a client sees it that knows what it speaks and repeats at once.
    pub(crate) fn repository(&self) -> Repository {
        self.repository_with(|_| {})
    }

    pub(crate) fn repository_with(&self, change: impl FnOnce(&mut ClientOptions)) -> Repository {
        let mut options = options();
        change(&mut options);
        Client::new(options).repository(&self.host(), &"app".parse().unwrap())
    }
}

/// Returns options for tests: plain HTTP without a probe, repetition without delay.
pub(crate) fn options() -> ClientOptions {
    use std::time::Duration;
    let retry = RetryPolicy { attempts: 4, base: Duration::ZERO, cap: Duration::ZERO, retry_after_cap: Duration::ZERO };
    ClientOptions { plain_http: true, retry, ..ClientOptions::default() }
}

async fn serve(mut stream: TcpStream, service: Arc<dyn Service>, seen: Arc<Mutex<Vec<Head>>>) {
    let mut ahead = BytesMut::new();
    while let Some(head) = read_head(&mut stream, &mut ahead).await {
        seen.lock().unwrap().push(head.clone());
        let length: usize = head.header("content-length").map_or(0, |text| text.parse().unwrap());
        assert!(head.header("transfer-encoding").is_none(), "the client always knows the length");
        match service.before(&head) {
            Before::Read => {}
            Before::ReadWhen(mut number, least) => drop(number.wait_for(|number| *number >= least).await.unwrap()),
            Before::Cut(after) => {
                let body = read_body(&mut stream, &mut ahead, length.min(after), |_| {}).await.unwrap_or_default();
                service.was_cut(&head, &body);
                return;
            }
            Before::Early(reply) => {
                let _ = send(&mut stream, &head, &reply).await;
                // Reading on for a while lets the client see the reply before the reset that unread bytes bring.
                let mut rest = length;
                while rest > 0 {
                    match stream.read_buf(&mut ahead).await {
                        Ok(read) if read > 0 => rest = rest.saturating_sub(read),
                        _ => break,
                    }
                    ahead.clear();
                }
                return;
            }
        }
        let Some(body) = read_body(&mut stream, &mut ahead, length, |bytes| service.came(&head, bytes)).await else {
            service.was_cut(&head, &ahead.freeze());
            return;
        };
        let reply = service.reply(&head, &body);
        if !send(&mut stream, &head, &reply).await {
            return;
        }
    }
}

async fn read_head(stream: &mut TcpStream, ahead: &mut BytesMut) -> Option<Head> {
    loop {
        if let Some(end) = ahead.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = ahead.split_to(end + 4);
            return Some(parse(std::str::from_utf8(&head).unwrap()));
        }
        if stream.read_buf(ahead).await.ok()? == 0 {
            return None;
        }
    }
}

pub(crate) fn parse(text: &str) -> Head {
    let mut lines = text.split("\r\n");
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (name.to_owned(), value.replace("%2F", "/").replace("%3A", ":"))
    };
    let header = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_ascii_lowercase(), value.to_owned()))
    };
    Head {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.split('&').filter(|text| !text.is_empty()).map(pair).collect(),
        headers: lines.filter_map(header).collect(),
    }
}

async fn read_body(stream: &mut TcpStream, ahead: &mut BytesMut, length: usize, came: impl Fn(usize)) -> Option<Bytes> {
    while ahead.len() < length {
        if stream.read_buf(ahead).await.unwrap_or(0) == 0 {
            return None;
        }
        came(ahead.len());
    }
    Some(ahead.split_to(length).freeze())
}

/// Sends a reply. Returns whether the connection is still good.
async fn send(stream: &mut TcpStream, head: &Head, reply: &Reply) -> bool {
    let sent = stream.write_all(&answer_bytes(head, reply)).await.is_ok();
    sent && reply.cut.is_none()
}

/// Returns a reply as it goes over the wire.
pub(crate) fn answer_bytes(head: &Head, reply: &Reply) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {} Words\r\n", reply.status).into_bytes();
    let stated = |name: &str| reply.headers.iter().any(|(stated, _)| stated.eq_ignore_ascii_case(name));
    for (name, value) in &reply.headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if reply.chunked {
        bytes.extend_from_slice(b"transfer-encoding: chunked\r\n");
    } else if !stated("content-length") && reply.status != 204 {
        bytes.extend_from_slice(format!("content-length: {}\r\n", reply.body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    if head.method == "HEAD" {
        return bytes;
    }
    let body = &reply.body[..reply.cut.unwrap_or(reply.body.len()).min(reply.body.len())];
    if !reply.chunked {
        bytes.extend_from_slice(body);
        return bytes;
    }
    for chunk in body.chunks(100_000) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    if reply.cut.is_none() {
        bytes.extend_from_slice(b"0\r\n\r\n");
    }
    bytes
}
