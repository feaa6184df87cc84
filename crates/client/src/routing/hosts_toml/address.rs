//! The URL of a place. It may hold a password, so no reason quotes it.

use oci::Host;

use crate::routing::route::Scheme;

/// Where a place is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) scheme: Scheme,
    pub(super) host: Host,
    /// What stands before the name of a repository, without a slash at the end; `/v2` in a registry that is one.
    pub(super) api_path: String,
}

impl Address {
    /// Reads a URL; one without a scheme is `https`. With `is_root` its path is that of the API, otherwise `/v2` comes after it.
    pub(super) fn parse(text: &str, is_root: bool) -> Result<Self, String> {
        let (scheme, rest) = match text.split_once("://") {
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(_) => return Err("must be a URL of `http` or `https`".to_owned()),
            None => (Scheme::Https, text),
        };
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        // As for containerd, a name and a password in a URL are not shown to anybody.
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let host = authority.parse().map_err(|_| "must be a URL with HOST[:PORT]".to_owned())?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&byte);
        if !path.bytes().all(is_plain) {
            return Err("has a path with characters that a URL has not".to_owned());
        }
        let mut api_path = cleaned(path);
        if !is_root && !api_path.ends_with("/v2") {
            api_path.push_str("/v2");
        }
        Ok(Self { scheme, host, api_path })
    }
}

/// Returns a path without parts that lead nowhere, and without a slash at the end.
fn cleaned(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.into_iter().flat_map(|part| ["/", part]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_urls_as_containerd_does() {
        for (text, is_root, is) in [
            ("https://h.example", false, Some("Https h.example /v2")),
            ("h.example:5000", false, Some("Https h.example:5000 /v2")),
            ("http://h.example:80/", false, Some("Http h.example:80 /v2")),
            ("http://h.example/v2/", false, Some("Http h.example /v2")),
            ("https://h.example/v2/proxy", false, Some("Https h.example /v2/proxy/v2")),
            ("https://h.example/v2/proxy", true, Some("Https h.example /v2/proxy")),
            ("https://h.example/a/../b/./c//", true, Some("Https h.example /b/c")),
            ("https://h.example", true, Some("Https h.example ")),
            ("https://u:geheim@h.example/?a=b#c", false, Some("Https h.example /v2")),
            ("https://[::1]:5000", false, Some("Https [::1]:5000 /v2")),
            ("ftp://h.example", false, None),
            ("https://", false, None),
            ("https://u:geheim@", false, None),
            ("https://h.example:port", false, None),
            ("https://h.example/a b", false, None),
            ("https://h.example/\u{e9}", true, None),
            ("", false, None),
        ] {
            let address = Address::parse(text, is_root);
            if let Err(reason) = &address {
                assert!(!reason.contains("geheim"), "{reason}");
            }
            let shown = address.map(|address| format!("{:?} {} {}", address.scheme, address.host, address.api_path));
            assert_eq!(shown.as_deref().ok(), is, "{text} {shown:?}");
        }
    }
}
