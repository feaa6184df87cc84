//! The certificate, and whether passwords can be overheard.

use std::path::PathBuf;

use resolve::document::{DocumentError, Table};

use super::files::{self, ReadFile, shown};
use super::origin::{Said, Source};
use super::{Configuration, ConfigurationError};
use crate::serve::{TlsError, TlsIdentity, TlsVersion};

/// Largest file of certificates or of a key, in bytes.
const PEM_MAX_BYTES: usize = 1 << 20;

/// TLS.
#[derive(Clone, Debug, Default)]
pub struct TlsFiles {
    pub(super) certificate: Option<Said<PathBuf>>,
    pub(super) key: Option<Said<PathBuf>>,
    pub(super) minimum: TlsVersion,
    pub(super) proxy: bool,
}

impl TlsFiles {
    pub(super) fn apply(&mut self, table: &Table<'_>, source: &Source<'_>) -> Result<(), DocumentError> {
        source.path(table, "certificate", &mut self.certificate)?;
        source.path(table, "key", &mut self.key)?;
        if let Some(text) = table.text("minimum") {
            self.minimum = if text.text == "1.3" { TlsVersion::V1_3 } else { TlsVersion::V1_2 };
        }
        if table.has("proxy") {
            self.proxy = table.flag("proxy");
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
        }
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
        TlsIdentity::from_pem(&chain, &secret, self.tls.minimum).map(Some).map_err(|error| {
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
