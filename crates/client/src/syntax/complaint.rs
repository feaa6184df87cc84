//! `{"errors":[{"code":…,"message":…}]}`: what a registry says is wrong (distribution-spec, "Error Codes").

use oci::text::printable;
use serde::Deserialize;

/// Largest error body that is read, in bytes.
pub const COMPLAINT_MAX_BYTES: usize = 64 * 1024;

/// Most characters of a complaint that are shown.
const SHOWN_MAX_CHARACTERS: usize = 400;

/// Most errors of one answer that are looked at.
const ERRORS_MAX: usize = 16;

/// What a registry says is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaint {
    errors: Vec<Error>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Error {
    #[serde(default, deserialize_with = "text_or_nothing")]
    code: String,
    #[serde(default, deserialize_with = "text_or_nothing")]
    message: String,
}

/// Registries put null, numbers and objects where text belongs; an error must not be lost for that.
fn text_or_nothing<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().map(str::to_owned).unwrap_or_default())
}

impl Complaint {
    /// Reads an error body. A body of another form is an empty complaint.
    pub fn parse(body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Document {
            errors: Vec<Error>,
        }
        if body.len() > COMPLAINT_MAX_BYTES {
            return Self::default();
        }
        let mut errors = serde_json::from_slice::<Document>(body).map(|document| document.errors).unwrap_or_default();
        errors.truncate(ERRORS_MAX);
        Self { errors }
    }

    /// Returns the complaint with other texts in the place of these.
    #[must_use]
    pub fn map(mut self, change: impl Fn(&str) -> String) -> Self {
        for error in &mut self.errors {
            error.code = change(&error.code);
            error.message = change(&error.message);
        }
        self
    }

    /// Tells whether there is an error with this code, such as `DIGEST_INVALID`.
    pub fn has(&self, code: &str) -> bool {
        self.errors.iter().any(|error| error.code.eq_ignore_ascii_case(code))
    }

    /// Tells whether the body said nothing that could be read.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }
}

impl std::fmt::Display for Complaint {
    /// Codes and messages, made safe for a terminal and cut to a few lines.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let each = self.errors.iter().map(|error| match (error.code.as_str(), error.message.as_str()) {
            (code, "") => code.to_owned(),
            ("", message) => message.to_owned(),
            (code, message) => format!("{code}: {message}"),
        });
        let all: Vec<_> = each.filter(|text| !text.is_empty()).collect();
        let shown: String = all.join("; ").chars().take(SHOWN_MAX_CHARACTERS).collect();
        f.write_str(&printable(&shown))
    }
}

#[cfg(test)]
mod tests {
    use super::Complaint;

    #[test]
    fn reads_codes_and_messages() {
        let complaint =
            Complaint::parse(br#"{"errors":[{"code":"DIGEST_INVALID","message":"no\u001b[31m","detail":{}}]}"#);
        assert!(complaint.has("digest_invalid"));
        assert_eq!(complaint.to_string(), "DIGEST_INVALID: no\\u{1b}[31m");
    }

    #[test]
    fn survives_other_forms() {
        assert!(Complaint::parse(b"<html>").is_empty());
        assert!(Complaint::parse(br#"{"errors":null}"#).is_empty());
        assert_eq!(Complaint::parse(br#"{"errors":[{"code":7,"message":null},{"code":"A"}]}"#).to_string(), "A");
        let long = format!(r#"{{"errors":[{{"message":"{}"}}]}}"#, "x".repeat(5000));
        assert_eq!(Complaint::parse(long.as_bytes()).to_string().len(), 400);
    }
}
