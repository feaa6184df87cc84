//! The header `tracestate` (W3C Recommendation "Trace Context"): what systems of tracing tell each other, which this one hands on.

use std::sync::Arc;

use axum::http::HeaderMap;

/// The name of the header.
const TRACESTATE: &str = "tracestate";
/// Most bytes that are handed on, of all headers together.
const STATE_MAX_BYTES: usize = 512;
/// Most entries.
const ENTRIES_MAX: usize = 32;
/// Most characters of a name, of its parts where it has two, and of a value.
const NAME_MAX: usize = 256;
const TENANT_MAX: usize = 241;
const SYSTEM_MAX: usize = 14;
const VALUE_MAX: usize = 256;

/// Returns what the headers say together. What is not valid counts as nothing.
pub(super) fn of(headers: &HeaderMap) -> Option<Arc<str>> {
    let mut all = String::new();
    for header in headers.get_all(TRACESTATE) {
        let text = header.to_str().ok()?;
        if all.len() + text.len() >= STATE_MAX_BYTES {
            return None;
        }
        if !all.is_empty() {
            all.push(',');
        }
        all.push_str(text);
    }
    let mut names: Vec<&str> = Vec::new();
    let mut state = String::with_capacity(all.len());
    for entry in all.split(',').map(|entry| entry.trim_matches([' ', '\t'])).filter(|entry| !entry.is_empty()) {
        let (name, value) = entry.split_once('=')?;
        if !is_name(name) || !is_value(value) || names.contains(&name) || names.len() >= ENTRIES_MAX {
            return None;
        }
        names.push(name);
        if !state.is_empty() {
            state.push(',');
        }
        state.push_str(entry);
    }
    (!state.is_empty()).then(|| state.into())
}

fn is_name(name: &str) -> bool {
    let is_part = |part: &str, most: usize, may_begin_with_digit: bool| {
        let first = part.bytes().next();
        part.len() <= most
            && first.is_some_and(|byte| byte.is_ascii_lowercase() || (may_begin_with_digit && byte.is_ascii_digit()))
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/".contains(&byte))
    };
    match name.split_once('@') {
        None => is_part(name, NAME_MAX, false),
        Some((tenant, system)) => is_part(tenant, TENANT_MAX, true) && is_part(system, SYSTEM_MAX, false),
    }
}

fn is_value(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= VALUE_MAX
        && !value.ends_with(' ')
        && value.bytes().all(|byte| (0x20..=0x7e).contains(&byte) && byte != b',' && byte != b'=')
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn parse(texts: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for text in texts {
            headers.append(TRACESTATE, HeaderValue::from_str(text).unwrap());
        }
        of(&headers).map(|state| state.to_string())
    }

    #[test]
    fn what_is_valid_is_handed_on_and_all_else_is_nothing() {
        assert_eq!(
            parse(&["rojo=00f067aa0ba902b7, congo=t61 rcWkg ,"]).unwrap(),
            "rojo=00f067aa0ba902b7,congo=t61 rcWkg"
        );
        assert_eq!(parse(&["a=1", "7tenant@system=2"]).unwrap(), "a=1,7tenant@system=2");
        let many: Vec<_> = (0..33).map(|number| format!("k{number}=1")).collect();
        assert!(parse(&[&many[..32].join(",")]).is_some());
        let long = format!("a={}", "x".repeat(VALUE_MAX + 1));
        for wrong in ["", " ", "a", "=1", "a=", "A=1", "1a=1", "a=1,a=2", "a=b=c", "a@1b=1", "a@b@c=1", "a\t=1", &long]
        {
            assert_eq!(parse(&[wrong]), None, "{wrong}");
        }
        assert_eq!(parse(&[&many.join(",")]), None);
        assert_eq!(parse(&["a=1", &format!("b={}", "x".repeat(250)), &format!("c={}", "x".repeat(256))]), None);
    }
}
