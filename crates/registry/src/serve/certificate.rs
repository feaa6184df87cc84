//! Certificates of clients: whom they are trusted from, and what is read out of them.

mod name;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

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
/// How long what was found of a certificate counts on its connection, in seconds.
const LOOK_SECONDS: u64 = 60;

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
    /// each authority of a chain needs one, and a certificate of which no list says anything, or only one that has ended, is not trusted. Clients without a certificate are let in where none `is_required`.
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
        // Whoever keeps new lists from coming does not keep what was revoked alive.
        let builder = builder.enforce_revocation_expiration();
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

    /// Returns what is known of a client that shows this chain, which may be none, as far as it would be let in at a time.
    fn known_at(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Option<ClientCertificate> {
        let is_let_in = match chain.split_first() {
            Some((certificate, above)) => self.verifier.verify_client_cert(certificate, above, now).is_ok(),
            None => !self.verifier.client_auth_mandatory(),
        };
        if is_let_in { self.known(chain) } else { Some(ClientCertificate::untrusted()) }
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

/// What a connection began with, and what is known of its client since.
pub(super) struct Handshake {
    tls: Tls,
    chain: Vec<CertificateDer<'static>>,
    last: Mutex<Look>,
}

/// What was found when the chain of a client was looked at.
struct Look {
    /// By what it was looked at.
    identity: TlsIdentity,
    /// When, in seconds since 1970.
    at: u64,
    certificate: Option<ClientCertificate>,
}

impl Handshake {
    /// Returns what is known of a client that was let in by `identity` and has shown a chain, which may be none.
    pub(super) fn new(tls: Tls, identity: TlsIdentity, chain: &[CertificateDer<'_>]) -> Self {
        let chain: Vec<_> = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
        let certificate = identity.clients.as_ref().and_then(|clients| clients.known(&chain));
        let last = Mutex::new(Look { identity, at: UnixTime::now().as_secs(), certificate });
        Self { tls, chain, last }
    }

    /// Returns what is known of the client now: connections outlive a reload and certificates, and what was revoked or has ended since does not
    /// count on them either.
    pub(super) fn certificate(&self) -> Option<ClientCertificate> {
        self.certificate_at(UnixTime::now())
    }

    fn certificate_at(&self, now: UnixTime) -> Option<ClientCertificate> {
        let identity = self.tls.identity();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let age = now.as_secs().checked_sub(last.at);
        // A clock that was put back makes no look newer.
        let is_fresh = age.is_some_and(|age| age < LOOK_SECONDS);
        if !is_fresh || !identity.is(&last.identity) {
            let certificate = identity.clients.as_ref().and_then(|clients| clients.known_at(&self.chain, now));
            *last = Look { identity, at: now.as_secs(), certificate };
        }
        last.certificate.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use oci::Digest;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, UnixTime};

    use super::{CertificateName, ClientTrust, Handshake, LOOK_SECONDS};
    use crate::access::ClientCertificate;
    use crate::serve::tls::{Tls, TlsIdentity, TlsVersion};

    const CLIENT: &[u8] = include_bytes!("../../tests/it/certificates/client.pem");
    const AUTHORITY: &[u8] = include_bytes!("../../tests/it/certificates/clients.pem");
    const SERVER: &[u8] = include_bytes!("../../../testkit/certificates/server.pem");
    const KEY: &[u8] = include_bytes!("../../../testkit/certificates/server.key");

    fn identity() -> TlsIdentity {
        let trust = ClientTrust::from_pem(AUTHORITY, None, true, CertificateName::CommonName).unwrap();
        TlsIdentity::with_clients(SERVER, KEY, TlsVersion::V1_2, Some(trust)).unwrap()
    }

    #[test]
    fn a_certificate_that_has_ended_does_not_go_on_with_its_connection() {
        let chain = [CertificateDer::from_pem_slice(CLIENT).unwrap()];
        let tls = Tls::new(identity());
        let handshake = Handshake::new(tls.clone(), tls.identity(), &chain);
        let began = handshake.last.lock().unwrap().at;
        let at = |seconds| handshake.certificate_at(UnixTime::since_unix_epoch(Duration::from_secs(seconds)));
        let looked = || handshake.last.lock().unwrap().at;
        let trusted = ClientCertificate::new(Some("client".to_owned()), Digest::sha256(&chain[0]));
        assert_eq!(at(began), Some(trusted.clone()));
        at(began + LOOK_SECONDS - 1);
        assert_eq!(looked(), began, "what was found is remembered");
        let over = began + (1 << 33);
        assert_eq!(at(over), Some(ClientCertificate::untrusted()));
        assert_eq!(at(over + 1), Some(ClientCertificate::untrusted()));
        assert_eq!(looked(), over);
        assert_eq!(at(began), Some(trusted), "a clock that was put back is looked at anew");
        tls.replace(identity());
        at(began + 1);
        assert_eq!(looked(), began + 1, "another identity asks again");
    }
}
