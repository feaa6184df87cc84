//! Assertions of other issuers, and their keys.

use registry::access::{JwsAlgorithm, KeySet, Refusal, Unverified};

use super::assert_printable;

/// Reads an assertion and, after a line end, a set of keys: a text that was signed by nobody has no claims, unless its maker brought the key as
/// well.
pub fn assertion(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (text, keys) = data.split_at(at);
    let keys = KeySet::parse(keys);
    if let Err(error) = &keys {
        assert_printable(error);
    }
    let Ok(text) = std::str::from_utf8(text) else { return };
    let refused = |outcome: Result<_, Refusal>| {
        if let Err(refusal) = outcome {
            assert_printable(&refusal);
        }
    };
    match Unverified::parse(text) {
        Ok(assertion) => {
            assert_eq!(text.split('.').count(), 3);
            assert!(text.len() <= 16 * 1024);
            let algorithm = assertion.algorithm();
            let others: Vec<_> = JwsAlgorithm::ALL.into_iter().filter(|other| *other != algorithm).collect();
            let Ok(keys) = keys else { return };
            assert!(!keys.is_empty());
            assert_eq!(keys.verify(assertion, &others).err(), Some(Refusal::Algorithm));
            refused(Unverified::parse(text).and_then(|again| keys.verify(again, &JwsAlgorithm::ALL)).map(drop));
        }
        Err(refusal) => refused(Err(refusal)),
    }
}
