//! Trace context (W3C Recommendation "Trace Context", level 1): which request of which trace this is.

use std::fmt;

use axum::http::HeaderMap;

/// The name of the header.
const TRACEPARENT: &str = "traceparent";

/// Where a request stands in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// What all that belongs together is called; never zero.
    pub trace: u128,
    /// What this request is called in the trace; never zero.
    pub span: u64,
    /// What called it, if that said so.
    pub parent: Option<u64>,
    /// Whether the caller wants it to be recorded; `None` where there is no caller that says it.
    pub sampled: Option<bool>,
}

impl TraceContext {
    /// Returns the context of a request with these headers. Two that disagree say as little as one that is not valid.
    pub(crate) fn of_request(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let header = values.next().filter(|_| values.next().is_none());
        Self::of(header.and_then(|value| value.to_str().ok()))
    }

    /// Returns the context of a request that has this header, or none. What is not a valid header counts as none.
    pub(crate) fn of(header: Option<&str>) -> Self {
        let span = unused();
        match header.and_then(parse) {
            Some((trace, parent, flags)) => Self { trace, span, parent: Some(parent), sampled: Some(flags & 1 == 1) },
            None => Self { trace: rand::random::<u128>().max(1), span, parent: None, sampled: None },
        }
    }
}

impl fmt::Display for TraceContext {
    /// Writes the name of the trace, as it is in the header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.trace)
    }
}

fn unused() -> u64 {
    rand::random::<u64>().max(1)
}

/// Returns trace, parent and flags of a header: `00-<32 digits>-<16 digits>-<2 digits>`. Later versions may add to it.
fn parse(header: &str) -> Option<(u128, u64, u8)> {
    let mut parts = header.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let digits = |text: &str, count: usize| {
        text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    if !digits(version, 2) || version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    if !digits(trace, 32) || !digits(parent, 16) || !digits(flags, 2) {
        return None;
    }
    let trace = u128::from_str_radix(trace, 16).ok().filter(|trace| *trace != 0)?;
    let parent = u64::from_str_radix(parent, 16).ok().filter(|parent| *parent != 0)?;
    Some((trace, parent, u8::from_str_radix(flags, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_header_is_taken_up_and_another_one_begins_a_trace() {
        let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = TraceContext::of(Some(header));
        assert_eq!(context.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!((context.parent, context.sampled), (Some(0xb7ad_6b71_6920_3331), Some(true)));
        assert_ne!(context.span, 0xb7ad_6b71_6920_3331);
        let later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-what-comes";
        assert_eq!(TraceContext::of(Some(later)).sampled, Some(false));
        for wrong in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            let context = TraceContext::of(Some(wrong));
            assert!(context.parent.is_none() && context.sampled.is_none() && context.trace != 0, "{wrong}");
        }
    }
}
