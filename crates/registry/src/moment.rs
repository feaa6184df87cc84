//! Moments to the millisecond, in the form of RFC 3339.

use oci::Timestamp;

/// Milliseconds of a second.
const SECOND: i64 = 1000;

/// Reads a `date-time` of RFC 3339 and returns milliseconds since 1970. What is finer than that is dropped.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let seconds = text.parse::<Timestamp>().ok()?.seconds();
    let fraction = text.split_once('.').map_or("", |(_, rest)| rest);
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).chain(std::iter::repeat(b'0'));
    let thousandths = digits.take(3).fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    Some(seconds * SECOND + thousandths)
}

/// Returns milliseconds since 1970 as text; `None` outside of the years that can be written.
pub(crate) fn text(milliseconds: i64) -> Option<String> {
    let whole = Timestamp::from_seconds(milliseconds.div_euclid(SECOND))?.to_string();
    let whole = whole.strip_suffix('Z')?;
    Some(format!("{whole}.{:03}Z", milliseconds.rem_euclid(SECOND)))
}

#[cfg(test)]
mod tests {
    use super::{parse, text};

    #[test]
    fn reads_what_it_writes_and_what_others_write() {
        for (written, milliseconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:01.5Z", 1500),
            ("1970-01-01T01:00:00.0019+01:00", 1),
            ("1969-12-31T23:59:59.999Z", -1),
        ] {
            assert_eq!(parse(written), Some(milliseconds), "{written}");
        }
        assert_eq!(text(-1).as_deref(), Some("1969-12-31T23:59:59.999Z"));
        assert_eq!(text(1500).as_deref(), Some("1970-01-01T00:00:01.500Z"));
        for wrong in ["", "1970-01-01", "now", "1970-01-01T00:00:00"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(text(i64::MAX), None);
    }

    proptest::proptest! {
        #[test]
        fn every_moment_is_read_again(milliseconds in -62_167_219_200_000..253_402_300_799_999_i64) {
            proptest::prop_assert_eq!(parse(&text(milliseconds).unwrap()), Some(milliseconds));
        }
    }
}
