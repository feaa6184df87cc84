//! What a request says about who sends it.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::secret::Secret;

/// Longest value of the header that is looked at, in bytes.
const HEADER_MAX_BYTES: usize = 64 * 1024;

/// The credentials of a request.
#[derive(Debug)]
pub(super) enum Authorization {
    /// None. Some clients say that with an empty name and an empty password.
    None,
    Basic {
        user: String,
        password: Secret,
    },
    Bearer(Secret),
    /// Something that nobody can be known by, or more than one.
    Malformed,
}

impl Authorization {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        match (values.next(), values.next()) {
            (None, _) => Self::None,
            (Some(value), None) => value.to_str().ok().and_then(Self::parse).unwrap_or(Self::Malformed),
            // Which of them counts, another program might see otherwise.
            (Some(_), Some(_)) => Self::Malformed,
        }
    }

    fn parse(value: &str) -> Option<Self> {
        let (scheme, rest) = value.split_once(' ').filter(|_| value.len() <= HEADER_MAX_BYTES)?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("Bearer") {
            return (!rest.is_empty()).then(|| Self::Bearer(Secret::new(rest)));
        }
        if !scheme.eq_ignore_ascii_case("Basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        if user.is_empty() && password.is_empty() {
            return Some(Self::None);
        }
        Some(Self::Basic { user: user.to_owned(), password: Secret::new(password) })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::Authorization;

    fn read(values: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("authorization", value.parse().unwrap());
        }
        match Authorization::of(&headers) {
            Authorization::None => "none".to_owned(),
            Authorization::Basic { user, password } => format!("{user} / {}", password.reveal()),
            Authorization::Bearer(token) => format!("bearer {}", token.reveal()),
            Authorization::Malformed => "malformed".to_owned(),
        }
    }

    #[test]
    fn reads_the_header_of_every_scheme() {
        for (values, expected) in [
            (&[][..], "none"),
            (&["Basic YWRhOnM6dA=="], "ada / s:t"),
            (&["bASIC  YWRhOg=="], "ada / "),
            (&["Basic Og=="], "none"),
            (&["Bearer a.b"], "bearer a.b"),
            (&["Basic"], "malformed"),
            (&["Basic !"], "malformed"),
            (&["Basic YWRh"], "malformed"),
            (&["Basic /////w=="], "malformed"),
            (&["Bearer  "], "malformed"),
            (&["Digest x"], "malformed"),
            (&[""], "malformed"),
            (&["Bearer a", "Bearer a"], "malformed"),
        ] {
            assert_eq!(read(values), expected, "{values:?}");
        }
    }
}
