//! Why a store did not do what it was asked.

use std::path::{Path, PathBuf};

use oci::{Digest, DigestError, ManifestError};

/// Why a store did not do what it was asked. That something is absent is not an error but a value ([`Option::None`]): a
/// caller can never take a failure for an absence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store could not be reached, or gave up answering.
    #[error("{location} could not be reached: {reason}")]
    Unreachable {
        /// The store.
        location: String,
        /// What happened, without secrets.
        reason: String,
        /// The cause.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The store refused for want of credentials or rights.
    #[error("{location} denied {action}: {reason}")]
    Denied {
        /// The store.
        location: String,
        /// What was to be done.
        action: String,
        /// What the store said.
        reason: String,
    },
    /// It is not known what to show a registry: a file or a program that should have credentials for it cannot be used.
    #[error("nobody knows which credentials there are for {location}: {reason}")]
    Credentials {
        /// The registry, or a prefix of repositories in it.
        location: String,
        /// What could not be used, and why, without secrets.
        reason: String,
    },
    /// A file of the user's, or of the system's, forbids to ask a registry.
    #[error("{location} may not be asked: {} forbids it", .file.display())]
    Blocked {
        /// The store.
        location: String,
        /// The file.
        file: PathBuf,
    },
    /// The proxy through which a store is reached lets nobody through whom it does not know.
    #[error("{location} is reached through a proxy that does not let this user through: {proxy}, as {variable} says")]
    Proxy {
        /// The store.
        location: String,
        /// The URL of the proxy, without user name and password.
        proxy: String,
        /// The variable that names it.
        variable: &'static str,
    },
    /// The store refused the content or the request for another reason.
    #[error("{location} refused {action}: {reason}")]
    Refused {
        /// The store.
        location: String,
        /// What was to be done.
        action: String,
        /// What the store said.
        reason: String,
        /// The HTTP status, where there was one.
        status: Option<u16>,
    },
    /// The store answered in a way the protocol or the format does not allow.
    #[error("{location} gave an answer that breaks the protocol to {action}: {reason}")]
    Protocol {
        /// The store.
        location: String,
        /// What was to be done.
        action: String,
        /// What was wrong with the answer.
        reason: String,
    },
    /// Content that is not what its digest says.
    #[error("{location}: {source}")]
    Digest {
        /// The store the content came from, or that refused it.
        location: String,
        /// Both digests.
        source: DigestError,
    },
    /// Content that does not have the size its descriptor says.
    #[error("{location}: {digest} has {found} bytes, its descriptor says {expected}")]
    Size {
        /// The store the content came from.
        location: String,
        /// The content.
        digest: Digest,
        /// The size in the descriptor.
        expected: u64,
        /// The size found; when a stream was cut off, the bytes that came.
        found: u64,
    },
    /// Bytes that are not a manifest.
    #[error("{location}: {name} is not a manifest that can be kept")]
    Manifest {
        /// The store the bytes came from.
        location: String,
        /// The tag or digest asked for.
        name: String,
        /// What is wrong with them.
        source: ManifestError,
    },
    /// Something that must be there is not: a node that a parent or a list of referrers names.
    #[error("{location} lacks {what}")]
    Missing {
        /// The store.
        location: String,
        /// What is missing.
        what: String,
    },
    /// A file operation failed.
    #[error("{action} {}", .path.display())]
    File {
        /// What was to be done, as in "cannot write".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file is not of the format it should be.
    #[error("{} {reason}", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, as in "is not an OCI layout".
        reason: String,
    },
    /// This kind of store cannot do that at all.
    #[error("{location} cannot {action}")]
    Unsupported {
        /// The store.
        location: String,
        /// What it cannot do.
        action: &'static str,
    },
}

impl StoreError {
    /// Returns what makes an I/O error say which file it is about and what was to be done with it.
    pub fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }

    /// Returns the error of a file that is not of its format.
    pub(crate) fn format(path: &Path, reason: impl Into<String>) -> Self {
        Self::Format { path: path.to_owned(), reason: reason.into() }
    }

    /// Tells whether the content, not the way to it, is at fault: bytes that are not what names them, or that are gone.
    pub const fn is_integrity(&self) -> bool {
        matches!(self, Self::Digest { .. } | Self::Size { .. } | Self::Manifest { .. } | Self::Missing { .. })
    }
}
