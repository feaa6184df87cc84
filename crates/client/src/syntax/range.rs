//! `Range` of an upload session and `Content-Range` of a partial answer.

/// Returns how many bytes an upload session holds, from its `Range: 0-<last>` (distribution-spec, "Resuming a push").
///
/// `0-0` is what widely used registries answer for an empty session, so it counts as no byte: uploading one byte again costs
/// nothing, leaving one out would cost the upload.
pub fn uploaded(header: &str) -> Option<u64> {
    let text = header.trim();
    let text = text.strip_prefix("bytes=").unwrap_or(text);
    let (first, last) = text.split_once('-')?;
    if number(first)? != 0 {
        return None;
    }
    match number(last)? {
        0 => Some(0),
        last => last.checked_add(1),
    }
}

/// What a partial answer holds: `bytes <first>-<last>/<total>` (RFC 9110 section 14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// Offset of the first byte.
    pub first: u64,
    /// Offset of the last byte.
    pub last: u64,
    /// Size of the whole, where it is told.
    pub total: Option<u64>,
}

impl ContentRange {
    /// Reads the header. `None` when it is not of this form or contradicts itself.
    pub fn parse(header: &str) -> Option<Self> {
        let (unit, rest) = header.trim().split_once(' ')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (range, total) = rest.trim().split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let total = if total == "*" { None } else { Some(number(total)?) };
        let range = Self { first: number(first)?, last: number(last)?, total };
        (range.first <= range.last && range.total.is_none_or(|total| range.last < total)).then_some(range)
    }
}

/// Reads digits only: `u64::from_str` would also take a plus sign.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{ContentRange, uploaded};

    #[test]
    fn reads_what_a_session_holds() {
        assert_eq!(uploaded("0-9"), Some(10));
        assert_eq!(uploaded("bytes=0-9"), Some(10));
        assert_eq!(uploaded("0-0"), Some(0));
        for header in ["", "-", "1-9", "0-", "0-x", "0-+9", "0-18446744073709551615", "0-18446744073709551616"] {
            assert_eq!(uploaded(header), None, "{header}");
        }
    }

    #[test]
    fn reads_a_content_range() {
        assert_eq!(ContentRange::parse("bytes 5-9/10"), Some(ContentRange { first: 5, last: 9, total: Some(10) }));
        assert_eq!(ContentRange::parse("bytes 5-9/*"), Some(ContentRange { first: 5, last: 9, total: None }));
        for header in ["", "bytes", "bytes */10", "bytes 9-5/10", "bytes 5-10/10", "lines 0-1/2", "bytes 0-1"] {
            assert_eq!(ContentRange::parse(header), None, "{header}");
        }
    }
}
