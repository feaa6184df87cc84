//! What may be secret in a document that is told of.

use std::ops::Range;

/// What stands for what does not show.
const HIDDEN: &str = "***";

/// What is secret has one of these in its name.
const SECRET_NAMES: [&str; 7] = ["credential", "key", "pass", "pwd", "secret", "signature", "token"];

/// Longest number or word that is kept, in bytes.
const PLAIN_MAX_BYTES: usize = 12;

/// Returns a text without the value of the key that stands at `place`, in its line. Numbers and words such as `true` are kept, unless
/// the name of the key says that they are secret.
pub fn without_value(text: &str, place: &Range<usize>) -> String {
    let (Some(before), Some(rest)) = (text.get(..place.end), text.get(place.end..)) else { return HIDDEN.to_owned() };
    let end = rest.find('\n').unwrap_or(rest.len());
    let (line, after) = rest.split_at(end);
    let Some((between, value)) = line.split_once('=') else { return text.to_owned() };
    let is_plain =
        value.trim().bytes().all(|byte| byte.is_ascii_alphanumeric()) && value.trim().len() <= PLAIN_MAX_BYTES;
    let key = text.get(place.clone()).unwrap_or_default();
    if is_plain && !is_secret(key) {
        return text.to_owned();
    }
    format!("{before}{between}= {HIDDEN}{after}")
}

/// Tells whether a name says that something is secret.
pub fn is_secret(name: &str) -> bool {
    let small = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| small.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::without_value;

    #[test]
    fn the_value_of_a_key_does_not_show() {
        let without = |text: &str, key: &str| {
            let at = text.find(key).unwrap();
            without_value(text, &(at..at + key.len()))
        };
        let text = "a = 1\nb = \"abc\"\n[c]\npasscode = 2\nd = true";
        assert_eq!(without(text, "b"), "a = 1\nb = ***\n[c]\npasscode = 2\nd = true");
        assert_eq!(without(text, "passcode"), "a = 1\nb = \"abc\"\n[c]\npasscode = ***\nd = true");
        for kept in ["a", "c", "d"] {
            assert_eq!(without(text, kept), text, "{kept}");
        }
    }
}
