//! What registries want their users to be told (distribution-spec, "Warnings").

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use http::header::WARNING;
use oci::Host;

/// Most different texts that are kept, of all registries together.
const TEXTS_MAX: usize = 100;

/// Longest text that is kept, in characters.
const TEXT_MAX_CHARS: usize = 500;

/// What registries have said, each text once, and whether somebody has been told.
#[derive(Debug, Default)]
pub(crate) struct Notices(Mutex<BTreeMap<(Host, String), bool>>);

impl Notices {
    /// Takes note of what an answer says, with what must not be repeated hidden by `hide`.
    pub(crate) fn note(&self, host: &Host, headers: &HeaderMap, hide: impl Fn(&str) -> String) {
        if !headers.contains_key(WARNING) {
            return;
        }
        let mut known = self.known();
        for text in headers.get_all(WARNING).iter().filter_map(|value| value.to_str().ok()).filter_map(text) {
            if known.len() >= TEXTS_MAX {
                return;
            }
            known.entry((host.clone(), hide(&text))).or_insert(false);
        }
    }

    /// Returns who said what that nobody has been told yet.
    pub(crate) fn untold(&self) -> Vec<(Host, String)> {
        let mut known = self.known();
        let untold = known.iter_mut().filter(|(_, is_told)| !**is_told);
        let told = untold.map(|(said, is_told)| {
            *is_told = true;
            said.clone()
        });
        told.collect()
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<(Host, String), bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the text of `299 - "text"`, the one form that the specification has.
fn text(value: &str) -> Option<String> {
    let quoted = value.trim().strip_prefix("299 - ")?.trim().strip_prefix('"')?;
    let mut text = String::new();
    let mut characters = quoted.chars();
    while text.chars().count() < TEXT_MAX_CHARS {
        match characters.next()? {
            '"' => break,
            '\\' => text.push(characters.next()?),
            other => text.push(other),
        }
    }
    Some(text).filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_warning_the_text_is_read() {
        let cases = [
            (r#"299 - "Your token will expire.""#, Some("Your token will expire.")),
            (r#" 299 - "a \"b\" \\ c" "Tue, 15 Nov 1994""#, Some(r#"a "b" \ c"#)),
            (r#"199 - "other""#, None),
            (r#"299 agent "other""#, None),
            ("299 - unquoted", None),
            (r#"299 - "open"#, None),
            (r#"299 - "  ""#, None),
        ];
        for (value, is) in cases {
            assert_eq!(text(value).as_deref(), is, "{value}");
        }
        let long = format!("299 - \"{}\"", "x".repeat(10_000));
        assert_eq!(text(&long).unwrap().len(), TEXT_MAX_CHARS);
    }

    #[test]
    fn each_is_told_once() {
        let notices = Notices::default();
        let (one, other): (Host, Host) = ("a.example".parse().unwrap(), "b.example".parse().unwrap());
        let mut headers = HeaderMap::new();
        headers.append(WARNING, "299 - \"first\"".parse().unwrap());
        headers.append(WARNING, "299 - \"second\"".parse().unwrap());
        notices.note(&one, &headers, str::to_owned);
        notices.note(&one, &headers, str::to_owned);
        assert_eq!(notices.untold().len(), 2);
        notices.note(&one, &headers, str::to_owned);
        notices.note(&other, &headers, str::to_owned);
        assert_eq!(notices.untold().iter().map(|(host, _)| host.as_str()).collect::<Vec<_>>(), ["b.example"; 2]);
        for number in 0..1000 {
            headers.insert(WARNING, format!("299 - \"{number}\"").parse().unwrap());
            notices.note(&one, &headers, str::to_owned);
        }
        assert_eq!(notices.known().len(), TEXTS_MAX);
    }
}
