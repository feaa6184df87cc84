//! `Location` and `Link` targets: relative or absolute, always hostile.

/// What is resolved and compared here.
pub use reqwest::Url;

/// Longest target that is followed, in bytes. Signed URLs of object stores are about 2 KiB.
pub const LOCATION_MAX_BYTES: usize = 16 * 1024;

/// Returns the URL that `target` means in an answer to `base`.
///
/// # Errors
/// [`LocationError`] when it is too long, no URL, of another scheme than `http` and `https`, or holds a user name.
pub fn resolve(base: &Url, target: &str) -> Result<Url, LocationError> {
    if target.len() > LOCATION_MAX_BYTES {
        return Err(LocationError::TooLong);
    }
    let mut url = base.join(target.trim()).map_err(|_| LocationError::Syntax)?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(LocationError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(LocationError::User);
    }
    url.set_fragment(None);
    Ok(url)
}

/// Adds a parameter to the query and leaves what is there as it is: upload locations carry signed state.
pub fn add_parameter(url: &mut Url, name: &str, value: &str) {
    let added = match url.query() {
        Some(query) if !query.is_empty() => format!("{query}&{name}={value}"),
        _ => format!("{name}={value}"),
    };
    url.set_query(Some(&added));
}

/// Tells whether two URLs have the same scheme, host and port: only then may one receive what is secret to the other.
pub fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host_str() == other.host_str()
        && one.port_or_known_default() == other.port_or_known_default()
}

/// Tells whether the URL leads to this machine.
pub fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Tells whether following from one URL to another gives up TLS. On one and the same machine that is nobody's loss.
pub fn is_downgrade(from: &Url, to: &Url) -> bool {
    from.scheme() == "https" && to.scheme() == "http" && !(is_loopback(from) && is_loopback(to))
}

/// Why a target is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocationError {
    /// Longer than any target needs to be.
    #[error("its target has more than {} bytes", LOCATION_MAX_BYTES)]
    TooLong,
    /// Not a URL.
    #[error("its target is not a URL")]
    Syntax,
    /// Neither `http` nor `https`.
    #[error("its target is neither http nor https")]
    Scheme,
    /// A user name in the URL.
    #[error("its target holds a user name")]
    User,
}

#[cfg(test)]
mod tests {
    use super::{LOCATION_MAX_BYTES, LocationError, Url, add_parameter, is_downgrade, resolve, same_origin};

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn resolves_relative_absolute_and_foreign_targets() {
        let base = url("http://h:5000/v2/a/blobs/uploads/");
        assert_eq!(resolve(&base, "/v2/a/u/1?s=x").unwrap().as_str(), "http://h:5000/v2/a/u/1?s=x");
        assert_eq!(resolve(&base, "1#f").unwrap().as_str(), "http://h:5000/v2/a/blobs/uploads/1");
        assert_eq!(resolve(&base, "https://other/u").unwrap().as_str(), "https://other/u");
    }

    #[test]
    fn refuses_what_is_not_followed() {
        let base = url("http://h/");
        assert_eq!(resolve(&base, "file:///etc/passwd"), Err(LocationError::Scheme));
        assert_eq!(resolve(&base, "http://user@h/"), Err(LocationError::User));
        assert_eq!(resolve(&base, "http://[::"), Err(LocationError::Syntax));
        assert_eq!(resolve(&base, &"x".repeat(LOCATION_MAX_BYTES + 1)), Err(LocationError::TooLong));
    }

    #[test]
    fn keeps_the_query_of_an_upload() {
        let mut with = url("http://h/u?_state=a%2Fb%3D");
        add_parameter(&mut with, "digest", "sha256:00");
        assert_eq!(with.as_str(), "http://h/u?_state=a%2Fb%3D&digest=sha256:00");
        let mut without = url("http://h/u");
        add_parameter(&mut without, "digest", "sha256:00");
        assert_eq!(without.as_str(), "http://h/u?digest=sha256:00");
    }

    #[test]
    fn knows_origins_and_downgrades() {
        assert!(same_origin(&url("https://h/a"), &url("https://h:443/b")));
        assert!(!same_origin(&url("https://h/"), &url("http://h/")));
        assert!(!same_origin(&url("http://h/"), &url("http://h:81/")));
        assert!(is_downgrade(&url("https://h/"), &url("http://h/")));
        assert!(is_downgrade(&url("https://h/"), &url("http://127.0.0.1/")));
        assert!(!is_downgrade(&url("https://localhost/"), &url("http://127.0.0.1/")));
    }
}
