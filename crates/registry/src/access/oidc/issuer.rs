//! An issuer that is trusted, and how its documents are had.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::Uri;
use oci::Digest;
use resolve::glob::Glob;

use super::jwks::KeySet;
use super::jws::JwsAlgorithm;

/// Where an issuer says, below its own URL, where its keys are.
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";
/// The port of HTTPS.
const HTTPS_PORT: u16 = 443;

/// An issuer whose assertions are taken, and what has to be true of them.
#[derive(Clone, Debug)]
pub struct OidcIssuer {
    /// What it is called in rules and in the log.
    pub name: String,
    /// What it calls itself, which every assertion says as it stands here.
    pub url: IssuerUrl,
    /// What this registry is to the issuer. An assertion that is not for it is not taken.
    pub audience: String,
    /// How assertions may be signed.
    pub algorithms: Vec<JwsAlgorithm>,
    /// The claim that names who comes.
    pub identity: String,
    /// What every assertion has to claim, whatever rules say.
    pub conditions: Vec<(String, Glob)>,
    /// How far the clocks of the issuer and of this machine may be apart.
    pub skew: Duration,
    /// Its keys.
    pub keys: OidcKeys,
    /// How long keys are used that cannot be fetched again.
    pub keep: Duration,
    /// Certificates (PEM) that are trusted when its documents are fetched, in place of those of the system.
    pub authorities: Option<Arc<[u8]>>,
}

/// Where the keys of an issuer are.
#[derive(Clone, Debug)]
pub enum OidcKeys {
    /// Here.
    Here(Arc<KeySet>),
    /// Where the issuer says, on its own host.
    Discovered,
    /// At this URL, on whichever host.
    At(IssuerUrl),
}

/// An address by HTTPS, with a host and without a user, a query and a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerUrl(String);

impl IssuerUrl {
    /// Reads an address. `None` when it is not of the form.
    pub fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let is_host = |authority: &str| !authority.contains('@') && !authority.starts_with(':');
        let is_one = uri.scheme_str() == Some("https")
            && uri.authority().is_some_and(|authority| is_host(authority.as_str()))
            && uri.host().is_some_and(|host| !host.is_empty())
            && !text.contains(['?', '#']);
        is_one.then(|| Self(text.to_owned()))
    }

    /// Returns the address as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns where the issuer of this address says where its keys are.
    pub(super) fn discovery(&self) -> String {
        format!("{}{DISCOVERY_PATH}", self.0.trim_end_matches('/'))
    }

    /// Tells whether another address is on the same host and port.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        let place = |url: &Self| {
            let uri: Uri = url.0.parse().ok()?;
            Some((uri.host()?.to_ascii_lowercase(), uri.port_u16().unwrap_or(HTTPS_PORT)))
        };
        place(self).is_some_and(|here| place(other) == Some(here))
    }
}

impl OidcIssuer {
    /// Tells whether claims are as they have to be of everybody for whom the issuer vouches.
    pub(in crate::access) fn admits(&self, claims: &BTreeMap<String, Vec<String>>) -> bool {
        all_hold(&self.conditions, claims)
    }

    /// Returns what stands for this issuer, as it is trusted, in tokens: with another audience, or another issuer of the name, they end.
    pub(in crate::access) fn fingerprint(&self) -> Digest {
        let mut bytes = Vec::new();
        for part in [&self.name, self.url.as_str(), &self.audience, &self.identity] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        Digest::sha256(&bytes)
    }
}

/// Tells whether each of these claims is there with a value that is as its pattern says.
pub(in crate::access) fn all_hold(conditions: &[(String, Glob)], claims: &BTreeMap<String, Vec<String>>) -> bool {
    let holds = |(name, pattern): &(String, Glob)| {
        claims.get(name).is_some_and(|values| values.iter().any(|value| pattern.matches(value)))
    };
    conditions.iter().all(holds)
}

/// A document that is wanted of an issuer.
#[derive(Clone, Debug)]
pub struct DocumentRequest {
    /// Its address, by HTTPS.
    pub url: String,
    /// Certificates (PEM) that are trusted in place of those of the system.
    pub authorities: Option<Arc<[u8]>>,
    /// Most bytes that it may have.
    pub max_bytes: usize,
    /// How long it may take, to its last byte.
    pub timeout: Duration,
}

/// Why a document cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DocumentFailure(pub String);

/// Fetches documents of issuers.
#[async_trait]
pub trait DocumentFetch: fmt::Debug + Send + Sync {
    /// Returns a document that was answered with status 200. Redirects are not followed.
    ///
    /// # Errors
    /// [`DocumentFailure`] when there is another answer or none, when it is too long, and when the other side is not who it should be.
    async fn fetch(&self, request: DocumentRequest) -> Result<Vec<u8>, DocumentFailure>;
}

#[cfg(test)]
mod tests {
    use super::IssuerUrl;

    #[test]
    fn an_address_of_an_issuer_is_one_by_https() {
        let issuer = IssuerUrl::parse("https://issuer.example/path/").unwrap();
        assert_eq!(issuer.discovery(), "https://issuer.example/path/.well-known/openid-configuration");
        for text in [
            "http://issuer.example",
            "https://user@issuer.example",
            "https://",
            "https://:443",
            "issuer.example",
            "/keys",
            "https://issuer.example?x",
            "https://issuer.example#x",
            "file:///etc/passwd",
        ] {
            assert_eq!(IssuerUrl::parse(text), None, "{text}");
        }
        for (other, expected) in [
            ("https://issuer.example/keys", true),
            ("https://ISSUER.example:443/keys", true),
            ("https://issuer.example:444/keys", false),
            ("https://issuer.example.evil.example/keys", false),
            ("https://evil.example/keys", false),
            ("https://169.254.169.254/keys", false),
        ] {
            assert_eq!(issuer.is_beside(&IssuerUrl::parse(other).unwrap()), expected, "{other}");
        }
    }
}
