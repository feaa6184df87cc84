//! The name in a certificate.

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use super::CertificateName;

/// Longest name, in bytes.
const NAME_MAX_BYTES: usize = 1024;
/// Most attributes of a subject that are looked at.
const ATTRIBUTES_MAX: usize = 64;
/// The tags of DER that a subject is made of, and those of texts in it.
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const IDENTIFIER: u8 = 0x06;
const UTF8: u8 = 0x0c;
const PRINTABLE: u8 = 0x13;
const IA5: u8 = 0x16;
/// The identifier of a common name: 2.5.4.3.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];

/// Returns the name that says who holds a certificate. `None` where there is none, or more than one: which of them counts would be a guess.
pub(super) fn of(certificate: &CertificateDer<'_>, kind: CertificateName) -> Option<String> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let name = match kind {
        CertificateName::Uri => only(certificate.valid_uri_names())?,
        CertificateName::Dns => only(certificate.valid_dns_names())?,
        CertificateName::CommonName => only(common_names(certificate.subject())?.into_iter())?,
    };
    (name.len() <= NAME_MAX_BYTES).then(|| name.to_owned())
}

fn only<'n>(mut names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let first = names.next()?;
    names.next().is_none().then_some(first)
}

/// Returns the common names of a subject: sets of pairs of an identifier and a text. `None` when it is of another form.
fn common_names(mut subject: &[u8]) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    let mut count = 0;
    while !subject.is_empty() {
        let (mut attributes, rest) = expect(subject, SET)?;
        subject = rest;
        while !attributes.is_empty() {
            count += 1;
            if count > ATTRIBUTES_MAX {
                return None;
            }
            let (attribute, rest) = expect(attributes, SEQUENCE)?;
            attributes = rest;
            let (identifier, value) = expect(attribute, IDENTIFIER)?;
            if identifier != COMMON_NAME {
                continue;
            }
            let (tag, text, rest) = element(value)?;
            if ![UTF8, PRINTABLE, IA5].contains(&tag) || !rest.is_empty() {
                return None;
            }
            names.push(std::str::from_utf8(text).ok()?);
        }
    }
    Some(names)
}

/// Returns the content of an element of this tag, and what comes after it.
fn expect(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(bytes)?;
    (found == tag).then_some((content, rest))
}

/// Returns an element of DER with a length of at most two bytes, and what comes after it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, bytes) = bytes.split_first()?;
    let (&first, bytes) = bytes.split_first()?;
    let (length, bytes) = match first {
        0..=0x7f => (usize::from(first), bytes),
        0x81 => {
            let (&length, bytes) = bytes.split_first()?;
            (usize::from(length), bytes)
        }
        0x82 => {
            let (length, bytes) = bytes.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), bytes)
        }
        _ => return None,
    };
    let (content, rest) = bytes.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::common_names;

    /// A set of one pair.
    fn attribute(identifier: [u8; 3], tag: u8, text: &[u8]) -> Vec<u8> {
        let length = |content: &[u8]| u8::try_from(content.len()).unwrap();
        let mut pair = [&[0x06, 3][..], &identifier, &[tag, length(text)], text].concat();
        for outer in [0x30, 0x31] {
            pair = [&[outer, length(&pair)][..], &pair].concat();
        }
        pair
    }

    #[test]
    fn a_common_name_is_read_from_a_subject() {
        let name = [0x55, 0x04, 0x03];
        let country = attribute([0x55, 0x04, 0x06], 0x13, b"XX");
        let subject = [country.clone(), attribute(name, 0x0c, "büro".as_bytes())].concat();
        assert_eq!(common_names(&subject), Some(vec!["büro"]));
        assert_eq!(common_names(&country), Some(vec![]));
        assert_eq!(common_names(&[]), Some(vec![]));
        let two = [attribute(name, 0x13, b"a"), attribute(name, 0x13, b"b")].concat();
        assert_eq!(common_names(&two), Some(vec!["a", "b"]));
        for wrong in [
            attribute(name, 0x0c, b"\xff"),
            attribute(name, 0x1e, b"\0a"),
            subject[..subject.len() - 1].to_vec(),
            vec![0x31, 0x80],
            vec![0x31, 0x84, 0xff, 0xff, 0xff, 0xff],
            vec![0x30, 0],
            country.repeat(65),
        ] {
            assert_eq!(common_names(&wrong), None, "{wrong:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::sample::select(vec![0, 1, 2, 3, 6, 0x0c, 0x30, 0x31, 0x55, 0x81, 0x82, 0xff]), 0..40)) {
            let _ = common_names(&bytes);
        }
    }
}
