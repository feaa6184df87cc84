//! Times as they are written: `90m`, `3d`.

use oci::date::SECONDS_A_DAY;

/// The units and their seconds, the longest first.
const UNITS: [(char, u64); 5] =
    [('w', 7 * SECONDS_A_DAY.unsigned_abs()), ('d', SECONDS_A_DAY.unsigned_abs()), ('h', 3600), ('m', 60), ('s', 1)];

/// Reads a time, in seconds; `None` where it is none.
pub fn parse(text: &str) -> Option<u64> {
    let unit = text.chars().next_back()?;
    let (_, seconds) = UNITS.iter().find(|(known, _)| *known == unit)?;
    let digits = text.strip_suffix(unit)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse::<u64>().ok())?.and_then(|count| count.checked_mul(*seconds))
}

/// Returns seconds in the longest unit of which they are a multiple.
pub fn text(seconds: u64) -> String {
    let is_whole = |unit: u64| seconds >= unit && seconds.is_multiple_of(unit);
    let unit = UNITS.iter().find(|(_, unit)| is_whole(*unit));
    unit.map_or_else(|| format!("{seconds}s"), |(letter, unit)| format!("{}{letter}", seconds / unit))
}
