//! Why a request brought no answer.

use std::time::Duration;

use store::StoreError;
use store::pace::TooSlow;

/// The cause of a failure.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a request brought no answer, or not the whole of one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// No connection could be made.
    #[error("no connection could be made")]
    Connect(#[source] Cause),
    /// The connection was made, but the other side cannot show who it is.
    #[error("the TLS connection was refused")]
    Tls(#[source] Cause),
    /// The connection ended before the answer did.
    #[error("the connection broke")]
    Broken(#[source] Cause),
    /// Nothing moved for too long.
    #[error("nothing moved for {} seconds", .0.as_secs_f32())]
    Stalled(Duration),
    /// Next to nothing moved for too long.
    #[error("{0}")]
    Slow(TooSlow),
    /// The proxy wants to know who asks, or does not let them through.
    #[error("the proxy {proxy} does not let this user through")]
    Proxy {
        /// Its URL, without user name and password.
        proxy: String,
        /// The variable that names it.
        variable: &'static str,
    },
    /// The answer is not what the protocol allows.
    #[error("{0}")]
    Protocol(String),
    /// The content to be sent ended after this many bytes, before the length that had been announced.
    #[error("the content ended after {0} bytes")]
    Short(u64),
    /// The content to be sent could not be had, or is not what it should be.
    #[error(transparent)]
    Content(StoreError),
}

impl Failure {
    /// Tells whether another try may go better.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Broken(_) | Self::Stalled(_) | Self::Slow(_))
    }

    /// A connection that was closed where more was to come.
    pub(crate) fn ended_early() -> Self {
        Self::Broken(Box::new(std::io::Error::from(std::io::ErrorKind::UnexpectedEof)))
    }

    /// Returns the error of a store at `location` that was to do `action`.
    pub(crate) fn into_store_error(self, location: &str, action: &str) -> StoreError {
        match self {
            Self::Content(error) => error,
            Self::Proxy { proxy, variable } => StoreError::Proxy { location: location.to_owned(), proxy, variable },
            Self::Protocol(reason) => {
                StoreError::Protocol { location: location.to_owned(), action: action.to_owned(), reason }
            }
            failure => {
                let reason = format!("{failure} ({action})");
                let source = match failure {
                    Self::Connect(cause) | Self::Tls(cause) | Self::Broken(cause) => Some(cause),
                    _ => None,
                };
                StoreError::Unreachable { location: location.to_owned(), reason, source }
            }
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Content(error)
    }
}

/// A source that gives more than the `length` bytes it had announced.
pub(crate) fn too_long(length: u64) -> Failure {
    Failure::Content(StoreError::Unreachable {
        location: "the source of the content".to_owned(),
        reason: format!("it gave more than the {length} bytes it had announced"),
        source: None,
    })
}
