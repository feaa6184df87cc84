//! Spans of time as Go writes them: `1m30s`, `1.5h`, `200ms`.

use std::time::Duration;

/// Reads a span; `None` when it is none, or less than none.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut sum = None;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len()));
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let span = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        sum = Some(sum.unwrap_or(Duration::ZERO).checked_add(span)?);
        rest = after;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_writes() {
        for (text, millis) in [
            ("3s", Some(3000)),
            ("1m30s", Some(90_000)),
            ("1.5h", Some(5_400_000)),
            ("200ms", Some(200)),
            (".5s", Some(500)),
            ("+1s", Some(1000)),
            ("0", Some(0)),
            ("1500\u{b5}s", Some(1)),
            ("", None),
            ("3", None),
            ("-1s", None),
            ("s", None),
            ("1d", None),
            ("1..5s", None),
            ("1s ", None),
            ("99999999999999999999999999h", None),
        ] {
            assert_eq!(parse(text).map(|span| span.as_millis()), millis, "{text}");
        }
    }
}
