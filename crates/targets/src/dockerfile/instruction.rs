//! Instructions of a Dockerfile: lines put together, without comments, each with where its bytes stand.

use std::ops::Range;

use super::heredoc;
use crate::error::TargetError;
use crate::position::syntax;

/// An instruction in one line.
pub(super) struct Instruction {
    pub(super) text: String,
    /// Where it begins in the file.
    pub(super) start: usize,
    /// The character that continues lines and takes the meaning of others.
    pub(super) escape: char,
    /// Where each piece begins in the text, and where in the file.
    pieces: Vec<(usize, usize)>,
}

impl Instruction {
    /// Returns the bytes of a part in the file; `None` where it runs over several lines.
    pub(super) fn span(&self, range: Range<usize>) -> Option<Range<usize>> {
        let next = self.pieces.partition_point(|(text, _)| *text <= range.start);
        let (text, source) = self.pieces.get(next.checked_sub(1)?)?;
        let is_one_piece = self.pieces.get(next).is_none_or(|(next, _)| range.end <= *next);
        is_one_piece.then(|| range.start - text + source..range.end - text + source)
    }
}

/// `# name=value` at the top of a file.
pub(super) struct Directive<'s> {
    pub(super) name: &'s str,
    pub(super) value: &'s str,
    /// Where the value begins in the file.
    pub(super) at: usize,
}

/// Reads a file instruction by instruction.
pub(super) struct Reader<'s> {
    source: &'s str,
    at: usize,
    escape: char,
}

impl<'s> Reader<'s> {
    pub(super) const fn new(source: &'s str) -> Self {
        Self { source, at: 0, escape: '\\' }
    }

    /// Returns the next line without its end, and where it begins.
    fn line(&mut self) -> Option<(&'s str, usize)> {
        let rest = self.source.get(self.at..).filter(|rest| !rest.is_empty())?;
        let line = rest.split_inclusive('\n').next().unwrap_or(rest);
        let start = self.at;
        self.at += line.len();
        let line = line.strip_suffix('\n').unwrap_or(line);
        Some((line.strip_suffix('\r').unwrap_or(line), start))
    }

    /// Reads the directives, which stand before everything else, blank lines included.
    pub(super) fn directives(&mut self) -> Vec<Directive<'s>> {
        let mut directives = Vec::new();
        loop {
            let before = self.at;
            let Some((line, start)) = self.line() else { return directives };
            if before == 0 && line.starts_with("#!") {
                continue;
            }
            let Some(directive) = directive(line, start) else {
                self.at = before;
                return directives;
            };
            if directive.name.eq_ignore_ascii_case("escape") && directive.value == "`" {
                self.escape = '`';
            }
            directives.push(directive);
        }
    }

    /// Returns the next instruction. The text of heredocs that belong to it is passed over.
    pub(super) fn next(&mut self) -> Result<Option<Instruction>, TargetError> {
        let mut instruction = Instruction { text: String::new(), start: 0, escape: self.escape, pieces: Vec::new() };
        let mut is_complete = false;
        while !is_complete {
            let Some((line, start)) = self.line() else { break };
            let indent = line.len() - line.trim_start().len();
            // Comments and blank lines between the lines of an instruction are no part of it.
            if line[indent..].starts_with('#') || indent == line.len() {
                continue;
            }
            let is_first = instruction.pieces.is_empty();
            let indent = if is_first { indent } else { 0 };
            if is_first {
                instruction.start = start + indent;
            }
            let continued = continued(line, self.escape);
            is_complete = continued.is_none();
            let part = continued.unwrap_or(line).get(indent..).unwrap_or_default();
            instruction.pieces.push((instruction.text.len(), start + indent));
            instruction.text.push_str(part);
        }
        if instruction.pieces.is_empty() {
            return Ok(None);
        }
        for heredoc in heredoc::of(&instruction) {
            loop {
                let Some((line, _)) = self.line() else {
                    return Err(syntax(self.source, instruction.start, format!("`{}` does not end", heredoc.name)));
                };
                if heredoc.ends_with(line) {
                    break;
                }
            }
        }
        Ok(Some(instruction))
    }
}

/// Returns a line without the character at its end that continues it.
fn continued(line: &str, escape: char) -> Option<&str> {
    let before = line.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    // Twice, it stands for itself.
    (!before.ends_with(escape)).then_some(before)
}

fn directive(line: &str, start: usize) -> Option<Directive<'_>> {
    let (name, value) = line.strip_prefix('#')?.split_once('=')?;
    let name = name.trim();
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let at = start + line.len() - value.trim_start().len();
    let value = value.trim();
    (is_name && !value.is_empty()).then_some(Directive { name, value, at })
}
