//! The certificate of a client, once TLS has found it right.

use oci::Digest;

/// What the TLS layer has found about who is at the other end of a connection. A request has it among its extensions.
///
/// Whoever serves a registry behind a TLS layer of his own puts it there himself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    name: Option<String>,
    fingerprint: Digest,
    is_trusted: bool,
}

impl ClientCertificate {
    /// Returns what is known of a certificate that was found right: what it is for, and what stands for it. `None` is for one that names nobody, or more
    /// than one; it lets nobody in.
    pub fn new(name: Option<String>, fingerprint: Digest) -> Self {
        let is_name = |name: &String| !name.is_empty() && !name.contains(char::is_control);
        Self { name: name.filter(is_name), fingerprint, is_trusted: true }
    }

    /// Returns what is known of a client that was let in once and would not be now.
    pub(crate) fn untrusted() -> Self {
        Self { name: None, fingerprint: Digest::sha256(b""), is_trusted: false }
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(super) const fn fingerprint(&self) -> &Digest {
        &self.fingerprint
    }

    pub(super) const fn is_trusted(&self) -> bool {
        self.is_trusted
    }
}
