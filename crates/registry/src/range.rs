//! `Range` of a download (RFC 9110 section 14) and `Content-Range` of an upload (distribution-spec, "Pushing a blob in
//! chunks").

use std::str::FromStr;

/// The part of a blob that a `Range` header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requested {
    /// The whole of it: there was no `Range`, or one that a server may leave aside (several ranges, another unit).
    Whole,
    /// The bytes from `first` to `last`, both included; `last` is within the blob.
    Part {
        /// Position of the first byte.
        first: u64,
        /// Position of the last byte.
        last: u64,
    },
    /// Nothing that the blob has: 416.
    Unsatisfiable,
}

impl Requested {
    /// Reads the value of a `Range` header for a blob of `size` bytes.
    pub fn parse(header: &str, size: u64) -> Self {
        let Some(("bytes", ranges)) = header.trim().split_once('=') else { return Self::Whole };
        if ranges.contains(',') {
            return Self::Whole;
        }
        let Some((first, last)) = ranges.trim().split_once('-') else { return Self::Unsatisfiable };
        let bounds = match (first, last) {
            ("", suffix) => {
                number(suffix).filter(|&count| count > 0).map(|count| (size.saturating_sub(count), u64::MAX))
            }
            (first, "") => number(first).map(|first| (first, u64::MAX)),
            (first, last) => number(first).zip(number(last)),
        };
        match bounds {
            Some((first, last)) if first <= last && first < size => Self::Part { first, last: last.min(size - 1) },
            _ => Self::Unsatisfiable,
        }
    }
}

/// The position of a chunk within the blob that is being uploaded, `first-last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// Position of the first byte.
    pub first: u64,
    /// Number of bytes, at least one.
    pub length: u64,
}

impl FromStr for ContentRange {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, last) = text.trim().split_once('-').ok_or(())?;
        let (first, last) = number(first).zip(number(last)).ok_or(())?;
        // The end, one past the last byte, is a number that positions are compared with.
        let end = last.checked_add(1).ok_or(())?;
        let length = end.checked_sub(first).filter(|&length| length > 0).ok_or(())?;
        Ok(Self { first, length })
    }
}

/// Digits only: `u64::from_str` takes a sign. A number too large for 64 bits is larger than any blob.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{ContentRange, Requested};

    #[test]
    fn reads_single_ranges() {
        let cases = [
            ("bytes=0-0", Requested::Part { first: 0, last: 0 }),
            ("bytes=2-5", Requested::Part { first: 2, last: 5 }),
            ("bytes=2-", Requested::Part { first: 2, last: 9 }),
            ("bytes=-3", Requested::Part { first: 7, last: 9 }),
            ("bytes=-30", Requested::Part { first: 0, last: 9 }),
            ("bytes=5-99", Requested::Part { first: 5, last: 9 }),
            ("bytes=5-99999999999999999999999", Requested::Part { first: 5, last: 9 }),
            ("bytes=10-", Requested::Unsatisfiable),
            ("bytes=10-20", Requested::Unsatisfiable),
            ("bytes=5-4", Requested::Unsatisfiable),
            ("bytes=-0", Requested::Unsatisfiable),
            ("bytes=-", Requested::Unsatisfiable),
            ("bytes=", Requested::Unsatisfiable),
            ("bytes=+1-2", Requested::Unsatisfiable),
            ("bytes=a-b", Requested::Unsatisfiable),
            ("bytes=0-1,3-4", Requested::Whole),
            ("items=0-1", Requested::Whole),
            ("nonsense", Requested::Whole),
        ];
        for (header, expected) in cases {
            assert_eq!(Requested::parse(header, 10), expected, "{header}");
        }
    }

    #[test]
    fn an_empty_blob_has_no_part() {
        for header in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
            assert_eq!(Requested::parse(header, 0), Requested::Unsatisfiable, "{header}");
        }
    }

    #[test]
    fn reads_the_position_of_a_chunk() {
        assert_eq!("0-9".parse(), Ok(ContentRange { first: 0, length: 10 }));
        assert_eq!("10-10".parse(), Ok(ContentRange { first: 10, length: 1 }));
        for text in [
            "",
            "-",
            "1-",
            "-1",
            "2-1",
            "bytes 0-1/2",
            "0-18446744073709551615",
            "3-99999999999999999999",
            "+0-1",
            "0-1-2",
        ] {
            assert_eq!(text.parse::<ContentRange>(), Err(()), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_part_lies_within_the_blob(header in "bytes=[0-9]{0,21}-[0-9]{0,21}", size: u64) {
            if let Requested::Part { first, last } = Requested::parse(&header, size) {
                proptest::prop_assert!(first <= last && last < size);
            }
        }
    }
}
