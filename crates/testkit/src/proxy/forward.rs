//! A proxy that clients know and ask for others: by `CONNECT` and by whole URLs (RFC 9110 section 9.3.6, RFC 9112 section 3.2.2), and
//! by SOCKS 5 (RFC 1928, RFC 1929).

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Largest header of a request, in bytes.
const HEAD_MAX_BYTES: usize = 64 * 1024;

/// A proxy that leads names to addresses of this machine, and records for whom it was asked. It ends when it is dropped.
#[derive(Debug)]
pub struct ForwardProxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Knows {
    /// `HOST:PORT` and where that is.
    names: BTreeMap<String, SocketAddr>,
    /// Who may ask, with their password; `None` when everybody may.
    user: Option<(String, String)>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Drop for ForwardProxy {
    fn drop(&mut self) {
        // The task owns all connections, which end with it.
        self.accepting.abort();
    }
}

impl ForwardProxy {
    /// Starts a proxy on a free loopback port that knows these names (`HOST:PORT`), for everybody or for one user with a password.
    pub async fn start(names: &[(&str, SocketAddr)], user: Option<(&str, &str)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let knows = Knows {
            names: names.iter().map(|(name, address)| ((*name).to_owned(), *address)).collect(),
            user: user.map(|(name, password)| (name.to_owned(), password.to_owned())),
            asked: Arc::clone(&asked),
        };
        Self { address, asked, accepting: tokio::spawn(accept(listener, Arc::new(knows))) }
    }

    /// Returns the address it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns for whom it was asked, `HOST:PORT`, in the order in which that came. Who was turned away did not ask.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn accept(listener: TcpListener, knows: Arc<Knows>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        let knows = Arc::clone(&knows);
        connections.spawn(async move { serve(client, &knows).await });
        while connections.try_join_next().is_some() {}
    }
}

/// Serves one connection in what its first byte says it speaks.
async fn serve(mut client: TcpStream, knows: &Knows) -> io::Result<()> {
    const SOCKS_VERSION: u8 = 5;
    let first = client.read_u8().await?;
    if first == SOCKS_VERSION { knows.serve_socks(client).await } else { knows.serve_http(client, first).await }
}

impl Knows {
    async fn connect(&self, name: &str) -> Option<TcpStream> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned());
        TcpStream::connect(self.names.get(name)?).await.ok()
    }

    async fn serve_http(&self, mut client: TcpStream, first: u8) -> io::Result<()> {
        let mut head = vec![first];
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() > HEAD_MAX_BYTES {
                return Err(io::ErrorKind::InvalidData.into());
            }
            head.push(client.read_u8().await?);
        }
        let text = String::from_utf8(head).map_err(io::Error::other)?;
        let (line, rest) = text.split_once("\r\n").ok_or(io::ErrorKind::InvalidData)?;
        if !self.lets_in(rest) {
            let challenge = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"testkit\"\r\n\
                Content-Length: 0\r\nConnection: close\r\n\r\n";
            return client.write_all(challenge.as_bytes()).await;
        }
        let mut words = line.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let path_at = target.strip_prefix("http://").and_then(|rest| Some(7 + rest.find('/')?));
        let name = path_at.map_or(target, |at| &target[7..at]);
        let name = if name.contains(':') { name.to_owned() } else { format!("{name}:80") };
        let Some(mut server) = self.connect(&name).await else {
            return client
                .write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .await;
        };
        if method == "CONNECT" {
            client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await?;
        } else {
            // One request a connection, so that each is seen.
            let path = path_at.map_or(target, |at| &target[at..]);
            let kept = rest.split("\r\n").filter(|line| {
                let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
                !line.is_empty() && !matches!(&*name, "proxy-authorization" | "proxy-connection" | "connection")
            });
            let kept = kept.collect::<Vec<_>>().join("\r\n");
            let head = format!("{method} {path} HTTP/1.1\r\n{kept}\r\nConnection: close\r\n\r\n");
            server.write_all(head.as_bytes()).await?;
        }
        tokio::io::copy_bidirectional(&mut client, &mut server).await.map(|_| ())
    }

    fn lets_in(&self, headers: &str) -> bool {
        let Some((name, password)) = &self.user else { return true };
        let wanted = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
        headers
            .split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .any(|(header, value)| header.eq_ignore_ascii_case("proxy-authorization") && value.trim() == wanted)
    }

    async fn serve_socks(&self, mut client: TcpStream) -> io::Result<()> {
        const NO_PASSWORD: u8 = 0;
        const WITH_PASSWORD: u8 = 2;
        const NAME: u8 = 3;
        let methods = client.read_u8().await?;
        let mut offered = vec![0; methods.into()];
        client.read_exact(&mut offered).await?;
        let wanted = if self.user.is_some() { WITH_PASSWORD } else { NO_PASSWORD };
        if !offered.contains(&wanted) {
            return client.write_all(&[5, 0xff]).await;
        }
        client.write_all(&[5, wanted]).await?;
        if let Some((name, password)) = &self.user {
            let _version = client.read_u8().await?;
            let shown = (text(&mut client).await?, text(&mut client).await?);
            if (&shown.0, &shown.1) != (name, password) {
                return client.write_all(&[1, 1]).await;
            }
            client.write_all(&[1, 0]).await?;
        }
        let mut request = [0; 4];
        client.read_exact(&mut request).await?;
        if request[3] != NAME {
            // Names are for the proxy to look up.
            return client.write_all(&[5, 8, 0, 1, 0, 0, 0, 0, 0, 0]).await;
        }
        let name = text(&mut client).await?;
        let port = client.read_u16().await?;
        match self.connect(&format!("{name}:{port}")).await {
            None => client.write_all(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]).await,
            Some(mut server) => {
                client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await.map(|_| ())
            }
        }
    }
}

/// Reads a text with its length in front.
async fn text(from: &mut TcpStream) -> io::Result<String> {
    let length = from.read_u8().await?;
    let mut bytes = vec![0; length.into()];
    from.read_exact(&mut bytes).await?;
    String::from_utf8(bytes).map_err(io::Error::other)
}
