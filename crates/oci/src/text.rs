//! Showing text from outside without letting it drive the terminal.

use std::borrow::Cow;

/// Returns `text` with control characters and bidirectional overrides escaped (`\u{1b}`), so that a name or an annotation
/// that came from a registry can be printed. Text without such characters is returned as it is.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unprintable(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn escapes_what_would_drive_a_terminal() {
        assert_eq!(printable("plain ütf"), "plain ütf");
        assert_eq!(printable("a\u{1b}[31mred"), "a\\u{1b}[31mred");
        assert_eq!(printable("line\nbreak\u{202e}"), "line\\u{a}break\\u{202e}");
    }
}
