//! What proxies write of those for whom they ask, from the last one to the first.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::header::FORWARDED;
use axum::http::{HeaderMap, HeaderName};

use super::ForwardHeader;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What one proxy says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hop {
    /// For whom it asks; `None` where that is no address, or cannot be read.
    pub(super) of: Option<IpAddr>,
    /// Whether that one came to it by HTTPS.
    pub(super) scheme: Option<bool>,
}

/// Returns what proxies say, the last one first. A proxy adds to the end, so what clients write themselves comes late.
pub(super) fn hops(header: ForwardHeader, headers: &HeaderMap) -> impl Iterator<Item = Hop> {
    let (name, scheme) = match header {
        ForwardHeader::Forwarded => (FORWARDED, None),
        ForwardHeader::XForwardedFor => (X_FORWARDED_FOR, only_scheme(headers)),
    };
    let lines = headers.get_all(name).iter().rev();
    lines.flat_map(|value| elements(value.as_bytes())).map(move |element| match header {
        ForwardHeader::Forwarded => forwarded(element).unwrap_or_default(),
        ForwardHeader::XForwardedFor => Hop { of: node(element), scheme },
    })
}

/// Returns the scheme if one header says one.
fn only_scheme(headers: &HeaderMap) -> Option<bool> {
    let mut values = headers.get_all(X_FORWARDED_PROTO).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    is_https(value.to_str().ok()?.trim())
}

fn is_https(scheme: &str) -> Option<bool> {
    if scheme.eq_ignore_ascii_case("https") {
        return Some(true);
    }
    scheme.eq_ignore_ascii_case("http").then_some(false)
}

/// Returns what stands between commas, the last first. Quotes are paired from the end, so that one which a client leaves open hides nothing
/// that stands behind it. One that is no text names nobody, and hides nothing either.
fn elements(line: &[u8]) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let mut is_quoted = false;
        let comma = bytes.iter().rposition(|byte| {
            is_quoted ^= *byte == b'"';
            *byte == b',' && !is_quoted
        });
        let (before, element) = match comma {
            // The comma is in it.
            Some(at) => (Some(&bytes[..at]), &bytes[at + 1..]),
            None => (None, bytes),
        };
        rest = before;
        Some(std::str::from_utf8(element).map_or("?", str::trim))
    })
    .filter(|element| !element.is_empty())
}

/// Reads an element of `Forwarded` (RFC 7239 section 4). `None` where it says something twice or is not of its form; also where something in
/// it is escaped, which addresses never need.
fn forwarded(element: &str) -> Option<Hop> {
    let (mut of, mut scheme) = (None, None);
    for pair in pairs(element)? {
        let (name, value) = pair.split_once('=')?;
        let value = unquoted(value.trim())?;
        let slot = match name.trim() {
            name if name.eq_ignore_ascii_case("for") => &mut of,
            name if name.eq_ignore_ascii_case("proto") => &mut scheme,
            _ => continue,
        };
        if slot.replace(value).is_some() {
            return None;
        }
    }
    Some(Hop { of: of.and_then(node), scheme: scheme.and_then(is_https) })
}

/// Returns what stands between semicolons, outside of quotes.
fn pairs(element: &str) -> Option<impl Iterator<Item = &str>> {
    let quotes = element.bytes().filter(|byte| *byte == b'"').count();
    if element.contains('\\') || quotes % 2 == 1 {
        return None;
    }
    let mut is_quoted = false;
    let pairs = element.split(move |character| {
        is_quoted ^= character == '"';
        character == ';' && !is_quoted
    });
    Some(pairs.map(str::trim).filter(|pair| !pair.is_empty()))
}

fn unquoted(value: &str) -> Option<&str> {
    let inner = value.strip_prefix('"').map_or(Some(value), |rest| rest.strip_suffix('"'))?;
    (!inner.contains('"')).then_some(inner)
}

/// Reads an address, with a port or without.
fn node(text: &str) -> Option<IpAddr> {
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    let address = if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let is_whole = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        IpAddr::V6(address.parse::<Ipv6Addr>().ok().filter(|_| is_whole)?)
    } else if let Ok(address) = text.parse::<IpAddr>() {
        address
    } else {
        let (address, port) = text.split_once(':')?;
        IpAddr::V4(address.parse().ok().filter(|_| is_port(port))?)
    };
    Some(address.to_canonical())
}
