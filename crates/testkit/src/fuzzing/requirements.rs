//! Requirements on versions, and templates of tags.

use std::collections::{BTreeMap, BTreeSet};

use oci::Tag;
use resolve::{Requirement, Scheme, Template, Value};

use super::assert_printable;

/// Reads a scheme, a requirement, a value, a template and a tag, with zero bytes between them.
pub fn requirement(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut pieces = text.split('\0');
    let mut piece = || pieces.next().unwrap_or_default();
    let (scheme, requirement, value, template, tag) = (piece(), piece(), piece(), piece(), piece());
    let scheme = match scheme.parse::<Scheme>() {
        Ok(scheme) => {
            assert_eq!(scheme.to_string().parse::<Scheme>().as_ref(), Ok(&scheme));
            scheme
        }
        Err(error) => {
            assert_printable(&error);
            Scheme::guess(value)
        }
    };
    let value = scheme.read(value);
    check_requirement(requirement, &scheme, value.as_ref());
    if let Some(value) = &value {
        check_value(value, &scheme);
    }
    check_template(template, tag, &scheme);
}

fn check_requirement(text: &str, scheme: &Scheme, value: Option<&Value>) {
    match Requirement::parse(text, scheme) {
        Ok(requirement) => {
            assert_eq!(Requirement::parse(requirement.text(), scheme).as_ref(), Ok(&requirement), "{text:?}");
            if let Some(value) = value {
                requirement.matches(value);
                requirement.names_prereleases_of(value);
            }
        }
        Err(error) => {
            assert_printable(&error);
            assert_inside(text, error.start, error.length);
        }
    }
}

/// A value is read again as it is shown, and meets the requirements that are made of it.
fn check_value(value: &Value, scheme: &Scheme) {
    assert_eq!(scheme.read(value.text()).as_ref(), Some(value), "{value:?}");
    assert!(Requirement::any().matches(value));
    assert!(Requirement::exactly(value).matches(value), "{value:?}");
    // A `,` in a word would end it, and what is around it is cut off.
    let ends_a_word = |letter: char| matches!(letter, ',' | '|' | '*') || letter.is_whitespace();
    if value.text().parse::<Tag>().is_err() && value.text().contains(ends_a_word) {
        return;
    }
    for (operator, is_met) in [("=", true), (">=", true), ("<=", true), (">", false), ("<", false)] {
        // `1.x` is any that begins with 1, though there may be a value that is written like that.
        if value.text().strip_suffix("x").is_some_and(|text| text.ends_with('.')) {
            continue;
        }
        if let Ok(requirement) = Requirement::parse(&format!("{operator}{value}"), scheme) {
            assert_eq!(requirement.matches(value), is_met, "{requirement} of {value:?}");
        }
    }
}

fn check_template(text: &str, tag: &str, scheme: &Scheme) {
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(error) => {
            assert_printable(&error);
            return assert_inside(text, error.start, error.length);
        }
    };
    assert_eq!(template.to_string(), text);
    // A tag has no more.
    if tag.len() > 128 {
        return;
    }
    template.read(tag, |_| scheme.clone());
    // Words are shown as they stand in the tag, so they and what stands between them make the tag again.
    let words = template.read(tag, |_| Scheme::Opaque);
    if let Some(values) = &words {
        assert_eq!(values.len(), template.axes().count());
        assert!(makes(text, values, tag), "{text} with {values:?} is not {tag}");
    }
    // Every scheme reads less than any word.
    if template.read(tag, |_| scheme.clone()).is_some() {
        assert!(words.is_some(), "{text} reads {tag} as {scheme} only");
    }
}

/// Tells whether a template makes a tag of values.
fn makes(template: &str, values: &BTreeMap<String, Value>, tag: &str) -> bool {
    // How much of the tag may be made so far: there are several answers after something that may be there or not.
    let mut ends = BTreeSet::from([0]);
    let mut rest = template;
    while !rest.is_empty() {
        let (literals, after): (Vec<&str>, &str) = match rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some(("v?", after)) => (vec!["", "v"], after),
            Some((axis, after)) => (vec![values[axis].text()], after),
            None => {
                let (literal, after) = rest.split_at(rest.find('{').unwrap_or(rest.len()));
                (vec![literal], after)
            }
        };
        let made =
            |end: usize| literals.iter().filter(move |it| tag[end..].starts_with(**it)).map(move |it| end + it.len());
        ends = ends.into_iter().flat_map(made).collect();
        rest = after;
    }
    ends.contains(&tag.len())
}

/// A place in a text lies inside, and cuts no character in two.
fn assert_inside(text: &str, start: usize, length: usize) {
    assert!(text.get(start..start + length).is_some(), "{start} and {length} more is no part of {text:?}");
}
