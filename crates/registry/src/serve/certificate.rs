//! Certificates of clients: whom they are trusted from, and what is read out of them.

mod name;

use std::fmt;
use std::sync::Arc;

use oci::Digest;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::tls::{Tls, TlsIdentity};
use crate::access::ClientCertificate;

/// Most certificates of authorities.
const AUTHORITIES_MAX: usize = 256;
/// Most lists of revoked certificates.
const LISTS_MAX: usize = 256;

/// Which name of a certificate says who holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CertificateName {
    /// The URI among its alternative names, as SPIFFE has it.
    #[default]
    Uri,
    /// The DNS name among its alternative names.
    Dns,
    /// The common name of its subject.
    CommonName,
}

/// Which certificates of clients are trusted, and how they are read. It shows nothing of them.
#[derive(Clone)]
pub struct ClientTrust {
    verifier: Arc<dyn ClientCertVerifier>,
    name: CertificateName,
}

/// Why it cannot be said which certificates are trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientTrustError {
    /// The certificates of authorities cannot be read.
    #[error("there are not 1 to {AUTHORITIES_MAX} certificates (PEM) of authorities in it")]
    Authorities,
    /// The lists of revoked certificates cannot be read.
    #[error("there are not 1 to {LISTS_MAX} lists of revoked certificates (PEM) in it that can be read")]
    Lists,
}

impl ClientTrust {
    /// Reads the certificates of authorities (PEM), and lists of certificates that they have revoked (PEM), where there are such. With lists
    /// each authority of a chain needs one, and a certificate of which no list says anything is not trusted. Clients without a certificate are let in where none `is_required`.
    ///
    /// # Errors
    /// [`ClientTrustError`]
    pub fn from_pem(
        authorities: &[u8],
        revoked: Option<&[u8]>,
        is_required: bool,
        name: CertificateName,
    ) -> Result<Self, ClientTrustError> {
        let certificates = CertificateDer::pem_slice_iter(authorities).take(AUTHORITIES_MAX + 1);
        let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(|_| ClientTrustError::Authorities)?;
        if certificates.is_empty() || certificates.len() > AUTHORITIES_MAX {
            return Err(ClientTrustError::Authorities);
        }
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots.add(certificate).map_err(|_| ClientTrustError::Authorities)?;
        }
        let lists = revoked.map(lists).transpose()?.unwrap_or_default();
        let has_lists = !lists.is_empty();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).with_crls(lists);
        let builder = if is_required { builder } else { builder.allow_unauthenticated() };
        let wrong = if has_lists { ClientTrustError::Lists } else { ClientTrustError::Authorities };
        Ok(Self { verifier: builder.build().map_err(|_| wrong)?, name })
    }

    pub(super) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.verifier)
    }

    /// Returns what is known of a client that shows this chain, which may be none.
    fn known(&self, chain: &[CertificateDer<'_>]) -> Option<ClientCertificate> {
        let certificate = chain.first()?;
        Some(ClientCertificate::new(name::of(certificate, self.name), Digest::sha256(certificate)))
    }

    /// Tells whether a client that shows this chain, which may be none, would be let in now.
    fn lets_in(&self, chain: &[CertificateDer<'_>]) -> bool {
        match chain.split_first() {
            Some((certificate, above)) => self.verifier.verify_client_cert(certificate, above, UnixTime::now()).is_ok(),
            None => !self.verifier.client_auth_mandatory(),
        }
    }
}

impl fmt::Debug for ClientTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTrust").field("name", &self.name).finish_non_exhaustive()
    }
}

fn lists(pem: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, ClientTrustError> {
    let lists = CertificateRevocationListDer::pem_slice_iter(pem).take(LISTS_MAX + 1);
    let lists: Vec<_> = lists.collect::<Result<_, _>>().map_err(|_| ClientTrustError::Lists)?;
    if lists.is_empty() || lists.len() > LISTS_MAX { Err(ClientTrustError::Lists) } else { Ok(lists) }
}

/// What a connection began with.
pub(super) struct Handshake {
    tls: Tls,
    identity: TlsIdentity,
    chain: Vec<CertificateDer<'static>>,
    certificate: Option<ClientCertificate>,
}

impl Handshake {
    /// Returns what is known of a client that was let in by `identity` and has shown a chain, which may be none.
    pub(super) fn new(tls: Tls, identity: &TlsIdentity, chain: &[CertificateDer<'_>]) -> Self {
        let chain: Vec<_> = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
        let certificate = identity.clients.as_ref().and_then(|clients| clients.known(&chain));
        Self { tls, identity: identity.clone(), chain, certificate }
    }

    /// Returns what is known of the client now: connections outlive a reload, and what was revoked since does not count on them either.
    pub(super) fn certificate(&self) -> Option<ClientCertificate> {
        let now = self.tls.identity();
        if now.is(&self.identity) {
            return self.certificate.clone();
        }
        let clients = now.clients.as_ref()?;
        if clients.lets_in(&self.chain) { clients.known(&self.chain) } else { Some(ClientCertificate::untrusted()) }
    }
}
