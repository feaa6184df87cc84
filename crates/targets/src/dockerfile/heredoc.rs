//! Heredocs: lines after `RUN`, `COPY` and `ADD` that are no instructions.

use super::instruction::Instruction;
use super::words::words;
use crate::tree::Tree;

/// What ends a heredoc.
pub(super) struct Heredoc {
    pub(super) name: String,
    /// Whether the tabs before its lines do not count (`<<-`).
    ignores_tabs: bool,
}

impl Heredoc {
    pub(super) fn ends_with(&self, line: &str) -> bool {
        let line = if self.ignores_tabs { line.trim_start_matches('\t') } else { line };
        line == self.name
    }
}

/// Returns the heredocs of an instruction, in the order in which their text follows.
pub(super) fn of(instruction: &Instruction) -> Vec<Heredoc> {
    let text = &instruction.text;
    if !text.contains("<<") {
        return Vec::new();
    }
    let words = words(text, instruction.escape);
    let mut rest = words.iter();
    let mut keyword = rest.next().map(|word| text[word.clone()].to_ascii_uppercase());
    if keyword.as_deref() == Some("ONBUILD") {
        keyword = rest.next().map(|word| text[word.clone()].to_ascii_uppercase());
    }
    if !matches!(keyword.as_deref(), Some("RUN" | "COPY" | "ADD")) {
        return Vec::new();
    }
    // A command given as a list goes to no shell.
    let first = rest.clone().find(|word| !text[(*word).clone()].starts_with("--"));
    if first.is_some_and(|first| text[first.start..].starts_with('[') && Tree::json(&text[first.start..]).is_ok()) {
        return Vec::new();
    }
    rest.filter_map(|word| heredoc(&text[word.clone()])).collect()
}

/// `<<EOF`, `<<-EOF`, `3<<'EOF'`
fn heredoc(word: &str) -> Option<Heredoc> {
    let rest = word.trim_start_matches(|first: char| first.is_ascii_digit()).strip_prefix("<<")?;
    let (rest, ignores_tabs) = rest.strip_prefix('-').map_or((rest, false), |rest| (rest, true));
    if rest.contains('<') {
        return None;
    }
    let name: String = rest.chars().filter(|character| !matches!(character, '"' | '\'')).collect();
    (!name.is_empty()).then_some(Heredoc { name, ignores_tabs })
}
