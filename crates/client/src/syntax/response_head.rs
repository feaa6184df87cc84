//! The head of an HTTP/1.1 response (RFC 9112), within limits.

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// Largest head, in bytes.
pub const HEAD_MAX_BYTES: usize = 64 * 1024;

/// Most header fields.
pub const HEADERS_MAX: usize = 128;

/// The head of a response.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// How the body ends.
    pub framing: Framing,
    /// Whether the connection can be used again after the body.
    pub keep_alive: bool,
    /// Length of the head in bytes: the body begins there.
    pub length: usize,
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// After this many bytes.
    Length(u64),
    /// As its chunks say.
    Chunked,
    /// When the connection is closed.
    UntilClose,
}

impl ResponseHead {
    /// Reads the head at the beginning of `bytes`. `None` says that it is not complete. `bodiless` says that the request
    /// was a `HEAD`, to which a body is announced but never sent.
    ///
    /// # Errors
    /// [`HeadError`] when the bytes are no such head, exceed a limit, or leave in doubt where the body ends.
    pub fn parse(bytes: &[u8], bodiless: bool) -> Result<Option<Self>, HeadError> {
        let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut fields);
        let length = match response.parse(bytes) {
            Ok(httparse::Status::Complete(length)) if length <= HEAD_MAX_BYTES => length,
            Ok(httparse::Status::Partial) if bytes.len() < HEAD_MAX_BYTES => return Ok(None),
            Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooLarge),
            Err(_) => return Err(HeadError::Syntax),
        };
        let status = response.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(HeadError::Syntax)?;
        let mut headers = HeaderMap::with_capacity(response.headers.len());
        for field in response.headers.iter() {
            let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| HeadError::Syntax)?;
            let value = HeaderValue::from_bytes(field.value).map_err(|_| HeadError::Syntax)?;
            headers.append(name, value);
        }
        let silent = bodiless || status.is_informational() || matches!(status.as_u16(), 204 | 304);
        let framing = match framing(&headers)? {
            _ if silent => Framing::Length(0),
            framing => framing,
        };
        let keep_alive = response.version == Some(1) && framing != Framing::UntilClose && !says_close(&headers);
        Ok(Some(Self { status, headers, framing, keep_alive, length }))
    }
}

/// Two ways to tell the end of a body are one too many: that is how responses are smuggled.
fn framing(headers: &HeaderMap) -> Result<Framing, HeadError> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        let chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked") && codings.next().is_none();
        return if chunked && !headers.contains_key(CONTENT_LENGTH) {
            Ok(Framing::Chunked)
        } else {
            Err(HeadError::Framing)
        };
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else { return Ok(Framing::UntilClose) };
    let text = first.to_str().unwrap_or_default();
    if lengths.any(|other| other != first) || text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(HeadError::Framing);
    }
    text.parse().map(Framing::Length).map_err(|_| HeadError::Framing)
}

fn says_close(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case("close"))
}

/// Bytes that are not the head of a response we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// Not HTTP/1.
    #[error("it is not HTTP/1.1")]
    Syntax,
    /// Too many bytes or fields.
    #[error("its header has more than {} bytes or {} fields", HEAD_MAX_BYTES, HEADERS_MAX)]
    TooLarge,
    /// No saying where the body ends.
    #[error("its header leaves in doubt where the body ends")]
    Framing,
}

#[cfg(test)]
mod tests {
    use super::{Framing, HEAD_MAX_BYTES, HeadError, ResponseHead};

    fn parse(text: &str) -> Result<Option<ResponseHead>, HeadError> {
        ResponseHead::parse(text.as_bytes(), false)
    }

    #[test]
    fn reads_a_head() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello";
        let head = parse(text).unwrap().unwrap();
        assert_eq!((head.status.as_u16(), head.framing, head.keep_alive), (200, Framing::Length(5), true));
        assert_eq!(&text[head.length..], "hello");
        for cut in 0..head.length {
            assert!(parse(&text[..cut]).unwrap().is_none());
        }
    }

    #[test]
    fn knows_how_bodies_end() {
        let framing = |text: &str| parse(text).map(|head| head.map(|head| (head.framing, head.keep_alive)));
        assert_eq!(framing("HTTP/1.1 200 OK\r\n\r\n"), Ok(Some((Framing::UntilClose, false))));
        assert_eq!(framing("HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n"), Ok(Some((Framing::Length(1), false))));
        assert_eq!(
            framing("HTTP/1.1 200 OK\r\nconnection: x, Close\r\ncontent-length: 1\r\n\r\n"),
            Ok(Some((Framing::Length(1), false)))
        );
        assert_eq!(
            framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"),
            Ok(Some((Framing::Chunked, true)))
        );
        assert_eq!(framing("HTTP/1.1 204 No\r\n\r\n"), Ok(Some((Framing::Length(0), true))));
        let head = ResponseHead::parse(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", true).unwrap().unwrap();
        assert_eq!(head.framing, Framing::Length(0));
    }

    #[test]
    fn refuses_doubtful_framing() {
        for fields in [
            "Content-Length: 1\r\nContent-Length: 2",
            "Content-Length: +1",
            "Content-Length: 1, 1",
            "Content-Length: ",
            "Content-Length: 99999999999999999999",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 1",
        ] {
            let text = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
            assert_eq!(parse(&text).unwrap_err(), HeadError::Framing, "{fields}");
        }
    }

    #[test]
    fn holds_the_limits() {
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(200));
        assert_eq!(parse(&many).unwrap_err(), HeadError::TooLarge);
        let long = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(HEAD_MAX_BYTES));
        assert_eq!(parse(&long).unwrap_err(), HeadError::TooLarge);
        assert_eq!(parse("SSH-2.0-x\r\n").unwrap_err(), HeadError::Syntax);
    }
}
