//! Where a request comes from: the other end of its connection, or what proxies that are trusted say of it.

mod forwarded;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::http::HeaderMap;

use forwarded::{Hop, hops};

/// Most hops that are looked at. Longer ways are those of nobody.
const HOPS_MAX: usize = 32;
/// What is one client among addresses of version 6, in bits: networks give a whole one to everybody.
const SUBNET_BITS: u8 = 64;
/// What stands before an address of version 4 that is written as one of version 6, in bits.
const MAPPED_BITS: u8 = 96;

/// The other end of a connection, as an extension of each of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    address: IpAddr,
    /// Whether TLS is spoken with it.
    is_secure: bool,
}

/// A block of addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

/// Why a text is no block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// It is none at all.
    #[error("this is neither an address nor a network as 10.0.0.0/8")]
    Form,
    /// Bits are set behind the prefix, so it is not clear what is meant.
    #[error("the address of the network has bits behind its prefix")]
    Rest,
}

/// The header in which proxies say for whom they ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardHeader {
    /// `X-Forwarded-For`, and `X-Forwarded-Proto` for the scheme.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// Which proxies are believed, and what of what they say. The default believes nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// From where they come.
    pub trusted: Vec<Network>,
    /// The one header that counts.
    pub header: ForwardHeader,
    /// Whether they also say by which scheme the client came.
    pub tells_scheme: bool,
}

/// Where a request comes from, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Client {
    /// `None` where there is no connection.
    pub(crate) address: Option<IpAddr>,
    /// Whether the client came by HTTPS, where a proxy that is believed says it.
    pub(crate) is_https: Option<bool>,
}

/// What counts as one client: an address of version 4, or the 64 bits of version 6 that a network gives to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Subnet(IpAddr);

impl Peer {
    /// Returns the peer of this address. An address of version 4 that is written as one of version 6 is one of version 4.
    pub fn new(address: IpAddr) -> Self {
        Self { address: address.to_canonical(), is_secure: false }
    }

    /// Returns the other end of a connection that was accepted from an address.
    pub(crate) fn at(address: SocketAddr, is_secure: bool) -> Self {
        Self { is_secure, ..Self::new(address.ip()) }
    }

    /// Returns its address.
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// Tells whether TLS is spoken with it.
    pub(crate) const fn is_secure(self) -> bool {
        self.is_secure
    }
}

impl Network {
    /// Tells whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && prefix(address, self.bits) == self.first
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Form)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let is_digits = |bits: &&str| bits.len() <= 3 && bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = match bits {
            None => most,
            Some(bits) => Some(bits).filter(is_digits).and_then(|bits| bits.parse().ok()).ok_or(NetworkError::Form)?,
        };
        if bits > most {
            return Err(NetworkError::Form);
        }
        if prefix(address, bits) != address {
            return Err(NetworkError::Rest);
        }
        match address {
            // Addresses of clients are of version 4 then, however they are written.
            IpAddr::V6(mapped) if let Some(first) = mapped.to_ipv4_mapped() => {
                let bits = bits.checked_sub(MAPPED_BITS).ok_or(NetworkError::Form)?;
                Ok(Self { first: first.into(), bits })
            }
            first => Ok(Self { first, bits }),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

impl Proxies {
    /// Returns for whom a connection asks. What the headers say counts as far as it comes from proxies that are trusted: from the right, up to
    /// the first address that is none of theirs. Where one of them names no address, its own is the client's.
    pub(crate) fn client(&self, peer: Option<Peer>, headers: &HeaderMap) -> Client {
        let Some(Peer { mut address, .. }) = peer else { return Client::default() };
        let mut is_https = None;
        if self.trusts(address) {
            for Hop { of, scheme } in hops(self.header, headers).take(HOPS_MAX) {
                is_https = scheme;
                let Some(of) = of else { break };
                address = of;
                if !self.trusts(address) {
                    break;
                }
            }
        }
        Client { address: Some(address), is_https: is_https.filter(|_| self.tells_scheme) }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }
}

impl Client {
    /// Returns what counts as this client where many are told apart.
    pub(crate) fn subnet(self) -> Option<Subnet> {
        self.address.map(Subnet::of)
    }
}

impl Subnet {
    fn of(address: IpAddr) -> Self {
        Self(if address.is_ipv6() { prefix(address, SUBNET_BITS) } else { address })
    }

    /// Returns what it has in common with many others: about what a provider gives to all its customers.
    pub(crate) fn neighbourhood(self) -> IpAddr {
        prefix(self.0, if self.0.is_ipv4() { 16 } else { 32 })
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => write!(f, "{address}/{SUBNET_BITS}"),
        }
    }
}

/// Returns an address with zeros behind its first bits.
fn prefix(address: IpAddr, bits: u8) -> IpAddr {
    // A shift by all bits is none that there is; it leaves nothing.
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits.into())).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits.into())).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::{Client, ForwardHeader, Network, NetworkError, Peer, Proxies, Subnet};

    fn client(header: ForwardHeader, peer: &str, lines: &[(&'static str, &str)]) -> String {
        let trusted = ["10.0.0.0/8", "2001:db8:ffff::/48"].map(|text| text.parse().unwrap()).to_vec();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let proxies = Proxies { trusted, header, tells_scheme: true };
        let Client { address, is_https } = proxies.client(Some(Peer::new(peer.parse().unwrap())), &headers);
        let scheme = is_https.map_or("", |is_https| if is_https { " https" } else { " http" });
        format!("{}{scheme}", address.unwrap())
    }

    #[test]
    fn a_network_is_an_address_with_a_prefix_and_nothing_behind_it() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("0.0.0.0/0", "255.0.0.1", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.0"),
            ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("::ffff:0.0.0.0/96", "192.0.2.7", "2001:db8::1"),
        ] {
            let network: Network = text.parse().unwrap();
            assert!(network.contains(inside.parse().unwrap()) && !network.contains(outside.parse().unwrap()), "{text}");
            assert_eq!(network.to_string().parse(), Ok(network));
        }
        for wrong in ["", "10", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/-1", "::/129", "host/8", "::/0008"]
        {
            assert_eq!(wrong.parse::<Network>(), Err(NetworkError::Form), "{wrong}");
        }
        for wrong in ["10.0.0.1/8", "::ffff:10.0.0.1/104", "::ffff:0.0.0.0/95"] {
            assert_eq!(wrong.parse::<Network>(), Err(NetworkError::Rest), "{wrong}");
        }
    }

    #[test]
    fn only_a_trusted_proxy_says_for_whom_it_asks() {
        const FOR: &str = "x-forwarded-for";
        for (peer, lines, expected) in [
            // Whoever is not trusted is the client, whatever he says.
            ("192.0.2.1", &[(FOR, "198.51.100.1")][..], "192.0.2.1"),
            ("::ffff:192.0.2.1", &[(FOR, "198.51.100.1")], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[(FOR, "198.51.100.1")], "198.51.100.1"),
            ("::ffff:10.0.0.1", &[(FOR, "::ffff:198.51.100.1")], "198.51.100.1"),
            // What the client wrote itself stands on the left of it.
            ("10.0.0.1", &[(FOR, "10.9.9.9, 203.0.113.5, 198.51.100.1 , 10.0.0.2")], "198.51.100.1"),
            ("10.0.0.1", &[(FOR, "203.0.113.5"), (FOR, "198.51.100.1,,")], "198.51.100.1"),
            ("10.0.0.1", &[(FOR, "10.0.0.3,10.0.0.2")], "10.0.0.3"),
            ("10.0.0.1", &[(FOR, "203.0.113.5, unknown, 10.0.0.2")], "10.0.0.2"),
            ("10.0.0.1", &[(FOR, "198.51.100.1:4711")], "198.51.100.1"),
            ("2001:db8:ffff::1", &[(FOR, "[2001:db8::1]:80")], "2001:db8::1"),
            ("10.0.0.1", &[(FOR, "198.51.100.1:x"), ("x-forwarded-proto", "https")], "10.0.0.1 https"),
            ("10.0.0.1", &[(FOR, "198.51.100.1"), ("x-forwarded-proto", "http")], "198.51.100.1 http"),
            ("10.0.0.1", &[(FOR, "198.51.100.1"), ("x-forwarded-proto", "https, http")], "198.51.100.1"),
            ("192.0.2.1", &[("x-forwarded-proto", "https")], "192.0.2.1"),
            // The other header says nothing.
            ("10.0.0.1", &[("forwarded", "for=198.51.100.1;proto=https")], "10.0.0.1"),
        ] {
            assert_eq!(client(ForwardHeader::XForwardedFor, peer, lines), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn a_forwarded_header_is_read_from_its_end_and_quotes_of_a_client_move_nothing() {
        const HEADER: &str = "forwarded";
        for (value, expected) in [
            ("for=198.51.100.1", "198.51.100.1"),
            ("For=\"198.51.100.1:80\" ; PROTO=https;by=_x", "198.51.100.1 https"),
            ("for=\"[2001:db8::1]:4711\";host=\"a,b;c\";proto=http", "2001:db8::1 http"),
            ("for=203.0.113.5, for=198.51.100.1;proto=https, for=10.0.0.2;proto=http", "198.51.100.1 https"),
            ("for=\", for=198.51.100.1", "198.51.100.1"),
            ("for=203.0.113.5;host=\"x, for=198.51.100.1", "198.51.100.1"),
            ("for=unknown;proto=https", "10.0.0.1 https"),
            ("for=_hidden", "10.0.0.1"),
            ("proto=https", "10.0.0.1 https"),
            ("for=198.51.100.1;for=203.0.113.5", "10.0.0.1"),
            ("for=198.51.100.1;host=\"a\\\"b\"", "10.0.0.1"),
            ("for=198.51.100.1\"", "10.0.0.1"),
            ("for=\"198.51.100.1", "10.0.0.1"),
            ("198.51.100.1", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(client(ForwardHeader::Forwarded, "10.0.0.1", &[(HEADER, value)]), expected, "{value}");
        }
        let lines = [("x-forwarded-for", "198.51.100.1")];
        assert_eq!(client(ForwardHeader::Forwarded, "10.0.0.1", &lines), "10.0.0.1");
    }

    #[test]
    fn bytes_that_are_no_text_hide_nobody() {
        let trusted = vec!["10.0.0.0/8".parse().unwrap()];
        let proxies = Proxies { trusted, ..Proxies::default() };
        let peer = Some(Peer::new("10.0.0.1".parse().unwrap()));
        for (value, expected) in [
            (&b"\xe9, 198.51.100.1"[..], "198.51.100.1"),
            (b"198.51.100.1, \xe9", "10.0.0.1"),
            (b"\xff\xfe,198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", HeaderValue::from_bytes(value).unwrap());
            assert_eq!(proxies.client(peer, &headers).address, Some(expected.parse().unwrap()), "{value:?}");
        }
    }

    #[test]
    fn a_way_without_end_is_not_walked_to_its_end() {
        let long = format!("198.51.100.1{}", ", 10.0.0.7".repeat(40));
        assert_eq!(client(ForwardHeader::XForwardedFor, "10.0.0.1", &[("x-forwarded-for", &long)]), "10.0.0.7");
    }

    #[test]
    fn who_has_a_network_is_one_client() {
        let subnet = |text: &str| Subnet::of(text.parse().unwrap());
        assert_eq!(subnet("2001:db8:1:2::1"), subnet("2001:db8:1:2:ffff::"));
        assert_ne!(subnet("2001:db8:1:2::1"), subnet("2001:db8:1:3::1"));
        assert_ne!(subnet("192.0.2.1"), subnet("192.0.2.2"));
        assert_eq!(subnet("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
        assert_eq!(subnet("192.0.2.1").neighbourhood(), subnet("192.0.9.9").neighbourhood());
    }

    proptest::proptest! {
        #[test]
        fn no_header_of_a_stranger_moves_his_address(value in "[ -~]{0,60}", other in "[ -~]{0,60}") {
            let lines = [("forwarded", value.as_str()), ("x-forwarded-for", other.as_str())];
            for header in [ForwardHeader::Forwarded, ForwardHeader::XForwardedFor] {
                proptest::prop_assert_eq!(client(header, "192.0.2.1", &lines), "192.0.2.1");
            }
        }

        #[test]
        fn what_stands_before_the_word_of_a_proxy_moves_nothing(before in "[ -~]{0,60}") {
            let value = format!("{before}, for=198.51.100.1");
            proptest::prop_assert_eq!(client(ForwardHeader::Forwarded, "10.0.0.1", &[("forwarded", &value)]), "198.51.100.1");
            let value = format!("{before}, 198.51.100.1");
            let lines = [("x-forwarded-for", value.as_str())];
            proptest::prop_assert_eq!(client(ForwardHeader::XForwardedFor, "10.0.0.1", &lines), "198.51.100.1");
        }
    }
}
