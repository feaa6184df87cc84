//! Certificates and keys of a server.

use registry::{TlsIdentity, TlsVersion};

use super::assert_printable;

/// Reads a chain of certificates and a key, which a zero byte separates. What is accepted is accepted for every version of TLS, and never shows.
pub fn certificate(data: &[u8]) {
    let (chain, key) = match data.iter().position(|byte| *byte == 0) {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, data),
    };
    let accepted = [TlsVersion::V1_2, TlsVersion::V1_3].map(|least| match TlsIdentity::from_pem(chain, key, least) {
        Ok(identity) => {
            assert_eq!(format!("{identity:?}"), "TlsIdentity");
            true
        }
        Err(error) => {
            assert_printable(&error);
            let text = error.to_string();
            assert!(!text.contains("PRIVATE"), "{text}");
            false
        }
    });
    assert_eq!(accepted[0], accepted[1]);
}
