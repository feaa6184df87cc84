//! Patterns of one text.

use resolve::glob::{Glob, escaped};

fn matches(pattern: &str, text: &str) -> bool {
    Glob::parse(pattern).unwrap_or_else(|why| panic!("{pattern} {why}")).matches(text)
}

#[test]
fn all_of_a_text_matches_or_none() {
    for (pattern, text) in [
        ("", ""),
        ("*", ""),
        ("*", "a/.b"),
        ("1.*", "1.2"),
        ("a?[bc][!d][x-z]", "aabey"),
        ("*a*b*c", "xaybbzc"),
        ("?", "ü"),
    ] {
        assert!(matches(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in [("", "a"), ("?", ""), ("a", "ab"), ("a*b*c", "abcd"), ("[!a]", "a"), ("[*]", "x")] {
        assert!(!matches(pattern, text), "{pattern} {text}");
    }
}

#[test]
fn what_is_escaped_stands_for_itself() {
    for text in ["", "a/b.yaml", "we[i]rd/*?{x}", "-", "a]b", "back\\slash"] {
        let glob = Glob::parse(&escaped(text)).unwrap();
        assert_eq!(glob.literal().as_deref(), Some(text));
        assert!(glob.matches(text), "{text}");
    }
    assert_eq!(Glob::parse("a*").unwrap().literal(), None);
}

#[test]
fn many_stars_take_no_long_time() {
    assert!(!matches(&"*a".repeat(500), &("a".repeat(255) + "b")));
}
