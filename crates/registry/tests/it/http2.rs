//! A registry over HTTP/2: with a client that knows it, and with frames that are written by hand.

mod hostile;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, Version};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use oci::Digest;
use registry::{
    Clock, Http2, Keeping, Registry, RegistryOptions, RequestHook, RunningRegistry, Storage, Tls, TlsIdentity,
    TlsVersion,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::server::MANIFEST;

fn options() -> RegistryOptions {
    let http2 = Http2 { cleartext: true, ..Http2::default() };
    RegistryOptions { http2, collect_period: None, scrub: None, ..RegistryOptions::default() }
}

async fn start(options: RegistryOptions) -> RunningRegistry {
    RunningRegistry::start("127.0.0.1:0".parse().unwrap(), Registry::in_memory(options)).await.unwrap()
}

struct Client(SendRequest<Body>);

impl Client {
    async fn over(transport: impl hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static) -> Self {
        let (client, connection) = handshake(TokioExecutor::new(), transport).await.unwrap();
        tokio::spawn(connection);
        Self(client)
    }

    async fn open(address: SocketAddr) -> Self {
        Self::over(TokioIo::new(TcpStream::connect(address).await.unwrap())).await
    }

    async fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (StatusCode, Bytes) {
        let mut request = Request::builder().method(method).uri(format!("http://registry.example{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Body::new(Full::new(Bytes::copy_from_slice(body)));
        let (parts, body) = self.0.send_request(request.body(body).unwrap()).await.unwrap().into_parts();
        assert_eq!(parts.version, Version::HTTP_2);
        (parts.status, body.collect().await.unwrap().to_bytes())
    }
}

/// Pushes and pulls an image of one layer, and asks for what is not there.
async fn speak(client: &mut Client) {
    let layer: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).take(3_000_000).collect();
    assert_eq!(client.ask("GET", "/v2/", &[], b"").await.0, 200);
    let mut descriptors = Vec::new();
    for content in [b"{}".as_slice(), &layer] {
        let digest = Digest::sha256(content);
        let path = format!("/v2/app/blobs/uploads/?digest={digest}");
        assert_eq!(client.ask("POST", &path, &[], content).await.0, 201);
        let path = format!("/v2/app/blobs/{digest}");
        assert_eq!(client.ask("GET", &path, &[], b"").await, (StatusCode::OK, Bytes::copy_from_slice(content)));
        assert_eq!(client.ask("HEAD", &path, &[], b"").await, (StatusCode::OK, Bytes::new()));
        descriptors.push((digest, content.len()));
    }
    let (layer_path, range) = (format!("/v2/app/blobs/{}", descriptors[1].0), [("range", "bytes=100000-2000000")]);
    let (status, part) = client.ask("GET", &layer_path, &range, b"").await;
    assert_eq!((status, &part[..]), (StatusCode::PARTIAL_CONTENT, &layer[100_000..=2_000_000]));
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": descriptors[0].0, "size": descriptors[0].1},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": descriptors[1].0, "size": descriptors[1].1}],
    });
    let manifest = manifest.to_string();
    let path = "/v2/app/manifests/v1";
    assert_eq!(client.ask("PUT", path, &[("content-type", MANIFEST)], manifest.as_bytes()).await.0, 201);
    let (status, found) = client.ask("GET", path, &[("accept", MANIFEST)], b"").await;
    assert_eq!((status, found), (StatusCode::OK, manifest.into()));
    let (status, missing) = client.ask("GET", "/v2/app/manifests/v2", &[], b"").await;
    assert!(status == 404 && missing.starts_with(b"{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\""), "{missing:?}");
    assert_eq!(client.ask("PATCH", path, &[], b"").await.0, 405);
    let (status, wrong) = client.ask("POST", "/v2/app/blobs/uploads/?digest=sha256:00", &[], b"x").await;
    assert!(status == 400 && wrong.starts_with(b"{\"errors\":[{\"code\":\"DIGEST_INVALID\""), "{wrong:?}");
    assert_eq!(client.ask("DELETE", path, &[], b"").await.0, 202);
}

#[tokio::test]
async fn an_image_goes_in_and_out_of_files_in_cleartext() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::open(directory.path(), Clock::system(), Keeping::default()).await.unwrap();
    let registry = Registry::new(storage, options());
    let server = RunningRegistry::start("127.0.0.1:0".parse().unwrap(), registry).await.unwrap();
    speak(&mut Client::open(server.addr()).await).await;
    server.shutdown().await;
}

/// Returns the files below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn a_file_that_lost_its_end_breaks_the_stream_and_does_not_end_it() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::open(directory.path(), Clock::system(), Keeping::default()).await.unwrap();
    let broken = Arc::new(AtomicUsize::new(0));
    let on_request = RequestHook::new(|| true, {
        let broken = Arc::clone(&broken);
        move |request| {
            broken.fetch_add(usize::from(!request.is_whole), Ordering::SeqCst);
        }
    });
    let registry = Registry::new(storage, RegistryOptions { on_request: Some(on_request), ..options() });
    let server = RunningRegistry::start("127.0.0.1:0".parse().unwrap(), registry).await.unwrap();
    let mut client = Client::open(server.addr()).await;
    let content = vec![7; 300_000];
    let digest = Digest::sha256(&content);
    let path = format!("/v2/app/blobs/uploads/?digest={digest}");
    assert_eq!(client.ask("POST", &path, &[], &content).await.0, 201);
    for file in files(&directory.path().join("blobs")) {
        std::fs::File::options().write(true).open(file).unwrap().set_len(200_000).unwrap();
    }
    for range in ["bytes=0-", "bytes=100000-250000", "bytes=250000-260000"] {
        let uri = format!("http://registry.example/v2/app/blobs/{digest}");
        let request = Request::get(uri).header("range", range).body(Body::empty()).unwrap();
        let sent = client.0.send_request(request);
        // The stream may be broken off before its head arrives.
        let arrived = async { sent.await?.into_body().collect().await };
        assert!(arrived.await.is_err(), "{range}");
    }
    server.shutdown().await;
    assert_eq!(broken.load(Ordering::SeqCst), 3, "and the operator hears that they were not whole");
}

const CERTIFICATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit/certificates/");

fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!("{CERTIFICATES}{name}")).unwrap()
}

async fn connect(server: &RunningRegistry, protocols: &[&[u8]]) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&file("authority.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(server.addr()).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

#[tokio::test]
async fn under_tls_the_client_says_which_version_it_speaks() {
    let identity = TlsIdentity::from_pem(&file("server.pem"), &file("server.key"), TlsVersion::V1_2).unwrap();
    for (identity, is_spoken) in [(identity.clone(), true), (identity.without_http2(), false)] {
        let registry = Registry::in_memory(RegistryOptions::default());
        let address = "127.0.0.1:0".parse().unwrap();
        let server = RunningRegistry::start_with(address, registry, Some(Tls::new(identity))).await.unwrap();
        let stream = connect(&server, &[b"h2", b"http/1.1"]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol() == Some(b"h2"), is_spoken);
        if is_spoken {
            speak(&mut Client::over(TokioIo::new(stream)).await).await;
        }
        for protocols in [&[b"http/1.1".as_slice()] as &[&[u8]], &[]] {
            let mut stream = connect(&server, protocols).await;
            stream.write_all(b"GET /v2/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            // Not every end of a connection is announced.
            let _ = stream.read_to_string(&mut answer).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
        server.shutdown().await;
    }
}

#[tokio::test]
async fn under_tls_a_file_that_lost_its_end_is_not_filled_up() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::open(directory.path(), Clock::system(), Keeping::default()).await.unwrap();
    let identity = TlsIdentity::from_pem(&file("server.pem"), &file("server.key"), TlsVersion::V1_2).unwrap();
    let (address, registry) = ("127.0.0.1:0".parse().unwrap(), Registry::new(storage, options()));
    let server = RunningRegistry::start_with(address, registry, Some(Tls::new(identity))).await.unwrap();
    let content: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
    let digest = Digest::sha256(&content);
    let path = format!("/v2/app/blobs/uploads/?digest={digest}");
    let mut client = Client::over(TokioIo::new(connect(&server, &[b"h2"]).await)).await;
    assert_eq!(client.ask("POST", &path, &[], &content).await.0, 201);
    for file in files(&directory.path().join("blobs")) {
        std::fs::File::options().write(true).open(file).unwrap().set_len(200_000).unwrap();
    }
    let mut stream = connect(&server, &[]).await;
    let request = format!("GET /v2/app/blobs/{digest} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut arrived = Vec::new();
    // That the connection ends is not announced, for the answer has not.
    assert!(stream.read_to_end(&mut arrived).await.is_err());
    let head = arrived.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let body = &arrived[head..];
    assert!(body.len() <= 200_000 && content.starts_with(body), "{} bytes", body.len());
    server.shutdown().await;
}

#[tokio::test]
async fn without_tls_http2_is_spoken_where_that_is_said_and_http_1_1_beside_it() {
    for cleartext in [true, false] {
        let server = start(RegistryOptions { http2: Http2 { cleartext, ..Http2::default() }, ..options() }).await;
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        // No more than the first byte of two methods, of which one would be HTTP/2.
        stream.write_all(b"P").await.unwrap();
        stream.write_all(b"OST /v2/app/blobs/uploads/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        let mut first = [0; 5];
        let is_spoken = stream.read_exact(&mut first).await.is_ok() && &first != b"HTTP/";
        assert_eq!(is_spoken, cleartext, "{first:?}");
        drop(stream);
        server.shutdown().await;
    }
}

#[tokio::test]
async fn a_request_says_once_to_whom_it_is_addressed() {
    let server = start(options()).await;
    let mut client = Client::open(server.addr()).await;
    for (headers, status) in [
        (&[][..], 200),
        (&[("host", "REGISTRY.example")], 200),
        (&[("host", "other.example")], 400),
        (&[("host", "registry.example"), ("host", "registry.example")], 400),
        (&[("host", "user@registry.example")], 400),
    ] {
        assert_eq!(client.ask("GET", "/v2/", headers, b"").await.0, status, "{headers:?}");
    }
    server.shutdown().await;
}

#[tokio::test]
async fn a_request_under_way_is_finished_when_the_server_ends_and_no_other_begins() {
    let server = start(RegistryOptions { shutdown_grace: Duration::from_hours(1), ..options() }).await;
    let address = server.addr();
    let mut client = Client::open(address).await;
    let (pieces, mut rest) = mpsc::channel::<&'static [u8]>(1);
    let body = stream::poll_fn(move |context| {
        rest.poll_recv(context)
            .map(|piece| piece.map(|piece| Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(piece)))))
    });
    let uri = format!("http://x/v2/app/blobs/uploads/?digest={}", Digest::sha256(b"onetwo"));
    let request = Request::post(uri).body(Body::new(StreamBody::new(body))).unwrap();
    let answer = client.0.send_request(request);
    pieces.send(b"one").await.unwrap();
    assert_eq!(client.ask("GET", "/v2/", &[], b"").await.0, 200, "the server has seen the request before this one");
    let ending = tokio::spawn(server.shutdown());
    while TcpStream::connect(address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    pieces.send(b"two").await.unwrap();
    drop(pieces);
    assert_eq!(answer.await.unwrap().status(), 201);
    // Without a GOAWAY the client would keep its connection, and the server wait for it.
    ending.await.unwrap();
}
