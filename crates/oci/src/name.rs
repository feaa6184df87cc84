//! Host, repository name, tag (distribution-spec, "Pulling manifests").

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::digest::{Algorithm, Digest};
use crate::limits::{REPOSITORY_MAX_BYTES, TAG_MAX_BYTES};

/// A registry's host and, where it is not the scheme's own, port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

/// The name of a repository within a registry, such as `library/alpine`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(String);

/// A tag: the only mutable thing there is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Host {
    /// Returns the text, `host` or `host:port`; an IPv6 address is in brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the host without the port and without brackets.
    pub fn name(&self) -> &str {
        match self.0.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) => address,
            None => self.0.split(':').next().unwrap_or(&self.0),
        }
    }

    /// Tells whether the host is this machine: `localhost` or a loopback address.
    pub fn is_loopback(&self) -> bool {
        let name = self.name();
        name.eq_ignore_ascii_case("localhost")
            || name.to_ascii_lowercase().ends_with(".localhost")
            || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for Host {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || NameError::new("host", text, "write HOST or HOST:PORT");
        let (name, port) = if let Some(rest) = text.strip_prefix('[') {
            let (address, port) = rest.split_once(']').ok_or_else(invalid)?;
            address.parse::<std::net::Ipv6Addr>().map_err(|_| invalid())?;
            (None, port.strip_prefix(':').or((!port.is_empty()).then_some("")))
        } else {
            match text.split_once(':') {
                Some((name, port)) => (Some(name), Some(port)),
                None => (Some(text), None),
            }
        };
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        if name.is_some_and(|name| name.len() > 253 || !name.split('.').all(label)) {
            return Err(invalid());
        }
        let digits = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        if port.is_some_and(|port| !digits(port) || port.parse::<u16>().is_err()) {
            return Err(invalid());
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl RepositoryName {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the last component, what people call the image.
    pub fn last_component(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() <= REPOSITORY_MAX_BYTES && text.split('/').all(is_path_component) {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError::new(
            "repository name",
            text,
            "use lower case letters and digits, separated by `.`, `_`, `__`, dashes or `/`",
        ))
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_path_component(component: &str) -> bool {
    let bytes = component.as_bytes();
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut at = 0;
    loop {
        let word = bytes[at..].iter().take_while(|byte| alphanumeric(byte)).count();
        if word == 0 {
            return false;
        }
        at += word;
        if at == bytes.len() {
            return true;
        }
        let rest = &bytes[at..];
        at += match rest[0] {
            b'-' => rest.iter().take_while(|&&byte| byte == b'-').count(),
            b'_' if rest.get(1) == Some(&b'_') => 2,
            b'.' | b'_' => 1,
            _ => return false,
        };
    }
}

impl Tag {
    /// The tag that is meant when none is given.
    pub fn latest() -> Self {
        Self("latest".to_owned())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the tag under which a registry without the Referrers API keeps the list of what refers to `subject`
    /// (distribution-spec, "Referrers Tag Schema"): the algorithm cut to 32 characters, a dash, the value cut to 64.
    pub fn referrers_fallback(subject: &Digest) -> Self {
        let mut encoded = subject.encoded();
        encoded.truncate(64);
        Self(format!("{}-{encoded}", subject.algorithm()))
    }

    /// Returns the tag by which older tools attach something to `subject` (`sha256-<hex>.sig`).
    pub fn convention(subject: &Digest, suffix: ConventionSuffix) -> Self {
        Self(format!("{}-{}.{}", subject.algorithm(), subject.encoded(), suffix.as_str()))
    }

    /// Returns what this tag is about when it is a fallback tag or a convention tag, and its suffix in the latter case.
    ///
    /// The fallback tag of a sha512 digest is cut to 64 digits, so it does not hold the whole digest and gives `None`;
    /// compare with [`Tag::referrers_fallback`] of a known subject instead.
    pub fn attached_to(&self) -> Option<(Digest, Option<ConventionSuffix>)> {
        let (algorithm, rest) = self.0.split_once('-')?;
        let algorithm: Algorithm = algorithm.parse().ok()?;
        let (encoded, suffix) = match rest.split_once('.') {
            Some((encoded, suffix)) => (encoded, Some(ConventionSuffix::from_suffix(suffix)?)),
            None => (rest, None),
        };
        let digest = format!("{algorithm}:{encoded}").parse().ok()?;
        Some((digest, suffix))
    }

    /// Tells whether this tag was made by a tool to attach something, and not by a person to name a version.
    pub fn is_attachment(&self) -> bool {
        self.attached_to().is_some()
            || self.0.strip_prefix("sha512-").is_some_and(|rest| {
                rest.len() == 64 && rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            })
    }
}

/// What a convention tag attaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConventionSuffix {
    /// `.sig`: signatures.
    Signature,
    /// `.att`: attestations.
    Attestation,
    /// `.sbom`: a bill of materials.
    Sbom,
}

impl ConventionSuffix {
    /// Every suffix.
    pub const ALL: [Self; 3] = [Self::Signature, Self::Attestation, Self::Sbom];

    /// Returns the text without the dot.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signature => "sig",
            Self::Attestation => "att",
            Self::Sbom => "sbom",
        }
    }

    fn from_suffix(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suffix| suffix.as_str() == text)
    }
}

impl FromStr for Tag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let rest = |byte: u8| word(byte) || byte == b'.' || byte == b'-';
        let valid = text.len() <= TAG_MAX_BYTES && text.bytes().next().is_some_and(word) && text.bytes().all(rest);
        if valid {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError::new(
            "tag",
            text,
            "use up to 128 letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`",
        ))
    }
}

macro_rules! shown_as_text {
    ($($name:ty),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

shown_as_text!(Host, RepositoryName, Tag);

/// A name that breaks its grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a {what}: {rule}", crate::text::printable(.text))]
pub struct NameError {
    what: &'static str,
    text: String,
    rule: &'static str,
}

impl NameError {
    fn new(what: &'static str, text: &str, rule: &'static str) -> Self {
        Self { what, text: text.chars().take(300).collect(), rule }
    }
}
