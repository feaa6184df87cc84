//! Which proxy a request goes through, as the usual variables say it.
//!
//! | variable, the first that is set | for |
//! |---|---|
//! | `https_proxy`, `HTTPS_PROXY` | URLs with TLS |
//! | `http_proxy`, `HTTP_PROXY` | URLs without |
//! | `all_proxy`, `ALL_PROXY` | those of which none of these speaks |
//! | `no_proxy`, `NO_PROXY` | what is asked directly |
//!
//! This machine itself is never asked through a proxy, as the programs written in Go have it.

mod exceptions;

use std::sync::Arc;

use reqwest::Url;

use self::exceptions::Exceptions;
use crate::syntax::location;

/// Schemes of proxies. With `socks5h` the proxy looks up names; with `socks5` this machine does.
const SCHEMES: [&str; 5] = ["http", "https", "socks5", "socks5h", "socks4a"];

/// Longest value of a variable that is read, in bytes.
const VALUE_MAX_BYTES: usize = 64 * 1024;

/// The proxies of an environment. Cloning is cheap.
#[derive(Clone, Default)]
pub struct Proxies(Option<Arc<Inner>>);

struct Inner {
    with_tls: Option<Proxy>,
    without: Option<Proxy>,
    exceptions: Exceptions,
}

/// A proxy, and the variable that names it.
#[derive(Clone)]
struct Proxy {
    url: Url,
    variable: &'static str,
}

/// A variable that names no proxy. What it says is not shown: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {reason}")]
pub struct ProxyError {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Proxies {
    /// Reads the variables; `variable` returns the value of one.
    ///
    /// # Errors
    /// [`ProxyError`] for a value that is no URL of a proxy.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ProxyError> {
        let first = |names: &[&'static str]| {
            let mut set = names.iter().filter_map(|name| Some((*name, variable(name)?)));
            set.find(|(_, value)| !value.trim().is_empty())
        };
        let read = |(name, value): (&'static str, String)| read(name, &value);
        let with_tls = first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]).map(read).transpose()?;
        let without = first(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]).map(read).transpose()?;
        if with_tls.is_none() && without.is_none() {
            return Ok(Self(None));
        }
        let exceptions = match first(&["no_proxy", "NO_PROXY"]) {
            Some((variable, value)) if value.len() > VALUE_MAX_BYTES => {
                return Err(ProxyError { variable, reason: "has more than 64 KiB" });
            }
            Some((_, value)) => Exceptions::parse(&value),
            None => Exceptions::default(),
        };
        Ok(Self(Some(Arc::new(Inner { with_tls, without, exceptions }))))
    }

    /// Returns the proxy through which a URL is asked; `None` when it is asked directly.
    pub(crate) fn of(&self, url: &Url) -> Option<&Url> {
        self.find(url).map(|proxy| &proxy.url)
    }

    /// Returns the variable that has a URL asked through a proxy, and the proxy without what is secret.
    pub fn explain(&self, url: &Url) -> Option<(&'static str, String)> {
        let Proxy { url, variable } = self.find(url)?;
        let mut shown = url.clone();
        // Neither fails on a URL that has a host.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        Some((variable, shown.to_string()))
    }

    fn find(&self, url: &Url) -> Option<&Proxy> {
        let inner = self.0.as_ref()?;
        let proxy = if url.scheme() == "https" { inner.with_tls.as_ref() } else { inner.without.as_ref() }?;
        let direct = location::is_loopback(url) || inner.exceptions.contain(url);
        Some(proxy).filter(|_| !direct)
    }
}

fn read(variable: &'static str, value: &str) -> Result<Proxy, ProxyError> {
    let wrong = |reason| ProxyError { variable, reason };
    if value.len() > VALUE_MAX_BYTES {
        return Err(wrong("has more than 64 KiB"));
    }
    let value = value.trim();
    let whole = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let url = Url::parse(&whole).map_err(|_| wrong("is not the URL of a proxy"))?;
    if !SCHEMES.contains(&url.scheme()) {
        return Err(wrong("names a proxy that is none of http, https, socks5, socks5h and socks4a"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("is not the URL of a proxy"));
    }
    Ok(Proxy { url, variable })
}

impl std::fmt::Debug for Proxies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let variables = self.0.iter().flat_map(|inner| inner.with_tls.iter().chain(&inner.without));
        f.debug_tuple("Proxies").field(&variables.map(|proxy| proxy.variable).collect::<Vec<_>>()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, ProxyError> {
        Proxies::from_variables(|name| {
            variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn of(proxies: &Proxies, url: &str) -> Option<String> {
        proxies.of(&Url::parse(url).unwrap()).map(ToString::to_string)
    }

    #[test]
    fn each_scheme_has_its_variables() {
        let both = proxies(&[("HTTP_PROXY", "http://plain:3128"), ("https_proxy", "tls:8080")]).unwrap();
        assert_eq!(of(&both, "http://r.example/").as_deref(), Some("http://plain:3128/"));
        assert_eq!(of(&both, "https://r.example/").as_deref(), Some("http://tls:8080/"));
        let lower = proxies(&[("https_proxy", "a:1"), ("HTTPS_PROXY", "b:1"), ("ALL_PROXY", "socks5h://c:1")]).unwrap();
        assert_eq!(of(&lower, "https://r.example/").as_deref(), Some("http://a:1/"));
        assert_eq!(of(&lower, "http://r.example/").as_deref(), Some("socks5h://c:1"));
        let empty = proxies(&[("https_proxy", " "), ("HTTPS_PROXY", "b:1")]).unwrap();
        assert_eq!(of(&empty, "https://r.example/").as_deref(), Some("http://b:1/"));
        assert_eq!(of(&proxies(&[]).unwrap(), "https://r.example/"), None);
    }

    #[test]
    fn this_machine_is_asked_directly() {
        let all = proxies(&[("ALL_PROXY", "p:1"), ("NO_PROXY", "internal.example")]).unwrap();
        for direct in
            ["https://localhost:5000/", "http://127.0.0.1:1/", "https://[::1]/", "https://a.internal.example/"]
        {
            assert_eq!(of(&all, direct), None, "{direct}");
        }
        assert!(of(&all, "https://internal.example.org/").is_some());
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_showing_it() {
        for value in ["ftp://u:geheim@p", "http://", "http://u:geheim@p:port", "socks9://p"] {
            let error = proxies(&[("HTTPS_PROXY", value)]).unwrap_err();
            assert!(error.to_string().starts_with("HTTPS_PROXY ") && !error.to_string().contains("geheim"), "{error}");
        }
        let secret = proxies(&[("HTTPS_PROXY", "http://u:geheim@p:1")]).unwrap();
        assert!(!format!("{secret:?}").contains("geheim"));
        let shown = secret.explain(&Url::parse("https://r.example/").unwrap());
        assert_eq!(shown, Some(("HTTPS_PROXY", "http://p:1/".to_owned())));
    }
}
