//! Semantic Versioning 2.0.0.

use super::number;
use crate::value::{Key, Value};
use crate::version::Stage;

/// Reads `1.2.3`, `v1.2.3-rc.1`, `1.2.3_build.5`. A tag cannot hold the `+` before a build; what stands after it does not count.
pub(super) fn read(text: &str) -> Option<Value> {
    let version = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let (version, build) =
        version.split_once(['+', '_']).map_or((version, None), |(before, after)| (before, Some(after)));
    let (core, prerelease) = version.split_once('-').map_or((version, None), |(before, after)| (before, Some(after)));
    let numbers: Vec<u64> = core.split('.').map(canonical_number).collect::<Option<_>>()?;
    if numbers.len() != 3 || !build.is_none_or(are_identifiers) || !prerelease.is_none_or(are_identifiers) {
        return None;
    }
    let mut key = Key::default();
    key.numbers(&numbers);
    if let Some(prerelease) = prerelease {
        // Below every release (clause 11.3), in the order of clause 11.4.
        key.rank(Stage::Development as u64);
        for identifier in prerelease.split('.') {
            if let Some(number) = number(identifier) {
                canonical_number(identifier)?;
                key.rank(1);
                key.rank(number);
            } else {
                key.rank(2);
                key.text(identifier);
            }
        }
        key.rank(0);
    } else {
        key.rank(Stage::Release as u64);
    }
    let value = Value::new(version.to_owned(), numbers, key);
    Some(value.prerelease(prerelease.is_some()).plain(prerelease.is_none()))
}

/// Reads a number without leading zeros (clause 2).
fn canonical_number(text: &str) -> Option<u64> {
    number(text).filter(|_| text == "0" || !text.starts_with('0'))
}

fn are_identifiers(text: &str) -> bool {
    text.split('.').all(|identifier| {
        !identifier.is_empty() && identifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}
