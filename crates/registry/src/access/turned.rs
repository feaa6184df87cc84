//! What is known of somebody who was not let in, for the audit log.

use axum::response::Response;

use super::authority::Stranger;
use super::identity::Identity;
use super::policy::Why;
use crate::error::ApiError;

/// Somebody who was not let in.
pub(crate) struct Turned {
    /// What he is told.
    pub(crate) answer: Result<Response, ApiError>,
    /// Who he is; `None` where that could not be made sure.
    pub(crate) identity: Option<Identity>,
    /// As which user he wanted to come in, where that could not be made sure.
    pub(crate) claimed: Option<String>,
    /// Why he may not; `None` where nothing was denied: he was asked who he is, or to come again.
    pub(crate) why: Option<Why>,
}

impl From<ApiError> for Box<Turned> {
    fn from(error: ApiError) -> Self {
        Self::new(Turned { answer: Err(error), identity: None, claimed: None, why: None })
    }
}

impl Turned {
    /// Returns somebody of whom it could not be made sure who he is.
    pub(super) fn stranger(error: ApiError, stranger: Stranger, claimed: Option<String>) -> Box<Self> {
        let why = match stranger {
            Stranger::Unverified => Some(Why::Unverified),
            Stranger::Refused(refusal) => Some(Why::Assertion(refusal)),
            Stranger::Unidentified | Stranger::Busy | Stranger::Limited(_) => None,
        };
        Box::new(Self { answer: Err(error), identity: None, claimed, why })
    }

    /// Returns somebody who is known.
    pub(super) fn denied(error: ApiError, identity: &Identity, why: Option<Why>) -> Box<Self> {
        Box::new(Self { answer: Err(error), identity: Some(identity.clone()), claimed: None, why })
    }

    /// Returns somebody who is told so by an answer of another form.
    pub(super) fn answered(response: Response, why: Option<Why>) -> Box<Self> {
        Box::new(Self { answer: Ok(response), identity: None, claimed: None, why })
    }
}
