//! TLS before a server that speaks none.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::certificates;

/// Speaks TLS with clients and passes what they say on as it is, until it is dropped.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        // The task owns all connections, which end with it.
        self.accepting.abort();
    }
}

impl TlsFront {
    /// Starts on a free loopback port with `NAME.pem` and `NAME.key` of [`certificates`].
    pub async fn start(upstream: SocketAddr, name: &str) -> Self {
        Self::start_with(upstream, name, false).await
    }

    /// As [`TlsFront::start`], for clients that show a certificate signed by `clients.pem`, and no others.
    pub async fn start_for_known(upstream: SocketAddr, name: &str) -> Self {
        Self::start_with(upstream, name, true).await
    }

    async fn start_with(upstream: SocketAddr, name: &str, known_only: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(configuration(name, known_only)));
        Self { address, accepting: tokio::spawn(accept(listener, acceptor, upstream)) }
    }

    /// Returns the address it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

fn configuration(name: &str, known_only: bool) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = if known_only {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(chain(&certificates::path("clients.pem")));
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        builder.unwrap().with_client_cert_verifier(verifier)
    } else {
        builder.unwrap().with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_file(certificates::path(&format!("{name}.key"))).unwrap();
    builder.with_single_cert(chain(&certificates::path(&format!("{name}.pem"))), key).unwrap()
}

fn chain(path: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(path).unwrap().map(Result::unwrap).collect()
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, upstream: SocketAddr) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        let acceptor = acceptor.clone();
        // A client that does not believe the certificate goes away, which is for the test to see.
        connections.spawn(async move {
            let mut client = acceptor.accept(client).await?;
            let mut server = TcpStream::connect(upstream).await?;
            tokio::io::copy_bidirectional(&mut client, &mut server).await?;
            io::Result::Ok(())
        });
        while connections.try_join_next().is_some() {}
    }
}
