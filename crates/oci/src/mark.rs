//! Life cycle marks: what is said of an image after it was published (docs/formats/lifecycle.md).
//!
//! An image cannot carry them itself, because it cannot change. They are artifacts about it: ours with a body in JSON, and
//! those of the one vendor who publishes them today, who writes an annotation.

use serde::{Deserialize, Serialize};

use crate::date::{Date, DateError, Timestamp};
use crate::descriptor::Annotations;
use crate::limits::{MARK_MAX_BYTES, MARK_REASON_MAX_BYTES};
use crate::reference::{ReferenceError, RegistryReference};

/// Type of an artifact that marks an image.
pub const ARTIFACT_TYPE: &str = "application/vnd.supercargo.lifecycle.v1";

/// Type of the artifacts with which Microsoft says when an image reaches its end of life.
pub const MICROSOFT_ARTIFACT_TYPE: &str = "application/vnd.microsoft.artifact.lifecycle";

/// The annotation of those artifacts that holds the day.
pub const MICROSOFT_END_OF_LIFE: &str = "vnd.microsoft.artifact.lifecycle.end-of-life.date";

const SCHEMA: &str = "supercargo.lifecycle.v1";

/// What one mark says. It says something: a mark that says nothing cannot be read or written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// It was a mistake to publish the image: nothing new should take it, what is locked to it still may.
    pub yanked: bool,
    /// There is something better.
    pub deprecated: bool,
    /// The day from which on the image is not looked after.
    pub end_of_life: Option<Date>,
    /// What to use in its place.
    pub superseded_by: Option<RegistryReference>,
    /// Why, for people.
    pub reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    schema: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    yanked: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deprecated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_of_life: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    superseded_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Mark {
    /// Reads the body of an artifact of [`ARTIFACT_TYPE`]. Fields of later versions are left out.
    ///
    /// # Errors
    /// [`MarkError`] says what is wrong and with which value.
    pub fn parse(bytes: &[u8]) -> Result<Self, MarkError> {
        if bytes.len() > MARK_MAX_BYTES {
            return Err(MarkError::TooLarge { found: bytes.len() });
        }
        let document: Document = crate::json::object(bytes)?;
        if document.schema != SCHEMA {
            return Err(MarkError::Schema(document.schema.chars().take(80).collect()));
        }
        let mark = Self {
            yanked: document.yanked,
            deprecated: document.deprecated,
            end_of_life: document.end_of_life.map(|date| date.parse()).transpose()?,
            superseded_by: document.superseded_by.map(|reference| reference.parse()).transpose()?,
            reason: document.reason,
        };
        mark.check()?;
        Ok(mark)
    }

    /// Returns the body of the artifact that says this.
    ///
    /// # Errors
    /// [`MarkError::Empty`] and [`MarkError::LongReason`]: what is written can be read.
    pub fn to_json(&self) -> Result<Vec<u8>, MarkError> {
        self.check()?;
        Ok(serde_json::to_vec(&Document {
            schema: SCHEMA.to_owned(),
            yanked: self.yanked,
            deprecated: self.deprecated,
            end_of_life: self.end_of_life.map(|date| date.to_string()),
            superseded_by: self.superseded_by.as_ref().map(ToString::to_string),
            reason: self.reason.clone(),
        })?)
    }

    /// Reads the annotations of an artifact of [`MICROSOFT_ARTIFACT_TYPE`]. A time is read as its day in UTC.
    ///
    /// # Errors
    /// [`MarkError::Empty`] when it does not say when, [`MarkError::Date`] when that is not a date.
    pub fn from_microsoft(annotations: &Annotations) -> Result<Self, MarkError> {
        let text = annotations.get(MICROSOFT_END_OF_LIFE).ok_or(MarkError::Empty)?;
        let date =
            text.parse::<Date>().or_else(|error| text.parse::<Timestamp>().map(Timestamp::date).map_err(|_| error));
        Ok(Self { end_of_life: Some(date?), ..Self::default() })
    }

    fn check(&self) -> Result<(), MarkError> {
        if !self.yanked && !self.deprecated && self.end_of_life.is_none() && self.superseded_by.is_none() {
            return Err(MarkError::Empty);
        }
        match self.reason.as_ref().map(String::len) {
            Some(found) if found > MARK_REASON_MAX_BYTES => Err(MarkError::LongReason { found }),
            _ => Ok(()),
        }
    }
}

/// Why a mark cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MarkError {
    /// More bytes than are read into memory.
    #[error("life cycle mark has {found} bytes, the limit is {}", MARK_MAX_BYTES)]
    TooLarge {
        /// Its size in bytes.
        found: usize,
    },
    /// Not JSON of this shape.
    #[error("life cycle mark is not valid JSON of its type")]
    Json(#[from] serde_json::Error),
    /// A version that is not known here, or something else.
    #[error("life cycle mark has the schema `{}`, not `{}`", crate::text::printable(.0), SCHEMA)]
    Schema(String),
    /// A date that is none.
    #[error("end of life: {0}")]
    Date(#[from] DateError),
    /// A successor whose name cannot be read.
    #[error("superseded by: {0}")]
    Reference(#[from] ReferenceError),
    /// It says neither that the image is yanked or deprecated, nor when its life ends, nor what supersedes it.
    #[error("life cycle mark says nothing")]
    Empty,
    /// A reason that nobody will read.
    #[error("the reason has {found} bytes, the limit is {}", MARK_REASON_MAX_BYTES)]
    LongReason {
        /// Its length in bytes.
        found: usize,
    },
}
