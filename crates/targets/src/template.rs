//! Files with template actions between their lines, which are no YAML before they are rendered.
//!
//! Such a file is read line by line. Only `image: REFERENCE` is taken for a reference, and only where no action stands in
//! the value; what is indented under `|` or `>` and what is inside an action that spans lines is passed over.

use crate::error::TargetError;
use crate::find::Drafts;
use crate::place::SkipReason;
use crate::slot::{Slot, Style};

/// Tells whether a file has template actions.
pub(crate) fn is_one(source: &str) -> bool {
    source.contains("{{")
}

pub(crate) fn find(source: &str, drafts: &mut Drafts) -> Result<(), TargetError> {
    let mut start = 0;
    // How far the key of a block scalar is indented, while its lines follow.
    let mut block: Option<usize> = None;
    let mut is_in_action = false;
    for line in source.split_inclusive('\n') {
        let at = start;
        start += line.len();
        let text = line.trim_end_matches(['\n', '\r']);
        let was_in_action = is_in_action;
        is_in_action = is_open(text, is_in_action);
        if was_in_action {
            continue;
        }
        let indent = indent(text);
        if text.trim().is_empty() || block.is_some_and(|block| indent > block) {
            continue;
        }
        block = opens_block(text).then(|| block_parent(text, indent));
        let Some(value) = text[indent..].strip_prefix("image:") else { continue };
        let Some(value) = value.strip_prefix([' ', '\t']) else { continue };
        let value = value.trim_start_matches([' ', '\t']);
        if let Some((style, length)) = scalar(value) {
            let quote = usize::from(style == Style::Verbatim);
            let from = at + text.len() - value.len() + quote;
            let written = &value[quote..quote + length];
            let slot = Slot { span: from..from + length, style, text: written.to_owned() };
            drafts.whole("image", slot, true)?;
        } else if value.contains("{{") {
            let from = at + text.len() - value.len();
            drafts.skip("image", from..from + value.len(), value, SkipReason::Template)?;
        }
    }
    Ok(())
}

/// Tells whether an action is open after a line.
fn is_open(line: &str, before: bool) -> bool {
    match (line.rfind("{{"), line.rfind("}}")) {
        (Some(open), Some(close)) => open > close,
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => before,
    }
}

/// Returns the length of what comes before a key: blanks and the dashes of list items.
fn indent(line: &str) -> usize {
    let mut rest = line.trim_start_matches(' ');
    while let Some(after) = rest.strip_prefix("- ") {
        rest = after.trim_start_matches(' ');
    }
    line.len() - rest.len()
}

/// Returns how far the owner of a block scalar is indented: the key, or the dash where the item is the scalar itself.
fn block_parent(line: &str, indent: usize) -> usize {
    if line[indent..].starts_with(['|', '>']) { line[..indent].rfind('-').unwrap_or(indent) } else { indent }
}

/// Tells whether a line ends with `key: |`, `- >-` and the like.
fn opens_block(line: &str) -> bool {
    let line = line.split(" #").next().unwrap_or(line).trim_end();
    let header = line.trim_end_matches(|last: char| last.is_ascii_digit() || matches!(last, '-' | '+'));
    let before = header.strip_suffix(['|', '>']);
    before.is_some_and(|before| before.ends_with([' ', '\t']) && before.trim_end().ends_with([':', '-']))
}

/// Returns how a scalar is written and how long it is, if nothing but a comment follows.
fn scalar(value: &str) -> Option<(Style, usize)> {
    let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''));
    let (style, length, rest) = if let Some(quote) = quote {
        let length = value[1..].find(quote)?;
        (Style::Verbatim, length, &value[length + 2..])
    } else {
        let length = value.find([' ', '\t']).unwrap_or(value.len());
        (Style::Plain, length, &value[length..])
    };
    let rest = rest.trim_start_matches([' ', '\t']);
    (length > 0 && (rest.is_empty() || rest.starts_with('#'))).then_some((style, length))
}
