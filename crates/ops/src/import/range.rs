//! Ranges of versions as other tools write them.

use resolve::{Requirement, Scheme};

/// Returns a range as a requirement: with commas where others leave blanks; `None` where that is none.
pub(super) fn requirement(range: &str) -> Option<String> {
    let alternatives: Vec<String> = range.split("||").map(with_commas).collect();
    let requirement = alternatives.join(" || ");
    Requirement::parse(&requirement, &Scheme::default()).ok()?;
    Some(requirement)
}

fn with_commas(alternative: &str) -> String {
    let is_operator = |word: &str| word.chars().all(|character| "<>=^~!".contains(character));
    let mut joined = String::new();
    // An operator and its version are one word here.
    for word in alternative.split([' ', '\t', ',']).filter(|word| !word.is_empty()) {
        let last = joined.rsplit(' ').next().unwrap_or_default();
        if !joined.is_empty() && !is_operator(last) {
            joined.push_str(", ");
        }
        joined.push_str(word);
    }
    joined
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
            ("1.x", "1.x"),
        ] {
            assert_eq!(requirement(theirs).as_deref(), Some(ours), "{theirs}");
        }
        for other in ["1.2 - 2.3", "!=1.2", "", ">="] {
            assert_eq!(requirement(other), None, "{other}");
        }
    }
}
