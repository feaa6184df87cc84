//! What every planted secret is made of, and where that is seen.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Every planted secret begins with this. It looks the same in a URL and in JSON.
pub(super) const MARK: &str = "Gehe1mPl4nt";

/// How much is shown on both sides of what was found.
const AROUND: usize = 100;

/// What is searched for: texts, and what base64 and hexadecimal digits make of them.
#[derive(Clone)]
pub(super) struct Needles(Vec<String>);

impl Default for Needles {
    fn default() -> Self {
        Self::of(&[MARK])
    }
}

impl Needles {
    pub(super) fn of(secrets: &[&str]) -> Self {
        let mut needles = Vec::new();
        for secret in secrets {
            needles.push((*secret).to_owned());
            needles.push(secret.bytes().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}")));
            needles.extend((0..3).map(|offset| inside_base64(secret, offset)));
        }
        Self(needles)
    }

    /// Returns what is around each place where a secret stands.
    pub(super) fn find(&self, bytes: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(bytes);
        let places = self.0.iter().flat_map(|needle| text.match_indices(needle.as_str()).map(|(at, _)| at));
        let around = |at: usize| {
            let start = (at.saturating_sub(AROUND)..=at).find(|at| text.is_char_boundary(*at)).unwrap_or(at);
            text[start..].chars().take(2 * AROUND).collect::<String>().escape_debug().to_string()
        };
        places.map(around).collect()
    }
}

/// Returns what base64 has of a text in every message where so many bytes modulo three come before it.
fn inside_base64(text: &str, offset: usize) -> String {
    let encoded = STANDARD.encode([vec![0; offset], text.as_bytes().to_vec()].concat());
    let first = (offset * 8).div_ceil(6);
    encoded[first..(offset + text.len()) * 8 / 6].to_owned()
}

/// Returns a secret of its own.
pub(super) fn secret(name: &str) -> String {
    format!("{MARK}.{name}")
}

/// Returns a user and a secret as the header of a request has them.
pub(super) fn pair(user: &str, secret: &str) -> String {
    STANDARD.encode(format!("{user}:{secret}"))
}

#[test]
fn a_secret_is_found_in_every_form() {
    let needles = Needles::default();
    for user in ["a", "ab", "abc"] {
        let found = needles.find(pair(user, &secret("x")).as_bytes());
        assert_eq!(found.len(), 1, "{user}");
    }
    assert_eq!(needles.find(format!("x?sig={}%2F", secret("x")).as_bytes()).len(), 1);
    assert_eq!(needles.find(b"476568653 47656865316d506c346e74").len(), 1);
    assert!(needles.find(b"Gehe1m Pl4nt").is_empty());
}
