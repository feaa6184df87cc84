//! A tree from JSON with comments and trailing commas (`devcontainer.json`, bake files).

use super::{Id, Label, Node, Notation, Scalar, Tree, Value};
use crate::error::TargetError;
use crate::limits::DEPTH_MAX;
use crate::position::syntax;

/// Parses one value.
pub(super) fn parse(source: &str) -> Result<Tree<'_>, TargetError> {
    let mut parser = Parser { tree: Tree::empty(source), at: 0, open: Vec::new() };
    parser.document()?;
    Ok(parser.tree)
}

struct Parser<'s> {
    tree: Tree<'s>,
    at: usize,
    /// The arrays and objects that are open.
    open: Vec<Id>,
}

impl<'s> Parser<'s> {
    fn error(&self, message: &str) -> TargetError {
        syntax(self.tree.source, self.at, message)
    }

    fn peek(&self) -> Option<u8> {
        self.tree.source.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'s str {
        self.tree.source.get(self.at..).unwrap_or_default()
    }

    fn document(&mut self) -> Result<(), TargetError> {
        self.skip_blanks()?;
        let root = self.value(None, Label::Root)?;
        self.tree.roots.push(root);
        while let Some(&id) = self.open.last() {
            self.member(id)?;
        }
        self.skip_blanks()?;
        if self.peek().is_some() { Err(self.error("more after the end of the document")) } else { Ok(()) }
    }

    /// Reads the next item or entry of a collection, or its end.
    fn member(&mut self, id: Id) -> Result<(), TargetError> {
        self.skip_blanks()?;
        let is_array = self.tree.node(id).is_some_and(|node| matches!(node.value, Value::Sequence(_)));
        let count = if is_array { self.tree.items(id).len() } else { self.tree.entries(id).len() };
        let end = if is_array { b']' } else { b'}' };
        let needs_comma = count > 0;
        let has_comma = self.peek() == Some(b',');
        if has_comma && needs_comma {
            self.at += 1;
            self.skip_blanks()?;
        }
        if self.peek() == Some(end) {
            self.at += 1;
            self.open.pop();
            return Ok(());
        }
        if needs_comma && !has_comma {
            return Err(self.error("a comma or the end of the collection is missing"));
        }
        if is_array {
            let item = self.value(Some(id), Label::Item(count))?;
            if let Some(Value::Sequence(items)) = self.tree.nodes.get_mut(id.0 as usize).map(|node| &mut node.value) {
                items.push(item);
            }
            return Ok(());
        }
        if self.peek() != Some(b'"') {
            return Err(self.error("a key in quotes is missing"));
        }
        let key = self.value(Some(id), Label::KeyAt(count))?;
        self.skip_blanks()?;
        if self.peek() != Some(b':') {
            return Err(self.error("a colon is missing"));
        }
        self.at += 1;
        self.skip_blanks()?;
        let value = self.value(Some(id), Label::Key(key))?;
        if let Some(Value::Mapping(entries)) = self.tree.nodes.get_mut(id.0 as usize).map(|node| &mut node.value) {
            entries.push((key, value));
        }
        Ok(())
    }

    /// Reads a scalar, or the beginning of a collection, which is then open.
    fn value(&mut self, parent: Option<Id>, label: Label) -> Result<Id, TargetError> {
        let start = self.at;
        let collection = match self.peek() {
            Some(b'[') => Some(Value::Sequence(Vec::new())),
            Some(b'{') => Some(Value::Mapping(Vec::new())),
            _ => None,
        };
        if let Some(value) = collection {
            if self.open.len() == DEPTH_MAX {
                return Err(self.error(&format!("nested deeper than {DEPTH_MAX} levels")));
            }
            self.at += 1;
            let id = self.tree.push(Node { parent, label, start, value })?;
            self.open.push(id);
            return Ok(id);
        }
        let scalar = if self.peek() == Some(b'"') { self.string()? } else { self.word()? };
        self.tree.push(Node { parent, label, start, value: Value::Scalar(scalar) })
    }

    /// `null`, `true`, a number: whatever it is, it is no text.
    fn word(&mut self) -> Result<Scalar<'s>, TargetError> {
        let rest = self.rest();
        let is_in_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let length = rest.bytes().take_while(|byte| is_in_word(*byte)).count();
        if length == 0 {
            return Err(self.error("a value is missing"));
        }
        let span = self.at..self.at + length;
        self.at = span.end;
        Ok(Scalar { text: "".into(), span, notation: Notation::Encoded })
    }

    fn string(&mut self) -> Result<Scalar<'s>, TargetError> {
        let start = self.at + 1;
        let inside = self.tree.source.get(start..).unwrap_or_default();
        let mut is_escaped = false;
        let mut has_escapes = false;
        let end = inside.bytes().position(|byte| {
            let is_end = byte == b'\n' || (byte == b'"' && !is_escaped);
            is_escaped = byte == b'\\' && !is_escaped;
            has_escapes |= is_escaped;
            is_end
        });
        let length =
            end.filter(|end| inside.as_bytes()[*end] == b'"').ok_or_else(|| self.error("a quote is not closed"))?;
        self.at = start + length + 1;
        let raw = &inside[..length];
        let text = if has_escapes { unescape(raw).into() } else { raw.into() };
        Ok(Scalar { text, span: start..start + length, notation: Notation::Quoted })
    }

    /// Skips blanks and comments.
    fn skip_blanks(&mut self) -> Result<(), TargetError> {
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
            self.at += blanks;
            let rest = &rest[blanks..];
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let end = comment.find("*/").ok_or_else(|| self.error("a comment is not closed"))?;
                self.at += end + 4;
            } else {
                return Ok(());
            }
        }
    }
}

/// Returns the text of a string with escapes. Half a surrogate pair becomes a replacement character, which no reference has.
fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match rest.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some('u') => {
                let digits = rest.as_str().get(..4).unwrap_or_default();
                let code = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
                text.push(code.unwrap_or(char::REPLACEMENT_CHARACTER));
                rest = rest.as_str().get(4..).unwrap_or_default().chars();
            }
            Some(other) => text.push(other),
            None => {}
        }
    }
    text
}
