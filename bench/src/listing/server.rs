//! A registry that has one repository with many tags and nothing else.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The repository.
pub const REPOSITORY: &str = "app";
/// What every tag begins with, and nothing else in an answer.
pub const PREFIX: &str = "build-";

/// A server that runs until the program ends.
pub struct Server {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

/// What the server has.
struct Content {
    tags: Vec<String>,
    page: usize,
    delay: Duration,
}

impl Server {
    pub async fn start(tags: usize, page: usize, delay: Duration) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let server = Self { address: listener.local_addr()?, requests: Arc::default() };
        let mut tags: Vec<String> = (0..tags).map(|number| format!("{PREFIX}{number}")).collect();
        tags.sort_unstable();
        let content = Arc::new(Content { tags, page, delay });
        let requests = Arc::clone(&server.requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A connection ends when the other side has enough of it.
                tokio::spawn(serve(stream, Arc::clone(&content), Arc::clone(&requests)));
            }
        });
        Ok(server)
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns how many requests there were.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

async fn serve(mut stream: TcpStream, content: Arc<Content>, requests: Arc<AtomicUsize>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::new();
    loop {
        while !received.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut received).await? == 0 {
                return Ok(());
            }
        }
        requests.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(content.delay).await;
        let head = String::from_utf8_lossy(&received);
        let target = head.split(' ').nth(1).unwrap_or_default();
        let answer = content.answer(target);
        stream.write_all(answer.as_bytes()).await?;
        received.clear();
    }
}

impl Content {
    fn answer(&self, target: &str) -> String {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if path != format!("/v2/{REPOSITORY}/tags/list") {
            let status = if path == "/v2/" { "200 OK" } else { "404 Not Found" };
            return format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{{}}");
        }
        let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let begin = value("last").map_or(0, |last| self.tags.partition_point(|tag| tag.as_str() <= last));
        let most = value("n").and_then(|number| number.parse().ok()).unwrap_or(self.page).min(self.page);
        let page = &self.tags[begin..self.tags.len().min(begin + most)];
        let body = serde_json::json!({"name": REPOSITORY, "tags": page}).to_string();
        let mut head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        if let Some(last) = page.last().filter(|_| begin + page.len() < self.tags.len()) {
            // Writing to a String cannot fail.
            let _ = write!(head, "Link: <{path}?last={last}&n={most}>; rel=\"next\"\r\n");
        }
        head + "\r\n" + &body
    }
}
