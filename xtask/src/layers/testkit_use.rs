//! Testkit is used by integration tests alone.
//!
//! A unit test that used it would see two copies of its own crate, the one under test and the one testkit was built
//! with, whose types do not fit together. Cargo cannot express this, so the sources are read.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::TESTKIT;
use crate::file_size::rust_files;

/// Finds the uses of testkit in the `src` directories of the crates.
pub fn outside_integration_tests(crates: &Path) -> Result<Vec<String>> {
    let mut violations = Vec::new();
    for entry in fs::read_dir(crates).with_context(|| format!("cannot read {}", crates.display()))? {
        let entry = entry?;
        let sources = entry.path().join("src");
        if entry.file_name() == TESTKIT || !sources.is_dir() {
            continue;
        }
        for file in rust_files(&sources)? {
            let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let uses = text.lines().enumerate().filter(|(_, line)| uses_testkit(line));
            let place =
                |(index, _)| format!("{}:{}: only integration tests may use testkit", file.display(), index + 1);
            violations.extend(uses.map(place));
        }
    }
    Ok(violations)
}

fn uses_testkit(line: &str) -> bool {
    !line.trim_start().starts_with("//") && line.contains("testkit::")
}

#[cfg(test)]
mod tests {
    use super::uses_testkit;

    #[test]
    fn a_use_is_seen_and_a_comment_is_not() {
        assert!(uses_testkit("    use testkit::TestRegistry;"));
        assert!(!uses_testkit("/// As `testkit::TestRegistry` does."));
    }
}
