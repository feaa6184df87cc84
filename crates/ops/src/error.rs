//! What went wrong, and of which kind it is. The command line makes exit codes of the kinds.

use oci::ReferenceError;
use store::StoreError;
use transfer::TransferError;

/// An error that is told in several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What is wrong, in one line.
    pub message: String,
    /// The evidence, a line each: the place in a file, the reasons one after the other.
    pub lines: Vec<String>,
    /// What to do about it.
    pub help: Option<String>,
}

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpsError {
    /// A project's file, or its lock, cannot be understood.
    #[error("{}", .0.message)]
    Project(Told),
    /// What a server is told cannot be understood.
    #[error("{}", .0.message)]
    Configuration(Told),
    /// What a project wants contradicts itself or what there is.
    #[error("{}", .0.message)]
    Unsolved(Told),
    /// A lock is no answer to what its project asks.
    #[error("{}", .0.message)]
    Stale(Told),
    /// A registry would have to be asked, and none may be.
    #[error("{host} would have to be asked for {wanted}, and --offline forbids it")]
    Offline {
        /// The registry.
        host: String,
        /// What it would be asked for.
        wanted: String,
        /// What to do; where nothing is known, to ask it.
        help: Option<String>,
    },
    /// What has to be there already is not, or is not what it should be; nothing was changed.
    #[error("{}", .0.message)]
    Unsound(Told),
    /// What was asked for makes no sense.
    #[error("{message}")]
    Usage {
        /// What is wrong with it.
        message: String,
        /// What to do instead.
        help: Option<String>,
    },
    /// A reference that cannot be read.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// A name without a registry, of which `registries.conf` says something.
    #[error("`{}` does not say which registry it is in: {reason}", oci::text::printable(.name))]
    ShortName {
        /// What was given.
        name: String,
        /// What the file says, and why that is not done.
        reason: String,
        /// A full name that may be meant.
        instead: String,
    },
    /// Something that was asked for by name is not there.
    #[error("{location} has no {name}")]
    NotFound {
        /// The store.
        location: String,
        /// What was asked for.
        name: String,
    },
    /// Content that should be whole is not.
    #[error("{location}: {message}")]
    Integrity {
        /// The store.
        location: String,
        /// What is wrong.
        message: String,
    },
    /// A file operation failed.
    #[error("{action} {}", .path.display())]
    File {
        /// What was to be done, as in "cannot read".
        action: &'static str,
        /// The file.
        path: std::path::PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// What a registry keeps could not be opened.
    #[error("cannot serve {}", .root.display())]
    Storage {
        /// The directory.
        root: std::path::PathBuf,
        /// The cause.
        source: registry::StorageError,
    },
    /// The database or the bucket of a registry cannot be used.
    #[error("cannot use {place}")]
    Place {
        /// Its URL, without a password.
        place: String,
        /// The cause.
        source: registry::StorageError,
    },
    /// What a registry keeps cannot be looked at.
    #[error("cannot read what a registry keeps in {}", .root.display())]
    Inspect {
        /// The directory.
        root: std::path::PathBuf,
        /// Why.
        source: registry::StorageError,
    },
    /// A copy failed.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The kinds of failure that a caller tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// What was asked for makes no sense.
    Usage,
    /// The answer is no.
    No,
    /// There is no solution.
    Unsolved,
    /// A registry could not be reached, or failed after retries.
    Unreachable,
    /// Credentials are missing, wrong or not enough.
    Denied,
    /// The user, or whoever keeps the machine, does not want it.
    Forbidden,
    /// Content is not what it should be, or is gone.
    Integrity,
    /// What was asked for by name is not there.
    NotFound,
    /// The local file system failed.
    FileSystem,
    /// A bug.
    Internal,
}

impl OpsError {
    /// Returns an error about what was asked for.
    pub fn usage(message: impl Into<String>, help: impl Into<Option<String>>) -> Self {
        Self::Usage { message: message.into(), help: help.into() }
    }

    /// Returns the lines of evidence, for an error that has them.
    pub fn told(&self) -> Option<&Told> {
        match self {
            Self::Project(told)
            | Self::Configuration(told)
            | Self::Unsolved(told)
            | Self::Stale(told)
            | Self::Unsound(told) => Some(told),
            _ => None,
        }
    }

    /// Tells whether something is not there, or not what it was said to be.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self.kind(), ErrorKind::NotFound | ErrorKind::Integrity)
    }

    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Usage { .. }
            | Self::Reference(_)
            | Self::ShortName { .. }
            | Self::Project(_)
            | Self::Configuration(_)
            | Self::Listen { .. } => ErrorKind::Usage,
            Self::Unsolved(_) => ErrorKind::Unsolved,
            Self::Stale(_) => ErrorKind::No,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Integrity { .. } | Self::Unsound(_) => ErrorKind::Integrity,
            Self::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            Self::Offline { .. } | Self::Place { source: registry::StorageError::Unavailable(_), .. } => {
                ErrorKind::Unreachable
            }
            Self::Place { .. } => ErrorKind::Denied,
            Self::File { .. } | Self::Storage { .. } | Self::Inspect { .. } => ErrorKind::FileSystem,
            Self::Store(error) => store_kind(error),
            Self::Transfer(error) => transfer_kind(error),
        }
    }
}

/// Returns what an error says, with its causes behind it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |said, cause| format!("{said}: {cause}"))
}

fn transfer_kind(error: &TransferError) -> ErrorKind {
    match error {
        TransferError::NotFound { .. } | TransferError::NoPlatform { .. } => ErrorKind::NotFound,
        TransferError::Lost { .. }
        | TransferError::Withheld { .. }
        | TransferError::Unproven { .. }
        | TransferError::FallbackTaken { .. }
        | TransferError::Walk { .. }
        | TransferError::SharedBlob { .. } => ErrorKind::Integrity,
        TransferError::Store(error) => store_kind(error),
        _ => ErrorKind::Internal,
    }
}

fn store_kind(error: &StoreError) -> ErrorKind {
    match error {
        error if error.is_integrity() => ErrorKind::Integrity,
        // Registries with a policy answer 412 for what it forbids.
        StoreError::Blocked { .. } | StoreError::Refused { status: Some(412 | 451), .. } => ErrorKind::Forbidden,
        StoreError::Unreachable { .. } | StoreError::Protocol { .. } | StoreError::Refused { .. } => {
            ErrorKind::Unreachable
        }
        StoreError::Denied { .. } | StoreError::Credentials { .. } | StoreError::Proxy { .. } => ErrorKind::Denied,
        StoreError::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        StoreError::File { .. } => ErrorKind::FileSystem,
        StoreError::Format { .. } => ErrorKind::Integrity,
        StoreError::Unsupported { .. } => ErrorKind::Usage,
        _ => ErrorKind::Internal,
    }
}
