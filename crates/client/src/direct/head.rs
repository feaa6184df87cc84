//! Writes the head of a request.

use std::io::Write as _;

use http::header::{CONTENT_LENGTH, HOST, HeaderName, TRANSFER_ENCODING};
use reqwest::Url;

use crate::exchange::{Failure, Request};

/// Returns the host and port of a URL, as `Host` states them and the pool knows them.
pub(super) fn authority(url: &Url) -> Result<String, Failure> {
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| invalid("it has no host"))?;
    let authority = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    if is_visible(authority.as_bytes()) { Ok(authority) } else { Err(invalid("its host has characters no host has")) }
}

/// Returns the head of a request. Nothing gets into it that could end a line: targets are visible ASCII, header fields have
/// been checked when they were made.
pub(super) fn write(request: &Request, authority: &str) -> Result<Vec<u8>, Failure> {
    let path = request.url.path();
    let query = request.url.query();
    if !is_visible(path.as_bytes()) || !query.is_none_or(|query| is_visible(query.as_bytes())) || path.is_empty() {
        return Err(invalid("it has characters that are not escaped"));
    }
    let mut head = Vec::with_capacity(512);
    head.extend_from_slice(request.method.as_str().as_bytes());
    head.push(b' ');
    head.extend_from_slice(path.as_bytes());
    if let Some(query) = query {
        head.push(b'?');
        head.extend_from_slice(query.as_bytes());
    }
    head.extend_from_slice(b" HTTP/1.1\r\n");
    field(&mut head, &HOST, authority.as_bytes());
    for (name, value) in &request.headers {
        // These three are ours to write: a second one would leave the end of the body in doubt.
        if !matches!(*name, HOST | CONTENT_LENGTH | TRANSFER_ENCODING) {
            field(&mut head, name, value.as_bytes());
        }
    }
    if request.states_length() {
        // Writing to a vector cannot fail.
        let _ = write!(head, "content-length: {}\r\n", request.body.length());
    }
    head.extend_from_slice(b"\r\n");
    Ok(head)
}

fn field(head: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    head.extend_from_slice(name.as_str().as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value);
    head.extend_from_slice(b"\r\n");
}

fn is_visible(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_graphic)
}

fn invalid(reason: &str) -> Failure {
    Failure::Protocol(format!("the URL to ask cannot be sent: {reason}"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::header::{ACCEPT, CONTENT_LENGTH};
    use http::{HeaderValue, Method};

    use super::{Url, authority, write};
    use crate::exchange::{Body, Request};

    fn head(request: &Request) -> String {
        String::from_utf8(write(request, &authority(&request.url).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn writes_what_the_url_says_escaped() {
        let url = Url::parse("http://[::1]:5000/v2/a b\r\nX: y/é?q=ü \t'\"").unwrap();
        let head = head(&Request::new(Method::GET, url));
        assert_eq!(head, "GET /v2/a%20bX:%20y/%C3%A9?q=%C3%BC%20%27%22 HTTP/1.1\r\nhost: [::1]:5000\r\n\r\n");
    }

    #[test]
    fn states_one_length_of_its_own() {
        let mut request = Request::new(Method::PUT, Url::parse("http://h/").unwrap())
            .with(CONTENT_LENGTH, HeaderValue::from_static("7"))
            .with(ACCEPT, HeaderValue::from_static("x"));
        request.body = Body::Bytes(Bytes::from_static(b"abc"));
        assert_eq!(head(&request), "PUT / HTTP/1.1\r\nhost: h\r\naccept: x\r\ncontent-length: 3\r\n\r\n");
        request.body = Body::Empty;
        assert!(head(&request).contains("content-length: 0\r\n"));
        request.method = Method::GET;
        assert!(!head(&request).contains("content-length"));
    }
}
