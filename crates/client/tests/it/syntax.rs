//! The parsers of what registries send, with anything at all.

use bytes::{Bytes, BytesMut};
use client::syntax::chunked::Decoder;
use client::syntax::complaint::Complaint;
use client::syntax::response_head::ResponseHead;
use client::syntax::{challenge, link, location, range};
use proptest::prelude::*;

/// Text that looks like what the parsers are for, more often than chance would have it.
fn header() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("Bearer ".to_owned()),
        Just("realm=".to_owned()),
        Just("\"".to_owned()),
        Just("\\".to_owned()),
        Just(", ".to_owned()),
        Just("; rel=\"next\"".to_owned()),
        Just("<".to_owned()),
        Just(">".to_owned()),
        Just("bytes ".to_owned()),
        Just("0-".to_owned()),
        Just("18446744073709551615".to_owned()),
        Just("/*".to_owned()),
        "[a-z0-9=/:?&%.]{0,6}",
        "\\PC{0,3}",
    ];
    proptest::collection::vec(word, 0..12).prop_map(|words| words.concat())
}

fn response() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just(&b"HTTP/1.1 200 OK\r\n"[..]),
        Just(&b"Content-Length: 5\r\n"[..]),
        Just(&b"Transfer-Encoding: chunked\r\n"[..]),
        Just(&b"Connection: close\r\n"[..]),
        Just(&b"X: "[..]),
        Just(&b"\r\n"[..]),
        Just(&b"\n"[..]),
        Just(&b"\0"[..]),
    ];
    proptest::collection::vec(line, 0..8).prop_map(|lines| lines.concat())
}

proptest! {
    #[test]
    fn nothing_makes_a_header_parser_panic(text in header()) {
        let _ = challenge::parse(&text);
        if let Some(target) = link::next(&text) {
            prop_assert!(text.contains(target));
        }
        let _ = range::uploaded(&text);
        if let Some(range) = range::ContentRange::parse(&text) {
            prop_assert!(range.first <= range.last);
        }
        let base = "https://registry.example/v2/".parse().unwrap();
        if let Ok(url) = location::resolve(&base, &text) {
            prop_assert!(matches!(url.scheme(), "http" | "https"));
            prop_assert!(url.path().bytes().chain(url.query().unwrap_or_default().bytes()).all(|byte| byte.is_ascii_graphic()));
        }
        prop_assert!(Complaint::parse(text.as_bytes()).to_string().len() <= 4 * 400);
    }

    #[test]
    fn a_complaint_shows_no_control_characters(code in "\\PC*|[\\x00-\\x1f]*", message in any::<String>()) {
        let body = serde_json::json!({"errors": [{"code": code, "message": message}]}).to_string();
        let shown = Complaint::parse(body.as_bytes()).to_string();
        prop_assert!(!shown.chars().any(char::is_control));
    }

    #[test]
    fn nothing_makes_the_head_parser_panic(bytes in response(), bodiless: bool) {
        if let Ok(Some(head)) = ResponseHead::parse(&bytes, bodiless) {
            prop_assert!(head.length <= bytes.len());
        }
    }

    #[test]
    fn what_was_chunked_comes_back(parts in proptest::collection::vec("[a-z]{1,40}", 0..6), step in 1_usize..50) {
        let mut wire = Vec::new();
        for part in &parts {
            wire.extend_from_slice(format!("{:x}\r\n{part}\r\n", part.len()).as_bytes());
        }
        wire.extend_from_slice(b"0\r\n\r\n");
        let (mut decoder, mut buffer, mut found) = (Decoder::default(), BytesMut::new(), Vec::new());
        for piece in wire.chunks(step) {
            buffer.extend_from_slice(piece);
            while let Some(content) = decoder.decode(&mut buffer).unwrap() {
                found.extend_from_slice(&content);
            }
        }
        prop_assert!(decoder.is_done() && buffer.is_empty());
        prop_assert_eq!(Bytes::from(found), Bytes::from(parts.concat()));
    }

    #[test]
    fn nothing_makes_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut buffer = BytesMut::from(&bytes[..]);
        let mut decoder = Decoder::default();
        while let Ok(Some(content)) = decoder.decode(&mut buffer) {
            prop_assert!(!content.is_empty());
        }
    }
}
