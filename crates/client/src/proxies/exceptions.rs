//! What is asked directly, whatever the proxies: the value of `NO_PROXY`, as the programs written in Go and curl read it.

use std::net::IpAddr;

use reqwest::Url;

/// Hosts that are asked directly.
#[derive(Debug, Default)]
pub(super) struct Exceptions {
    all: bool,
    names: Vec<Name>,
    networks: Vec<Network>,
}

/// A name and what is below it.
#[derive(Debug)]
struct Name {
    /// Without a dot in front.
    suffix: String,
    /// Whether the name itself is not meant, as one with a dot in front.
    below_only: bool,
    port: Option<u16>,
}

/// An address, or the addresses that begin with the same bits.
#[derive(Debug)]
struct Network {
    address: IpAddr,
    bits: u8,
    port: Option<u16>,
}

impl Exceptions {
    /// Reads `*`, names, addresses and networks with commas between them; what is none of these is left out, as everybody does.
    pub(super) fn parse(value: &str) -> Self {
        let mut exceptions = Self::default();
        for entry in value.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            if entry == "*" {
                exceptions.all = true;
            } else if let Some(network) = Network::parse(entry) {
                exceptions.networks.push(network);
            } else if let Some(name) = Name::parse(entry) {
                exceptions.names.push(name);
            }
        }
        exceptions
    }

    /// Tells whether the host of a URL is one of these.
    pub(super) fn contain(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let port = url.port_or_known_default();
        let fits = |own: Option<u16>| own.is_none() || own == port;
        let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
        if self.all {
            return true;
        }
        match host.parse::<IpAddr>() {
            Ok(address) => self.networks.iter().any(|network| network.contains(address) && fits(network.port)),
            Err(_) => self.names.iter().any(|name| name.is_of(&host) && fits(name.port)),
        }
    }
}

impl Name {
    fn parse(entry: &str) -> Option<Self> {
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().ok()?)),
            None => (entry, None),
        };
        let bare = name.strip_prefix('*').unwrap_or(name);
        let (name, below_only) = bare.strip_prefix('.').map_or((bare, false), |below| (below, true));
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        (!name.is_empty() && !name.contains('*')).then_some(Self { suffix: name, below_only, port })
    }

    fn is_of(&self, host: &str) -> bool {
        match host.strip_suffix(&self.suffix) {
            Some("") => !self.below_only,
            Some(rest) => rest.ends_with('.'),
            None => false,
        }
    }
}

impl Network {
    fn parse(entry: &str) -> Option<Self> {
        if let Some((address, bits)) = entry.split_once('/') {
            let (address, bits) = (address.parse().ok()?, bits.parse().ok()?);
            return (bits <= length(address)).then_some(Self { address, bits, port: None });
        }
        let whole = |address: IpAddr, port| Self { address, bits: length(address), port };
        if let Ok(address) = entry.trim_start_matches('[').trim_end_matches(']').parse() {
            return Some(whole(address, None));
        }
        let (address, port) = entry.rsplit_once(':')?;
        let address = address.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
        Some(whole(address, Some(port.parse().ok()?)))
    }

    fn contains(&self, address: IpAddr) -> bool {
        let differ = match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => u128::from(own.to_bits() ^ other.to_bits()) << 96,
            (IpAddr::V6(own), IpAddr::V6(other)) => own.to_bits() ^ other.to_bits(),
            _ => return false,
        };
        differ.leading_zeros() >= u32::from(self.bits)
    }
}

const fn length(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direct(value: &str, host: &str) -> bool {
        Exceptions::parse(value).contain(&Url::parse(&format!("https://{host}/v2/")).unwrap())
    }

    #[test]
    fn names_and_what_is_below_them() {
        let cases = [
            ("*", "r.example", true),
            ("example", "r.example", true),
            ("r.example", "r.example", true),
            ("r.example", "other.example", false),
            ("r.example", "mirror.example", false),
            (".example", "r.example", true),
            (".r.example", "r.example", false),
            ("*.r.example", "a.r.example", true),
            ("*.r.example", "r.example", false),
            ("a, R.Example ,b", "r.example", true),
            ("r.example.", "r.example", true),
            ("r.example:443", "r.example", true),
            ("r.example:5000", "r.example", false),
            ("r.example:5000", "r.example:5000", true),
            ("r.example:port", "r.example", false),
            ("r.*.example", "r.a.example", false),
            (",,", "r.example", false),
        ];
        for (value, host, is) in cases {
            assert_eq!(direct(value, host), is, "`{value}` {host}");
        }
    }

    #[test]
    fn addresses_and_networks() {
        let cases = [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("0.0.0.0/0", "11.1.2.3", true),
            ("10.0.0.0/33", "10.0.0.0", false),
            ("10.1.2.3", "10.1.2.3:5000", true),
            ("10.1.2.3:5000", "10.1.2.3:5001", false),
            ("10.1.2.3:5000", "10.1.2.3:5000", true),
            ("fd00::/8", "[fd12::1]", true),
            ("fd00::/8", "[fe80::1]", false),
            ("[fd12::1]:5000", "[fd12::1]:5000", true),
            ("fd12::1", "[fd12::1]:5000", true),
            ("10.0.0.0/8", "[fd12::1]", false),
            ("10", "10.1.2.3", false),
        ];
        for (value, host, is) in cases {
            assert_eq!(direct(value, host), is, "`{value}` {host}");
        }
    }
}
