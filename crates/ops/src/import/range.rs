//! Ranges of versions as other tools write them.

use resolve::mirror::with_commas;
use resolve::{Requirement, Scheme};

/// Returns a range as a requirement, which means the same to a mirror of it; `None` where it is none.
pub(super) fn requirement(range: &str) -> Option<String> {
    let requirement = with_commas(range);
    Requirement::parse(&requirement, &Scheme::default()).ok()?;
    Some(requirement)
}

#[cfg(test)]
mod tests {
    use super::requirement;

    #[test]
    fn blanks_between_comparisons_become_commas() {
        for (theirs, ours) in [
            (">= 3.12.0", ">=3.12.0"),
            (">=3.1, <4", ">=3.1, <4"),
            (">=3.1 <4", ">=3.1, <4"),
            ("^1.2 || ~2.3.0", "^1.2 || ~2.3.0"),
            ("1.x", "1.*"),
            ("1.2.3", "=1.2.3"),
        ] {
            assert_eq!(requirement(theirs).as_deref(), Some(ours), "{theirs}");
        }
        for other in ["1.2 - 2.3", "!=1.2", "", ">="] {
            assert_eq!(requirement(other), None, "{other}");
        }
    }
}
