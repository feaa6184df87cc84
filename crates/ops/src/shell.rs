//! Words as they are typed to a shell.

/// Quotes a word for a shell where it needs it.
pub fn quote(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "_-./:@%+=,~".contains(character);
    // A tilde at the beginning would be a home.
    if !word.is_empty() && !word.starts_with('~') && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_split_them() {
        assert_eq!(quote("h.example/a:1@sha256:0"), "h.example/a:1@sha256:0");
        assert_eq!(quote("two words"), "'two words'");
        assert_eq!(quote("it's"), "'it'\\''s'");
        assert_eq!(quote("~/a"), "'~/a'");
        assert_eq!(quote(""), "''");
    }
}
