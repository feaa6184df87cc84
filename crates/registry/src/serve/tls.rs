//! TLS before HTTP: what the server shows of itself, and connections that begin with a handshake.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::Watcher;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::certificate::{ClientTrust, Handshake};
use super::connection::{self, OtherEnd};
use super::http2::{self, Shared};
use crate::peer::Peer;
use crate::registry::Registry;

/// How long a client may take for the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// The protocols that are spoken, by the names that TLS has for them.
const HTTP_1_1: &[u8] = b"http/1.1";
const HTTP_2: &[u8] = b"h2";
/// Most certificates of a chain.
const CHAIN_MAX: usize = 16;

/// The versions from TLS 1.3 on.
static ONLY_1_3: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// The least version of TLS that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2, and what came after it.
    #[default]
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// A certificate with its key. The key never shows.
#[derive(Clone)]
pub struct TlsIdentity {
    config: Arc<ServerConfig>,
    pub(super) clients: Option<ClientTrust>,
}

/// TLS as a server speaks it. Cloning gives another handle to the same.
#[derive(Clone, Debug)]
pub struct Tls(Arc<RwLock<TlsIdentity>>);

/// Why a certificate or its key cannot be used. Nothing of the key is in it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificates cannot be read.
    #[error("there is no chain of 1 to {CHAIN_MAX} certificates (PEM) in it")]
    Certificates,
    /// The key cannot be read.
    #[error("there is no private key (PEM) in it that can be used; one with a password cannot")]
    Key,
    /// The key is another one than that of the certificate.
    #[error("the key is not that of the first certificate")]
    Mismatch,
    /// The two cannot be used together.
    #[error("the certificate cannot be used: {0}")]
    Unusable(rustls::Error),
}

impl TlsIdentity {
    /// Reads a chain of certificates, that of the server first, and the key to it; both PEM.
    ///
    /// # Errors
    /// [`TlsError`]
    pub fn from_pem(certificates: &[u8], key: &[u8], least: TlsVersion) -> Result<Self, TlsError> {
        Self::with_clients(certificates, key, least, None)
    }

    /// As [`TlsIdentity::from_pem`], and asks clients for certificates where it is said which are trusted.
    ///
    /// # Errors
    /// [`TlsError`]
    pub fn with_clients(
        certificates: &[u8],
        key: &[u8],
        least: TlsVersion,
        clients: Option<ClientTrust>,
    ) -> Result<Self, TlsError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).take(CHAIN_MAX + 1).collect();
        let chain = chain.map_err(|_| TlsError::Certificates)?;
        if chain.is_empty() || chain.len() > CHAIN_MAX {
            return Err(TlsError::Certificates);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Key)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        if provider.key_provider.load_private_key(key.clone_key()).is_err() {
            return Err(TlsError::Key);
        }
        let with_versions = ServerConfig::builder_with_provider(provider).with_protocol_versions(least.and_newer());
        let with_versions = with_versions.map_err(TlsError::Unusable)?;
        let with_clients = match &clients {
            Some(clients) => with_versions.with_client_cert_verifier(clients.verifier()),
            None => with_versions.with_no_client_auth(),
        };
        let mut config = with_clients.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => TlsError::Mismatch,
            error => TlsError::Unusable(error),
        })?;
        config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1_1.to_vec()];
        if clients.is_some() {
            // A session that is taken up again brings the chain of the first one, and nobody verifies it.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Self { config: Arc::new(config), clients })
    }
}

impl TlsIdentity {
    /// Tells whether this is the same one, not only one that says the same.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.config, &other.config)
    }

    /// Returns the same, with which HTTP/1.1 alone is spoken.
    #[must_use]
    pub fn without_http2(mut self) -> Self {
        Arc::make_mut(&mut self.config).alpn_protocols = vec![HTTP_1_1.to_vec()];
        self
    }
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsIdentity")
    }
}

impl TlsVersion {
    fn and_newer(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::V1_2 => rustls::ALL_VERSIONS,
            Self::V1_3 => ONLY_1_3,
        }
    }
}

impl Tls {
    /// Returns TLS with a certificate.
    pub fn new(identity: TlsIdentity) -> Self {
        Self(Arc::new(RwLock::new(identity)))
    }

    /// Shows another certificate from the next connection on. Those that are there stay as they are.
    pub fn replace(&self, identity: TlsIdentity) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = identity;
    }

    pub(super) fn identity(&self) -> TlsIdentity {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Serves a connection once both sides have agreed on TLS, and on a version of HTTP. Without a word about that it is 1.1.
pub(super) async fn serve(
    stream: TcpStream,
    peer: Peer,
    tls: Tls,
    registry: Registry,
    watcher: Watcher,
    shared: Shared,
) {
    let patience = connection::prepare(&stream, &registry);
    let identity = tls.identity();
    let handshake = TlsAcceptor::from(Arc::clone(&identity.config)).accept(stream);
    let agreed = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await;
    // One that fails, or never ends, is the client's affair.
    let Ok(Ok(stream)) = agreed else { return };
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP_2);
    let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let end = OtherEnd { peer, handshake: Some(Handshake::new(tls, identity, shown)), patience };
    let transport = TokioIo::new(stream);
    if is_http2 {
        http2::answer(transport, end, registry, shared).await;
    } else {
        connection::answer(transport, None, end, registry, watcher).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConnection};

    use super::{TlsIdentity, TlsVersion};
    use crate::serve::{CertificateName, ClientTrust};

    const SERVER: &[u8] = include_bytes!("../../../testkit/certificates/server.pem");
    const SERVER_KEY: &[u8] = include_bytes!("../../../testkit/certificates/server.key");
    const AUTHORITY: &[u8] = include_bytes!("../../../testkit/certificates/authority.pem");
    const CLIENT: &[u8] = include_bytes!("../../tests/it/certificates/client.pem");
    const CLIENT_KEY: &[u8] = include_bytes!("../../tests/it/certificates/client.key");
    const CLIENTS: &[u8] = include_bytes!("../../tests/it/certificates/clients.pem");

    /// Returns a client that would take up a session again if it could.
    fn client(versions: TlsVersion) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(AUTHORITY).unwrap()).unwrap();
        let only = if versions == TlsVersion::V1_3 { &rustls::version::TLS13 } else { &rustls::version::TLS12 };
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
        let builder = builder.with_protocol_versions(&[only]).unwrap().with_root_certificates(roots);
        let chain = vec![CertificateDer::from_pem_slice(CLIENT).unwrap()];
        Arc::new(builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(CLIENT_KEY).unwrap()).unwrap())
    }

    /// Returns how a connection began, after all that both sides have to say.
    fn connect(client: &Arc<ClientConfig>, identity: &TlsIdentity) -> Option<HandshakeKind> {
        let mut client = ClientConnection::new(Arc::clone(client), "localhost".try_into().unwrap()).unwrap();
        let mut server = ServerConnection::new(Arc::clone(&identity.config)).unwrap();
        while client.wants_write() || server.wants_write() {
            let (mut there, mut back) = (Vec::new(), Vec::new());
            while client.wants_write() {
                client.write_tls(&mut there).unwrap();
            }
            server.read_tls(&mut there.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            while server.wants_write() {
                server.write_tls(&mut back).unwrap();
            }
            client.read_tls(&mut back.as_slice()).unwrap();
            client.process_new_packets().unwrap();
        }
        server.handshake_kind()
    }

    #[test]
    fn whoever_must_show_a_certificate_shows_it_on_each_connection() {
        let trust = ClientTrust::from_pem(CLIENTS, None, true, CertificateName::Uri).unwrap();
        let open = TlsIdentity::from_pem(SERVER, SERVER_KEY, TlsVersion::V1_2).unwrap();
        let trusting = TlsIdentity::with_clients(SERVER, SERVER_KEY, TlsVersion::V1_2, Some(trust)).unwrap();
        for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
            for (identity, again) in [(&open, HandshakeKind::Resumed), (&trusting, HandshakeKind::Full)] {
                let client = client(version);
                assert_eq!(connect(&client, identity), Some(HandshakeKind::Full), "{version:?}");
                assert_eq!(connect(&client, identity), Some(again), "{version:?}");
            }
        }
    }
}
