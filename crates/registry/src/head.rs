//! The values of the headers that say what content is. They are made once for what is asked for often.

use axum::http::HeaderValue;
use axum::http::header::InvalidHeaderValue;
use oci::Digest;

/// What content is, as header values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContentHead {
    pub(crate) content_type: HeaderValue,
    pub(crate) digest: HeaderValue,
    pub(crate) entity_tag: HeaderValue,
}

impl ContentHead {
    /// Returns the head of a blob.
    ///
    /// # Errors
    /// None: a digest is printable.
    pub(crate) fn blob(digest: &Digest) -> Result<Self, InvalidHeaderValue> {
        Self::new(HeaderValue::from_static("application/octet-stream"), digest)
    }

    /// Returns the head of content of a type.
    ///
    /// # Errors
    /// When the type cannot be the value of a header.
    pub(crate) fn of_type(media_type: &str, digest: &Digest) -> Result<Self, InvalidHeaderValue> {
        Self::new(HeaderValue::try_from(media_type)?, digest)
    }

    fn new(content_type: HeaderValue, digest: &Digest) -> Result<Self, InvalidHeaderValue> {
        let (value, entity_tag) = (HeaderValue::try_from(digest.to_string())?, entity_tag(digest)?);
        Ok(Self { content_type, digest: value, entity_tag })
    }
}

/// Returns the entity tag of content: its digest, quoted.
pub(crate) fn entity_tag(digest: &Digest) -> Result<HeaderValue, InvalidHeaderValue> {
    HeaderValue::try_from(format!("\"{digest}\""))
}
