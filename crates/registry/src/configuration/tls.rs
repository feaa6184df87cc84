//! The certificate, and whether passwords can be overheard.

use std::path::PathBuf;

use resolve::document::{DocumentError, Table};

use super::files::{self, ReadFile, shown};
use super::origin::{Origin, Said, Source};
use super::{Configuration, ConfigurationError};
use crate::serve::{CertificateName, ClientTrust, ClientTrustError, TlsError, TlsIdentity, TlsVersion};

/// Largest file of certificates or of a key, in bytes.
const PEM_MAX_BYTES: usize = 1 << 20;
/// Largest file of lists of revoked certificates, in bytes.
const LISTS_MAX_BYTES: usize = 16 << 20;
/// Says that a client need not show a certificate.
const OPTIONAL: &str = "optional";
/// Names of certificates, and the words for them.
const NAMES: [(&str, CertificateName); 3] =
    [("uri", CertificateName::Uri), ("dns", CertificateName::Dns), ("common-name", CertificateName::CommonName)];

/// TLS.
#[derive(Clone, Debug, Default)]
pub struct TlsFiles {
    pub(super) certificate: Option<Said<PathBuf>>,
    pub(super) key: Option<Said<PathBuf>>,
    pub(super) minimum: TlsVersion,
    pub(super) proxy: bool,
    pub(super) proxy_said: Option<Origin>,
    pub(super) client_ca: Option<Said<PathBuf>>,
    pub(super) client_crl: Option<Said<PathBuf>>,
    pub(super) client_optional: bool,
    pub(super) client_name: CertificateName,
}

impl TlsFiles {
    pub(super) fn apply(&mut self, table: &Table<'_>, source: &Source<'_>) -> Result<(), DocumentError> {
        source.path(table, "certificate", &mut self.certificate)?;
        source.path(table, "key", &mut self.key)?;
        if let Some(text) = table.text("minimum") {
            self.minimum = if text.text == "1.3" { TlsVersion::V1_3 } else { TlsVersion::V1_2 };
        }
        source.path(table, "client-ca", &mut self.client_ca)?;
        source.path(table, "client-crl", &mut self.client_crl)?;
        if let Some(text) = table.text("client-auth") {
            self.client_optional = text.text == OPTIONAL;
        }
        if let Some(text) = table.text("client-name") {
            let named = NAMES.into_iter().find(|(word, _)| *word == text.text);
            self.client_name = named.map(|(_, name)| name).unwrap_or_default();
        }
        if table.has("proxy") {
            self.proxy = table.flag("proxy");
            let place = table.key("proxy").unwrap_or_else(|| table.place.clone());
            self.proxy_said = Some(source.origin(place));
        }
        Ok(())
    }

    /// Checks what can be known without a look at files.
    pub(super) fn check(&self) -> Result<(), ConfigurationError> {
        match (&self.certificate, &self.key) {
            (Some(certificate), None) => {
                Err(certificate.origin.error_with_help("a certificate without its key", "key = \"server.key\""))
            }
            (None, Some(key)) => {
                Err(key.origin.error_with_help("a key without its certificate", "certificate = \"server.pem\""))
            }
            _ => Ok(()),
        }?;
        match (&self.certificate, &self.client_ca, &self.client_crl) {
            (None, Some(file), _) => {
                let help = "certificate = \"server.pem\"";
                Err(file.origin.error_with_help("clients show certificates under TLS alone, which is not spoken", help))
            }
            (_, None, Some(file)) => {
                let help = "client-ca = \"clients.pem\"";
                Err(file.origin.error_with_help("certificates are revoked here, and none are trusted", help))
            }
            _ => Ok(()),
        }
    }

    /// Returns where it is said that clients show certificates.
    pub(super) fn knows_clients(&self) -> Option<&Origin> {
        self.client_ca.as_ref().map(|file| &file.origin)
    }

    pub(super) const fn client_auth(&self) -> &'static str {
        if self.client_optional { OPTIONAL } else { "required" }
    }

    pub(super) fn client_name(&self) -> &'static str {
        NAMES.into_iter().find(|(_, name)| *name == self.client_name).map_or("", |(word, _)| word)
    }

    fn clients(&self, read: ReadFile<'_>) -> Result<Option<ClientTrust>, ConfigurationError> {
        let Some(authorities) = &self.client_ca else { return Ok(None) };
        let trusted = files::bytes(authorities, PEM_MAX_BYTES, read)?;
        let revoked = self.client_crl.as_ref().map(|file| files::bytes(file, LISTS_MAX_BYTES, read)).transpose()?;
        let trust = ClientTrust::from_pem(&trusted, revoked.as_deref(), !self.client_optional, self.client_name);
        trust.map(Some).map_err(|error| {
            let lists = self.client_crl.as_ref().filter(|_| error == ClientTrustError::Lists);
            let file = lists.unwrap_or(authorities);
            file.origin.error(format!("{}: {error}", shown(&file.value)))
        })
    }

    /// Returns where it is said that something is in front of the registry, if it is.
    pub(super) fn proxy_origin(&self) -> Option<&Origin> {
        self.proxy_said.as_ref().filter(|_| self.proxy)
    }

    pub(super) const fn minimum(&self) -> &'static str {
        match self.minimum {
            TlsVersion::V1_2 => "1.2",
            TlsVersion::V1_3 => "1.3",
        }
    }
}

impl Configuration {
    /// Returns the certificate and its key; `None` where the registry speaks plain HTTP.
    ///
    /// # Errors
    /// [`ConfigurationError`] when a file cannot be read, or what is in it cannot be used.
    pub fn tls_identity(&self, read: ReadFile<'_>) -> Result<Option<TlsIdentity>, ConfigurationError> {
        let (Some(certificate), Some(key)) = (&self.tls.certificate, &self.tls.key) else { return Ok(None) };
        let chain = files::bytes(certificate, PEM_MAX_BYTES, read)?;
        let secret = files::bytes(key, PEM_MAX_BYTES, read)?;
        let clients = self.tls.clients(read)?;
        let identity = TlsIdentity::with_clients(&chain, &secret, self.tls.minimum, clients);
        let is_http2 = self.options.http2.tls;
        identity.map(|identity| Some(if is_http2 { identity } else { identity.without_http2() })).map_err(|error| {
            let file = if matches!(error, TlsError::Key | TlsError::Mismatch) { key } else { certificate };
            file.origin.error(format!("{}: {error}", shown(&file.value)))
        })
    }

    /// Tells whether clients speak TLS, with the registry or with what is in front of it.
    pub const fn is_https(&self) -> bool {
        self.tls.certificate.is_some() || self.tls.proxy
    }

    /// Tells whether passwords or keys come over a network as they are.
    pub fn is_overheard(&self) -> bool {
        !self.is_https() && !self.is_private() && self.auth.knows_somebody().is_some()
    }
}
