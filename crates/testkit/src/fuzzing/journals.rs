//! The journal that a registry keeps beside its database.

use registry::fuzzing;

/// Reads a segment, the lines of one without its checksum, an entry, and the name of a segment. What is accepted is written as what is
/// read as the same, and a segment in which a bit was changed is refused, or says the same.
pub fn segment(data: &[u8]) {
    for bytes in [data.to_vec(), fuzzing::sealed(data)] {
        let Some(written) = fuzzing::segment(&bytes) else { continue };
        assert_eq!(fuzzing::segment(&written).as_ref(), Some(&written));
        // One bit, which is another for every length.
        let mut changed = written.clone();
        let place = (data.len() * 31) % changed.len();
        changed[place] ^= 1 << (data.len() % 8);
        assert!(fuzzing::segment(&changed).is_none_or(|same| same == written), "byte {place} can be another");
        assert_eq!(fuzzing::segment(&written[..place]), None, "it is cut off at {place}");
    }
    if let Some((written, key)) = fuzzing::entry(data) {
        assert_eq!(fuzzing::entry(&written), Some((written, key)));
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Some(place) = fuzzing::place(text)
    {
        assert_eq!(fuzzing::place(&place), Some(place));
    }
}
