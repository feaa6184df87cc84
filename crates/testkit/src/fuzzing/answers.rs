//! What registries answer, piece by piece.

use bytes::BytesMut;
use client::syntax::chunked::{ChunkedError, Decoder};
use client::syntax::complaint::Complaint;
use client::syntax::location::{self, LOCATION_MAX_BYTES, Url};
use client::syntax::range::{self, ContentRange};
use client::syntax::response_head::{Framing, HEAD_MAX_BYTES, HEADERS_MAX, ResponseHead};
use client::syntax::{challenge, link};

use super::assert_printable;

/// Reads header fields: `Link`, `WWW-Authenticate`, `Range`, `Content-Range`, `Location`.
pub fn header(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(target) = link::next(text) {
        assert!(text.contains(&format!("<{target}>")));
        follow(target);
    }
    for challenge in challenge::parse(text) {
        assert!(!challenge.scheme.is_empty() && !challenge.scheme.contains(char::is_uppercase));
        assert!(challenge.parameters.keys().all(|name| !name.is_empty() && *name == name.to_ascii_lowercase()));
        challenge.parameters.values().for_each(|value| follow(value));
    }
    assert_ne!(range::uploaded(text), Some(1), "a session of one byte cannot be told from an empty one");
    if let Some(range) = ContentRange::parse(text) {
        assert!(range.first <= range.last && range.total.is_none_or(|total| range.last < total));
    }
    follow(text);
}

/// A target that is followed leads where it says, with nothing in it that must not be sent.
fn follow(target: &str) {
    for base in ["https://registry.example/v2/app/blobs/uploads/", "http://127.0.0.1:5000/v2/?a=b#c"] {
        let base: Url = base.parse().unwrap();
        let url = match location::resolve(&base, target) {
            Ok(url) => url,
            Err(error) => {
                assert_printable(&error);
                continue;
            }
        };
        assert!(target.len() <= LOCATION_MAX_BYTES && matches!(url.scheme(), "http" | "https"));
        assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
        assert_eq!(url.as_str().parse::<Url>().unwrap(), url);
        assert!(location::same_origin(&url, &url) && !location::is_downgrade(&url, &url));
        assert!(!location::is_downgrade(&base, &url) || !location::same_origin(&base, &url));
        let mut with = url.clone();
        location::add_parameter(&mut with, "digest", "sha256:00");
        assert!(with.as_str().ends_with("digest=sha256:00"), "{with}");
        assert!(location::same_origin(&url, &with) && url.path() == with.path());
        assert!(with.query().unwrap_or_default().starts_with(url.query().unwrap_or_default()));
    }
}

/// Reads the head of a response. One that is accepted does not depend on what comes after it, nor on when it comes.
pub fn response_head(data: &[u8]) {
    for bodiless in [false, true] {
        let head = match ResponseHead::parse(data, bodiless) {
            Ok(Some(head)) => head,
            Ok(None) => {
                assert!(data.len() < HEAD_MAX_BYTES, "the end is waited for without end");
                continue;
            }
            Err(error) => {
                assert_printable(&error);
                continue;
            }
        };
        assert!(head.length <= data.len().min(HEAD_MAX_BYTES) && head.headers.len() <= HEADERS_MAX);
        assert!(!head.keep_alive || head.framing != Framing::UntilClose);
        assert!(!bodiless || head.framing == Framing::Length(0));
        let alone = ResponseHead::parse(&data[..head.length], bodiless).unwrap().unwrap();
        assert_eq!((alone.length, alone.status, alone.framing), (head.length, head.status, head.framing));
        assert_eq!(alone.headers, head.headers);
        for cut in [head.length - 1, head.length / 2] {
            assert!(ResponseHead::parse(&data[..cut], bodiless).unwrap().is_none(), "complete after {cut} bytes");
        }
    }
}

/// Takes the chunked coding off a body. It does not matter in which pieces the body comes, and what was taken off can be put
/// on again.
pub fn chunked(data: &[u8]) {
    let Some((step, wire)) = data.split_first() else { return };
    let whole = decode(wire, wire.len().max(1));
    assert_eq!(decode(wire, usize::from(*step).max(1)), whole);
    if let Ok((content, true, rest)) = whole {
        assert!(content.len() + rest.len() < wire.len());
        let length = content.len();
        let mut again = if length == 0 { Vec::new() } else { format!("{length:x}\r\n").into_bytes() };
        again.extend_from_slice(&content);
        again.extend_from_slice(if length == 0 { b"0\r\n\r\n" } else { b"\r\n0\r\n\r\n" });
        assert_eq!(decode(&again, again.len()), Ok((content, true, Vec::new())));
    }
}

/// The content, whether the body has ended, and what follows it.
type Decoded = Result<(Vec<u8>, bool, Vec<u8>), ChunkedError>;

fn decode(wire: &[u8], step: usize) -> Decoded {
    let mut decoder = Decoder::default();
    let mut buffer = BytesMut::new();
    let mut content = Vec::new();
    for part in wire.chunks(step) {
        buffer.extend_from_slice(part);
        while let Some(bytes) = decoder.decode(&mut buffer)? {
            assert!(!bytes.is_empty());
            content.extend_from_slice(&bytes);
        }
    }
    Ok((content, decoder.is_done(), buffer.to_vec()))
}

/// Reads an error body. What is shown of it is short and drives no terminal.
pub fn complaint(data: &[u8]) {
    let complaint = Complaint::parse(data);
    assert_printable(&complaint);
    assert!(complaint.to_string().len() <= 400 * "\\u{10ffff}".len());
    assert!(!complaint.is_empty() || complaint.to_string().is_empty());
    assert!(!complaint.is_empty() || !complaint.has("DIGEST_INVALID"));
}
