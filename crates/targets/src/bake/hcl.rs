//! Bake files in HCL.

use super::token::{Kind, Token, tokens};
use super::{Facts, Literal, Value};
use crate::error::TargetError;
use crate::limits::DEPTH_MAX;
use crate::place::SkipReason;
use crate::position::syntax;
use crate::slot::{Slot, Style};
use crate::text;

/// Reads a file.
pub(super) fn facts(source: &str) -> Result<Facts, TargetError> {
    let tokens = tokens(source)?;
    let mut reader = Reader { source, tokens: &tokens, at: 0, facts: Facts::default() };
    reader.body()?;
    Ok(reader.facts)
}

struct Reader<'a> {
    source: &'a str,
    tokens: &'a [Token],
    at: usize,
    facts: Facts,
}

impl<'a> Reader<'a> {
    fn kind(&self, at: usize) -> Option<Kind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    fn text(&self, at: usize) -> &'a str {
        self.tokens.get(at).and_then(|token| self.source.get(token.span.clone())).unwrap_or_default()
    }

    fn error(&self, at: usize, message: &str) -> TargetError {
        let offset = self.tokens.get(at).map_or(self.source.len(), |token| token.span.start);
        syntax(self.source, offset, message)
    }

    /// Reads attributes and blocks to the end of the file.
    fn body(&mut self) -> Result<(), TargetError> {
        // The type and the first label of each block that is open.
        let mut blocks: Vec<(&str, &str)> = Vec::new();
        while let Some(kind) = self.kind(self.at) {
            match kind {
                Kind::Newline => self.at += 1,
                Kind::Sign(b'}') if blocks.pop().is_some() => self.at += 1,
                Kind::Name if self.kind(self.at + 1) == Some(Kind::Sign(b'=')) => {
                    let start = self.at;
                    let end = self.expression_end(start + 2)?;
                    if let [(kind, label)] = blocks[..] {
                        self.attribute(kind, label, self.text(start), start + 2..end);
                    }
                    self.at = end;
                }
                Kind::Name => {
                    let start = self.at;
                    self.at += 1;
                    while matches!(self.kind(self.at), Some(Kind::Name | Kind::String)) {
                        self.at += 1;
                    }
                    if self.kind(self.at) != Some(Kind::Sign(b'{')) {
                        return Err(self.error(self.at, "an equals sign or the beginning of a block is missing"));
                    }
                    let label = if self.at > start + 1 { self.text(start + 1) } else { "" };
                    self.at += 1;
                    blocks.push((self.text(start), label));
                    if blocks.len() > DEPTH_MAX {
                        return Err(self.error(start, &format!("nested deeper than {DEPTH_MAX} levels")));
                    }
                }
                _ => return Err(self.error(self.at, "a name is missing")),
            }
        }
        if blocks.is_empty() { Ok(()) } else { Err(self.error(self.at, "a block is not closed")) }
    }

    /// Returns where an expression ends: at the end of its line or block, outside of all brackets.
    fn expression_end(&self, start: usize) -> Result<usize, TargetError> {
        let mut depth = 0_usize;
        for at in start.. {
            match self.kind(at) {
                Some(Kind::Sign(b'{' | b'[' | b'(')) => depth += 1,
                Some(Kind::Sign(b'}' | b']' | b')')) if depth > 0 => depth -= 1,
                Some(Kind::Sign(b'}') | Kind::Newline) | None if depth == 0 => return Ok(at),
                Some(Kind::Sign(b']' | b')')) => return Err(self.error(at, "a bracket that was not opened")),
                None => return Err(self.error(start, "a bracket is not closed")),
                _ => {}
            }
        }
        Ok(start)
    }

    fn attribute(&mut self, block: &str, label: &str, name: &str, expression: std::ops::Range<usize>) {
        let shown = text::part_of_path(label);
        match (block, name) {
            ("variable", "default") if expression.len() == 1 && self.kind(expression.start) == Some(Kind::String) => {
                let literal = self.literal(expression.start);
                self.facts.variables.insert(label.to_owned(), literal);
            }
            ("target", "contexts") => {
                for (key, at) in self.values(expression) {
                    let path = format!("target.{shown}.contexts.{}", text::part_of_path(key));
                    let value = self.value(at);
                    self.facts.contexts.push((path, value));
                }
            }
            ("target", "args") => {
                for (key, at) in self.values(expression) {
                    let path = format!("target.{shown}.args.{}", text::part_of_path(key));
                    let value = self.value(at);
                    self.facts.arguments.push((path, key.to_owned(), value));
                }
            }
            _ => {}
        }
    }

    /// Returns the strings and lone names in an expression, each with the key of the object that it is a value of. All
    /// branches of a condition are values.
    fn values(&self, expression: std::ops::Range<usize>) -> Vec<(&'a str, usize)> {
        let mut values = Vec::new();
        let mut key = "";
        for at in expression.clone() {
            let before = at.checked_sub(1).filter(|before| *before >= expression.start).and_then(|at| self.kind(at));
            let after = self.kind(at + 1);
            let begins = matches!(before, Some(Kind::Sign(b'{' | b',') | Kind::Newline));
            let is_key = begins && matches!(after, Some(Kind::Sign(b'=' | b':')));
            match self.kind(at) {
                Some(Kind::String | Kind::Name) if is_key => key = self.text(at),
                Some(Kind::String) => values.push((key, at)),
                Some(Kind::Name)
                    if matches!(before, Some(Kind::Sign(b'=' | b':')))
                        && matches!(after, Some(Kind::Newline | Kind::Sign(b',' | b'}'))) =>
                {
                    values.push((key, at));
                }
                _ => {}
            }
        }
        values
    }

    fn value(&self, at: usize) -> Value {
        match self.tokens.get(at) {
            Some(Token { kind: Kind::Name, span }) => Value::Variable(self.text(at).to_owned(), span.clone()),
            _ => Value::Literal(self.literal(at)),
        }
    }

    fn literal(&self, at: usize) -> Literal {
        let span = self.tokens.get(at).map_or(0..0, |token| token.span.clone());
        let text = self.text(at).to_owned();
        let slot = if text.contains('\\') {
            Err(SkipReason::Encoded)
        } else {
            Ok(Slot { span: span.clone(), style: Style::Verbatim, text: text.clone() })
        };
        Literal { text, span, slot }
    }
}
