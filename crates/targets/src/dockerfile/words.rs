//! Words of an instruction.

use std::ops::Range;

/// Returns where the words are: what stands between blanks that are neither quoted nor escaped.
pub(super) fn words(text: &str, escape: char) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut is_escaped = false;
    for (at, character) in text.char_indices() {
        if quote.is_none() && !is_escaped && matches!(character, ' ' | '\t') {
            words.extend(start.take().map(|start| start..at));
            continue;
        }
        start.get_or_insert(at);
        if is_escaped {
            is_escaped = false;
        } else if character == escape && quote != Some('\'') {
            is_escaped = true;
        } else if quote == Some(character) {
            quote = None;
        } else if quote.is_none() && matches!(character, '"' | '\'') {
            quote = Some(character);
        }
    }
    words.extend(start.map(|start| start..text.len()));
    words
}

/// Returns the inside of a word in quotes, all of a word without; `None` where quotes or escapes stand in between.
pub(super) fn unquoted(word: &str, escape: char) -> Option<Range<usize>> {
    let mut inside = 0..word.len();
    for quote in ['"', '\''] {
        if word.len() >= 2 && word.starts_with(quote) && word.ends_with(quote) {
            inside = 1..word.len() - 1;
        }
    }
    (!word[inside.clone()].contains(['"', '\'', escape])).then_some(inside)
}
