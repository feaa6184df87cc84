//! Registries over TLS, with an authority of the test's own.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use bytes::Bytes;
use client::{Client, ClientOptions, UploadMode};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use store::{Content, Meter, Store as _, StoreError};
use testkit::certificates;
use testkit::source::{Kind, TestSource};

use crate::registry::{Effect, Registry};
use crate::server::{Head, Reply, Service, answer_bytes, options, parse};
use crate::stored::{LARGE, content, describe};

/// Serves over TLS, one thread a connection.
fn serve_tls(service: impl Service) -> SocketAddr {
    let chain = CertificateDer::pem_file_iter(certificates::path("server.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(certificates::path("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let (config, service) = (Arc::new(config), Arc::new(service));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, config, service) = (stream.unwrap(), Arc::clone(&config), Arc::clone(&service));
            // A connection ends with an error when the client does not trust us, which is for the test to see.
            std::thread::spawn(move || serve_connection(stream, config, &*service));
        }
    });
    address
}

fn serve_connection(
    stream: TcpStream,
    config: Arc<rustls::ServerConfig>,
    service: &impl Service,
) -> std::io::Result<()> {
    let session = rustls::ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = rustls::StreamOwned::new(session, stream);
    let mut ahead = Vec::new();
    let mut buffer = vec![0; 65_536];
    loop {
        let mut more = |ahead: &mut Vec<u8>| -> std::io::Result<()> {
            match stream.read(&mut buffer)? {
                0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
                read => {
                    ahead.extend_from_slice(&buffer[..read]);
                    Ok(())
                }
            }
        };
        let end = loop {
            match ahead.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => more(&mut ahead)?,
            }
        };
        let head = parse(std::str::from_utf8(&ahead[..end]).unwrap());
        let length: usize = head.header("content-length").map_or(0, |text| text.parse().unwrap());
        while ahead.len() < end + length {
            more(&mut ahead)?;
        }
        let body = Bytes::copy_from_slice(&ahead[end..end + length]);
        ahead.drain(..end + length);
        let reply = service.reply(&head, &body);
        stream.write_all(&answer_bytes(&head, &reply))?;
        stream.flush()?;
        if reply.cut.is_some() {
            return Ok(());
        }
    }
}

fn trusting() -> ClientOptions {
    ClientOptions { plain_http: false, ca_file: Some(certificates::path("authority.pem")), ..options() }
}

#[tokio::test]
async fn every_way_through_tls() {
    let content = content(LARGE);
    for upload in [UploadMode::Auto, UploadMode::Chunked { size: 3_000_000 }, UploadMode::Streamed] {
        for kind in Kind::ALL {
            let registry = Registry::default();
            let address = serve_tls(registry.clone());
            let client = Client::new(ClientOptions { upload, ..trusting() });
            let repository = client.repository(&address.to_string().parse().unwrap(), &"app".parse().unwrap());
            let meter = Meter::default();
            let source = TestSource::new(kind, content.clone());
            repository.put_blob(&describe(&content), &source, &meter).await.unwrap();
            assert_eq!(meter.bytes(), LARGE as u64, "{upload:?} {kind:?}");
            registry.fault("GET", "/blobs/", Effect::CutAnswer(5_000_000));
            let body = repository.open_blob(&describe(&content), 0).await.unwrap().unwrap();
            assert!(matches!(body.content, Content::Stream(_)));
            let read = body.into_bytes(&describe(&content), "here", LARGE).await.unwrap();
            assert!(read == content, "{upload:?} {kind:?}");
        }
    }
}

#[tokio::test]
async fn wrong_content_is_not_stored_through_tls() {
    let right = content(300_000);
    let mut wrong = right.to_vec();
    wrong[299_999] ^= 1;
    let wrong = Bytes::from(wrong);
    for kind in Kind::ALL {
        let registry = Registry::new(|behaviour| behaviour.verifies = false);
        let address = serve_tls(registry.clone());
        let repository =
            Client::new(trusting()).repository(&address.to_string().parse().unwrap(), &"app".parse().unwrap());
        let source = TestSource::new(kind, wrong.clone());
        let outcome = repository.put_blob(&describe(&right), &source, &Meter::default()).await;
        assert!(matches!(outcome, Err(StoreError::Digest { .. })), "{kind:?}: {outcome:?}");
        assert_eq!(registry.blobs(), 0, "{kind:?}");
    }
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_refused() {
    let address = serve_tls(Registry::default());
    let host = address.to_string().parse().unwrap();
    let mut options = trusting();
    options.ca_file = None;
    let error = Client::new(options.clone()).ping(&host).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("TLS"), "{error:?}");
    options.insecure_skip_tls_verify = true;
    Client::new(options).ping(&host).await.unwrap();
}

#[tokio::test]
async fn a_file_without_certificates_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let address = serve_tls(Registry::default());
    let mut options = trusting();
    options.ca_file = Some(file.path().to_owned());
    let error = Client::new(options).ping(&address.to_string().parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, StoreError::Format { .. }), "{error}");
}

#[tokio::test]
async fn a_redirect_from_tls_to_plain_http_elsewhere_is_refused() {
    let address = serve_tls(|head: &Head, _: &Bytes| match head.path.as_str() {
        "/v2/" => Reply::new(200),
        path if path.contains("blobs/uploads") => Reply::new(202).with("location", "http://plain.example/upload"),
        _ => Reply::new(307).with("location", "http://plain.example/"),
    });
    let repository = Client::new(trusting()).repository(&address.to_string().parse().unwrap(), &"app".parse().unwrap());
    let error = repository.tags().await.unwrap_err();
    assert!(matches!(error, StoreError::Protocol { .. }) && error.to_string().contains("plain HTTP"), "{error}");
    let content = content(10);
    let source = TestSource::memory(content.clone());
    let error = repository.put_blob(&describe(&content), &source, &Meter::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::Protocol { .. }) && error.to_string().contains("without TLS"), "{error}");
}
