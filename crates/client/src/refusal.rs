//! What an answer that is no success means.

use http::StatusCode;
use store::StoreError;

use crate::exchange::Answer;
use crate::syntax::complaint::{COMPLAINT_MAX_BYTES, Complaint};

/// Reads what an answer complains about. A body that cannot be read is an empty complaint.
pub(crate) async fn complaint(answer: Answer) -> Complaint {
    let shown = answer.shown.clone();
    match answer.read_any(COMPLAINT_MAX_BYTES).await {
        // Some repeat what they were shown.
        Ok(Some(body)) => Complaint::parse(&body).map(|text| shown.hide(text)),
        Ok(None) | Err(_) => Complaint::default(),
    }
}

/// Returns the error that an answer means.
pub(crate) async fn error(answer: Answer, location: &str, action: &str) -> StoreError {
    let status = answer.status;
    error_of(status, &complaint(answer).await, location, action)
}

/// Returns the error that a status and a complaint mean.
pub(crate) fn error_of(status: StatusCode, complaint: &Complaint, location: &str, action: &str) -> StoreError {
    let (location, action) = (location.to_owned(), action.to_owned());
    let answered = match status.canonical_reason() {
        Some(words) => format!("it answered {} {words}", status.as_u16()),
        None => format!("it answered {}", status.as_u16()),
    };
    let reason = match complaint.to_string() {
        text if text.is_empty() => answered,
        text => format!("{answered}: {text}"),
    };
    match status.as_u16() {
        401 | 403 => StoreError::Denied { location, action, reason },
        408 | 429 | 500..=599 => {
            StoreError::Unreachable { location, reason: format!("{reason} ({action})"), source: None }
        }
        300..=399 => StoreError::Protocol { location, action, reason: format!("{reason}, a redirect not followed") },
        200..=299 => StoreError::Protocol { location, action, reason: format!("{reason}, which means something else") },
        status => StoreError::Refused { location, action, reason, status: Some(status) },
    }
}

/// Returns the error of an answer that breaks the protocol.
pub(crate) fn protocol(location: &str, action: &str, reason: impl Into<String>) -> StoreError {
    StoreError::Protocol { location: location.to_owned(), action: action.to_owned(), reason: reason.into() }
}
