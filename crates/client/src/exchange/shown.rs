//! What a request has shown that nobody is to see: an answer may repeat it, and is quoted without it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use reqwest::Url;

use super::Request;
use crate::credentials::Secret;

/// What stands in the place of a secret.
const HIDDEN: &str = "***";

/// Shortest text that is hidden. A shorter one stands in every other sentence, and hiding it there would say what it is.
const HIDDEN_MIN_BYTES: usize = 4;

/// Shortest text by which an answer is known to repeat a request. A shorter one may stand in it by chance.
const REPEATED_MIN_BYTES: usize = 16;

/// Parameters that we add to URLs ourselves. All others are of those who gave us the URL, who may have signed it.
const OWN_PARAMETERS: [&str; 9] = ["artifactType", "digest", "from", "last", "mount", "n", "ns", "scope", "service"];

/// What a request has shown that nobody is to see.
#[derive(Clone, Default)]
pub(crate) struct Shown {
    headers: Vec<HeaderValue>,
    /// That of them which is a pass, whatever else is kept from being seen.
    pass: Option<HeaderValue>,
    body: Option<Secret>,
    query: Option<String>,
}

impl Shown {
    pub(crate) fn by(request: &Request) -> Self {
        let headers = request.headers.values().filter(|value| value.is_sensitive()).cloned().collect();
        let pass = request.headers.get(AUTHORIZATION).cloned();
        Self { headers, pass, body: request.secret.clone(), query: request.url.query().map(str::to_owned) }
    }

    /// Returns a text without what was shown, in any of its forms.
    pub(crate) fn hide(&self, text: &str) -> String {
        let mut secrets = self.credentials(self.headers.iter());
        let passwords: Vec<String> = secrets.iter().filter_map(|secret| password(secret)).collect();
        secrets.extend(passwords);
        secrets.extend(self.signatures());
        secrets.retain(|secret| secret.len() >= HIDDEN_MIN_BYTES);
        // One may be part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
    }

    /// Tells whether an answer repeats a credential as it was shown. Other headers that a file names may say what stands in any content.
    pub(crate) fn is_repeated_in(&self, answer: &[u8]) -> bool {
        let Ok(answer) = std::str::from_utf8(answer) else { return false };
        self.credentials(self.pass.iter())
            .iter()
            .any(|secret| secret.len() >= REPEATED_MIN_BYTES && answer.contains(secret.as_str()))
    }

    /// Returns what was shown in these headers and the body, without the words that say what kind it is of.
    fn credentials<'a>(&self, headers: impl Iterator<Item = &'a HeaderValue>) -> Vec<String> {
        let headers = headers.filter_map(|value| value.to_str().ok());
        let headers = headers.map(|value| value.split_once(' ').map_or(value, |(_, rest)| rest));
        headers.chain(self.body.as_ref().map(Secret::reveal)).map(str::to_owned).collect()
    }

    /// Returns the values of parameters that others have put into the URL, as they stand there and as they are meant.
    fn signatures(&self) -> Vec<String> {
        let Some(query) = &self.query else { return Vec::new() };
        let raw = query.split('&').filter_map(|pair| pair.split_once('='));
        let raw = raw.filter(|(name, _)| !OWN_PARAMETERS.contains(name)).map(|(_, value)| value.to_owned());
        let mut meant = Url::parse("http://query/").ok();
        if let Some(url) = &mut meant {
            url.set_query(Some(query));
        }
        let meant = meant.iter().flat_map(Url::query_pairs);
        let meant = meant.filter(|(name, _)| !OWN_PARAMETERS.contains(&&**name)).map(|(_, value)| value.into_owned());
        raw.chain(meant).collect()
    }
}

/// Returns what is secret in a pair of the basic scheme: the password, or the name where that stands for it.
fn password(pair: &str) -> Option<String> {
    let pair = String::from_utf8(STANDARD.decode(pair).ok()?).ok()?;
    let (user, password) = pair.split_once(':')?;
    Some(if matches!(password, "" | "x" | "x-oauth-basic") { user } else { password }.to_owned())
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shown")
    }
}

#[cfg(test)]
mod tests {
    use http::header::{AUTHORIZATION, LOCATION};
    use http::{HeaderMap, Method, StatusCode};

    use super::*;
    use crate::credentials::{Credential, sensitive};
    use crate::exchange::Answer;

    fn shown(url: &str, header: Option<HeaderValue>) -> Shown {
        let mut request = Request::new(Method::GET, Url::parse(url).unwrap());
        request.headers.extend(header.map(|header| (AUTHORIZATION, header)));
        Shown::by(&request)
    }

    fn basic(user: &str, password: &str) -> Option<HeaderValue> {
        let password = Secret::new(password.to_owned());
        Credential::Password { user: user.to_owned(), password }.basic()
    }

    #[test]
    fn passwords_and_tokens_are_hidden_in_every_form() {
        let pair = shown("http://h/", basic("ada", "geh/eim+"));
        assert_eq!(pair.hide("ada: geh/eim+, Basic YWRhOmdlaC9laW0r"), "ada: ***, Basic ***");
        let token = shown("http://h/", sensitive("Bearer abc.def".to_owned()));
        assert_eq!(token.hide("`Bearer abc.def` has ended"), "`Bearer ***` has ended");
        let name = shown("http://h/", basic("ghp_0123", "x-oauth-basic"));
        assert_eq!(name.hide("ghp_0123 is not known"), "*** is not known");
        let gate = shown("http://h/", sensitive("open-sesame".to_owned()));
        assert_eq!(gate.hide("what is open-sesame?"), "what is ***?");
        // It is in most words.
        assert_eq!(shown("http://h/", basic("ada", "a")).hide("a password"), "a password");
    }

    #[test]
    fn what_others_signed_is_hidden_and_what_we_asked_is_not() {
        let url = "http://h/o?X-Amz-Signature=ab%2Fcd&digest=sha256:0123&n=1000";
        assert_eq!(
            shown(url, None).hide("ab%2Fcd or ab/cd for sha256:0123 of 1000"),
            "*** or *** for sha256:0123 of 1000"
        );
    }

    #[test]
    fn an_answer_that_repeats_what_it_was_shown_is_known() {
        let token = shown("http://h/", sensitive("Bearer 0123456789abcdef".to_owned()));
        assert!(token.is_repeated_in(b"{\"tags\":[\"Bearer 0123456789abcdef\"]}"));
        assert!(!token.is_repeated_in(b"{\"tags\":[\"Bearer 0123456789abcde\"]}"));
        assert!(!shown("http://h/", sensitive("Bearer 1.0".to_owned())).is_repeated_in(b"{\"tags\":[\"1.0\"]}"));
    }

    #[test]
    fn nothing_of_an_exchange_is_printed() {
        let url = Url::parse("http://h/o?X-Amz-Signature=geheim").unwrap();
        let mut request = Request::new(Method::GET, url.clone());
        request.headers.extend(sensitive("Bearer geheim".to_owned()).map(|header| (AUTHORIZATION, header)));
        let location = HeaderValue::from_static("http://h/?X-Amz-Signature=geheim");
        let headers: HeaderMap = [(LOCATION, location)].into_iter().collect();
        let answer = Answer { shown: Shown::by(&request), ..Answer::without_body(StatusCode::OK, headers, url) };
        let printed = format!("{request:?} {answer:?} {:?}", answer.shown);
        assert!(printed.contains("/o") && printed.contains("200") && !printed.contains("geheim"), "{printed}");
    }
}
