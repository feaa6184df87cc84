//! Numbers for people.

use std::fmt;

/// Returns `count` and a noun that agrees with it.
pub(crate) fn count(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// A number of bytes, shown with three digits and a decimal unit as registries and disks count: `4.20 MB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteSize(pub(crate) u64);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
        let mut unit = 0;
        let mut divisor: u64 = 1;
        while unit + 1 < UNITS.len() && self.0 / divisor >= 1000 {
            divisor *= 1000;
            unit += 1;
        }
        let whole = self.0 / divisor;
        let text = match whole {
            _ if unit == 0 => format!("{whole} B"),
            // Cut, not rounded, so that 999.9 never becomes 1000.
            0..10 => format!("{whole}.{:02} {}", self.0 % divisor / (divisor / 100), UNITS[unit]),
            10..100 => format!("{whole}.{} {}", self.0 % divisor / (divisor / 10), UNITS[unit]),
            _ => format!("{whole} {}", UNITS[unit]),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::ByteSize;

    #[test]
    fn three_digits_and_a_unit() {
        let shown: Vec<String> = [0, 999, 1000, 1_234, 12_345, 999_999, 1_000_000, u64::MAX]
            .map(|bytes| ByteSize(bytes).to_string())
            .to_vec();
        assert_eq!(shown, ["0 B", "999 B", "1.00 kB", "1.23 kB", "12.3 kB", "999 kB", "1.00 MB", "18.4 EB"]);
        assert_eq!(format!("[{:>8}]", ByteSize(5)), "[     5 B]");
    }
}
