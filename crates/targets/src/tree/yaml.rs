//! A tree from the events of a YAML parser.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, options};

use super::{Id, Label, Node, Notation, Scalar, Tree, Value};
use crate::error::TargetError;
use crate::limits::DEPTH_MAX;
use crate::position::syntax;

/// Parses every document of a file.
pub(super) fn parse(source: &str) -> Result<Tree<'_>, TargetError> {
    let options = options! {
        emit_unresolved_aliases: true,
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    let mut builder = Builder { tree: Tree::empty(source), open: Vec::new(), anchors: HashMap::new() };
    for event in Parser::new_from_str_with_options(source, options) {
        let (event, span) = event.map_err(|error| {
            let at = error.marker().byte_offset().unwrap_or_default();
            syntax(source, at, error.info())
        })?;
        builder.event(event, span)?;
    }
    Ok(builder.tree)
}

struct Builder<'s> {
    tree: Tree<'s>,
    /// The collections that are open, and the key that waits for its value in each.
    open: Vec<(Id, Option<Id>)>,
    /// What each anchor names.
    anchors: HashMap<usize, Id>,
}

impl<'s> Builder<'s> {
    fn event(&mut self, event: Event<'s>, span: Span) -> Result<(), TargetError> {
        // Spans of text that is given whole always have offsets.
        let range = span.byte_range().unwrap_or_default();
        match event {
            Event::SequenceStart(_, anchor, _) => {
                let id = self.add(range.start, Value::Sequence(Vec::new()), anchor)?;
                self.open(id, range.start)?;
            }
            Event::MappingStart(_, anchor, _) => {
                let id = self.add(range.start, Value::Mapping(Vec::new()), anchor)?;
                self.open(id, range.start)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_bare = anchor == 0 && tag.is_none();
                let scalar = match style {
                    ScalarStyle::Plain if range.is_empty() => self.missing(range.start, is_bare),
                    ScalarStyle::Plain if tag.is_none() && is_null(&text) => {
                        Scalar { text: "".into(), span: range.clone(), notation: Notation::Null }
                    }
                    ScalarStyle::Plain => Scalar { text, span: range.clone(), notation: Notation::Plain },
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                        let inside = range.start + 1..range.end.saturating_sub(1).max(range.start + 1);
                        Scalar { text, span: inside, notation: Notation::Quoted }
                    }
                    ScalarStyle::Literal | ScalarStyle::Folded => block(self.tree.source, text, range.clone()),
                };
                self.add(range.start, Value::Scalar(scalar), anchor)?;
            }
            Event::Alias(anchor) => {
                let target = self.anchors.get(&anchor).copied();
                self.add(range.start, Value::Alias(target), 0)?;
            }
            Event::UnresolvedAlias(_) => {
                self.add(range.start, Value::Alias(None), 0)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns the scalar that stands for a value that is not written. One can be added after the colon of its key.
    fn missing(&self, at: usize, is_bare: bool) -> Scalar<'s> {
        let rest = self.tree.source.get(at..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let has_colon = rest[blanks..].starts_with(':');
        let is_value = self.open.last().is_some_and(|(_, key)| key.is_some());
        let at = if has_colon { at + blanks + 1 } else { at };
        let notation = Notation::Missing { can_be_added: is_bare && is_value && has_colon };
        Scalar { text: "".into(), span: at..at, notation }
    }

    fn open(&mut self, id: Id, at: usize) -> Result<(), TargetError> {
        if self.open.len() == DEPTH_MAX {
            return Err(syntax(self.tree.source, at, format!("nested deeper than {DEPTH_MAX} levels")));
        }
        self.open.push((id, None));
        Ok(())
    }

    /// Adds a node where the next one belongs.
    fn add(&mut self, start: usize, value: Value<'s>, anchor: usize) -> Result<Id, TargetError> {
        let parent = self.open.last().map(|(id, _)| *id);
        let waiting = self.open.last().and_then(|(_, key)| *key);
        let siblings = parent.map_or(0, |id| self.tree.items(id).len() + self.tree.entries(id).len());
        let is_mapping = parent.is_some_and(|id| self.tree.is_mapping(id));
        let label = match (parent, waiting) {
            (None, _) => Label::Root,
            (_, Some(key)) => Label::Key(key),
            _ if is_mapping => Label::KeyAt(siblings),
            _ => Label::Item(siblings),
        };
        let id = self.tree.push(Node { parent, label, start, value })?;
        match self.open.last_mut() {
            None => self.tree.roots.push(id),
            Some((parent, waiting)) => {
                match (self.tree.nodes.get_mut(parent.0 as usize).map(|node| &mut node.value), waiting.take()) {
                    (Some(Value::Sequence(items)), _) => items.push(id),
                    (Some(Value::Mapping(entries)), Some(key)) => entries.push((key, id)),
                    _ => *waiting = Some(id),
                }
            }
        }
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        Ok(id)
    }
}

/// Returns a block scalar. One line without its end is as good as quoted.
fn block<'s>(source: &str, text: Cow<'s, str>, range: Range<usize>) -> Scalar<'s> {
    let line = source.get(range.clone()).unwrap_or_default().trim_end();
    if line == text {
        return Scalar { text, span: range.start..range.start + line.len(), notation: Notation::Quoted };
    }
    Scalar { text, span: range, notation: Notation::Encoded }
}

fn is_null(text: &str) -> bool {
    matches!(text, "~" | "null" | "Null" | "NULL")
}
