//! What only shows on a connection.

use oci::Digest;
use registry::{Registry, RegistryOptions, RunningRegistry};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn start() -> RunningRegistry {
    let registry = Registry::in_memory(RegistryOptions::default());
    RunningRegistry::start("127.0.0.1:0".parse().unwrap(), registry).await.unwrap()
}

/// A connection, on which requests are written as text.
struct Connection(TcpStream);

impl Connection {
    async fn open(server: &RunningRegistry) -> Self {
        Self(TcpStream::connect(server.addr()).await.unwrap())
    }

    async fn write(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads a header, which it returns in lower case without the bytes after it.
    async fn header(&mut self) -> String {
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\n") {
            read.push(self.0.read_u8().await.unwrap());
        }
        String::from_utf8(read).unwrap().to_ascii_lowercase()
    }

    async fn body(&mut self, length: usize) -> Vec<u8> {
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        body
    }

    async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A connection that is reset has ended as well.
        let _ = self.0.read_to_end(&mut rest).await;
        rest
    }
}

fn upload(content: &[u8], headers: &str) -> String {
    let digest = Digest::sha256(content);
    format!(
        "POST /v2/app/blobs/uploads/?digest={digest} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n{headers}\r\n",
        content.len()
    )
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let server = start().await;
    let mut connection = Connection::open(&server).await;
    let digest = Digest::sha256(b"content");
    connection.write(&format!("{}content", upload(b"content", ""))).await;
    assert!(connection.header().await.starts_with("http/1.1 201 "));
    let path = format!("/v2/app/blobs/{digest}");
    connection.write(&format!("HEAD {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
    let header = connection.header().await;
    assert!(header.starts_with("http/1.1 200 ") && header.contains("\r\ncontent-length: 7\r\n"), "{header}");
    // No body came after it, or this would not be read as a header.
    connection.write(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
    assert!(connection.header().await.starts_with("http/1.1 200 "));
    assert_eq!(connection.body(7).await, b"content");
    server.shutdown().await;
}

#[tokio::test]
async fn a_body_that_nobody_wants_does_not_cost_the_answer() {
    let server = start().await;
    let mut connection = Connection::open(&server).await;
    let length = 6_000_000;
    connection
        .write(&format!("PUT /v2/app/manifests/v1 HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n"))
        .await;
    connection.write(&"x".repeat(length)).await;
    assert!(connection.header().await.starts_with("http/1.1 413 "));
    server.shutdown().await;
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_the_body() {
    let server = start().await;
    let mut connection = Connection::open(&server).await;
    connection.write("PATCH /v2/app/blobs/uploads/none HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nsome").await;
    assert!(connection.header().await.starts_with("http/1.1 404 "));
    // A server that ends waits for the rest of it.
    drop(connection);
    server.shutdown().await;
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_before_it_sends() {
    let server = start().await;
    let mut connection = Connection::open(&server).await;
    let expect = "expect: 100-continue\r\n";
    connection
        .write(&format!("PATCH /v2/app/blobs/uploads/none HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n{expect}\r\n"))
        .await;
    assert!(connection.header().await.starts_with("http/1.1 404 "));
    let mut connection = Connection::open(&server).await;
    connection.write(&upload(b"content", expect)).await;
    assert!(connection.header().await.starts_with("http/1.1 100 "));
    connection.write("content").await;
    assert!(connection.header().await.starts_with("http/1.1 201 "));
    server.shutdown().await;
}

#[tokio::test]
async fn a_request_under_way_is_finished_on_shutdown() {
    let server = start().await;
    let address = server.addr();
    let mut idle = Connection::open(&server).await;
    let mut connection = Connection::open(&server).await;
    connection.write(&upload(b"content", "expect: 100-continue\r\n")).await;
    assert!(connection.header().await.starts_with("http/1.1 100 "), "the request is under way");
    let shutdown = tokio::spawn(server.shutdown());
    assert_eq!(idle.rest().await, b"", "a connection without a request is closed");
    connection.write("content").await;
    assert!(connection.header().await.starts_with("http/1.1 201 "));
    shutdown.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn dropping_the_server_breaks_connections_off() {
    let server = start().await;
    let mut connection = Connection::open(&server).await;
    connection.write(&upload(b"content", "expect: 100-continue\r\n")).await;
    connection.header().await;
    drop(server);
    assert_eq!(connection.rest().await, b"");
}

#[tokio::test]
async fn an_endless_header_is_refused() {
    let server = start().await;
    let mut connection = Connection::open(&server).await;
    connection.write("GET /v2/ HTTP/1.1\r\nhost: x\r\nx-long: ").await;
    // The server may stop reading at any point.
    let _ = connection.0.write_all(&vec![b'x'; 200_000]).await;
    let rest = connection.rest().await;
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 431 "), "{}", String::from_utf8_lossy(&rest));
    server.shutdown().await;
}
