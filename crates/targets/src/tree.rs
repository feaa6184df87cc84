//! What YAML and JSON have in common: scalars, sequences, mappings, and the bytes where each stands.

mod expanded;
mod json;
mod yaml;

use std::borrow::Cow;
use std::ops::Range;

use crate::error::TargetError;
use crate::find::Drafts;
use crate::limits::{NODES_MAX, PATH_MAX_CHARACTERS};
use crate::options::{Pattern, Step};
use crate::place::SkipReason;
use crate::position::{Positions, syntax};
use crate::slot::{Slot, Slots, Style, Whole};
use crate::text;

/// A node of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(u32);

/// The documents of a file. Nodes are in the order in which they begin; aliases are kept as such, so the tree is no larger
/// than the file.
pub(crate) struct Tree<'s> {
    source: &'s str,
    nodes: Vec<Node<'s>>,
    roots: Vec<Id>,
}

struct Node<'s> {
    parent: Option<Id>,
    /// How the parent names it.
    label: Label,
    /// Where it begins, in bytes.
    start: usize,
    value: Value<'s>,
}

#[derive(Clone, Copy, Debug)]
enum Label {
    /// The whole document.
    Root,
    /// The value of that key.
    Key(Id),
    /// The key of an entry.
    KeyAt(usize),
    /// The item of a sequence.
    Item(usize),
}

enum Value<'s> {
    Scalar(Scalar<'s>),
    Sequence(Vec<Id>),
    Mapping(Vec<(Id, Id)>),
    /// An alias of a node; of none where the anchor is not known.
    Alias(Option<Id>),
}

struct Scalar<'s> {
    text: Cow<'s, str>,
    /// The bytes of the text, without quotes.
    span: Range<usize>,
    notation: Notation,
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notation {
    Plain,
    Quoted,
    /// As a word for nothing: `null`, `~`. Its text is empty.
    Null,
    /// Indented under `|` or `>`, or no text at all: nothing that could be replaced.
    Encoded,
    /// Not at all. The span is empty, and lies after the colon of the key where a value can be added there.
    Missing {
        can_be_added: bool,
    },
}

impl<'s> Tree<'s> {
    /// Parses YAML, which JSON is a part of.
    pub(crate) fn yaml(source: &'s str) -> Result<Self, TargetError> {
        yaml::parse(source)
    }

    /// Parses JSON with comments and trailing commas.
    pub(crate) fn json(source: &'s str) -> Result<Self, TargetError> {
        json::parse(source)
    }

    const fn empty(source: &'s str) -> Self {
        Self { source, nodes: Vec::new(), roots: Vec::new() }
    }

    fn push(&mut self, node: Node<'s>) -> Result<Id, TargetError> {
        match u32::try_from(self.nodes.len()) {
            Ok(id) if self.nodes.len() < NODES_MAX => {
                self.nodes.push(node);
                Ok(Id(id))
            }
            _ => Err(syntax(self.source, node.start, format!("more than {NODES_MAX} values"))),
        }
    }

    fn node(&self, id: Id) -> Option<&Node<'s>> {
        self.nodes.get(id.0 as usize)
    }

    /// Returns the root of each document.
    pub(crate) fn roots(&self) -> &[Id] {
        &self.roots
    }

    /// Returns every node.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        // There are fewer nodes than NODES_MAX.
        (0..u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)).map(Id)
    }

    /// Returns the node itself, or what it is an alias of.
    pub(crate) fn resolve(&self, id: Id) -> Option<Id> {
        match self.node(id)?.value {
            Value::Alias(target) => target,
            _ => Some(id),
        }
    }

    /// Returns the text of a scalar.
    pub(crate) fn text(&self, id: Id) -> Option<&str> {
        match &self.node(self.resolve(id)?)?.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// Returns the items of a sequence; none of anything else.
    pub(crate) fn items(&self, id: Id) -> &[Id] {
        match self.node(id).map(|node| &node.value) {
            Some(Value::Sequence(items)) => items,
            _ => &[],
        }
    }

    /// Returns the keys and values of a mapping; none of anything else.
    pub(crate) fn entries(&self, id: Id) -> &[(Id, Id)] {
        match self.node(id).map(|node| &node.value) {
            Some(Value::Mapping(entries)) => entries,
            _ => &[],
        }
    }

    /// Tells whether a node is a mapping, which may be empty.
    pub(crate) fn is_mapping(&self, id: Id) -> bool {
        self.node(id).is_some_and(|node| matches!(node.value, Value::Mapping(_)))
    }

    /// Returns the first value of a key in a mapping itself, merge keys aside.
    pub(crate) fn get(&self, id: Id, key: &str) -> Option<Id> {
        self.entries(id).iter().find(|(known, _)| self.text(*known) == Some(key)).map(|(_, value)| *value)
    }

    /// Returns the key of which a node is the value.
    pub(crate) fn key_of(&self, id: Id) -> Option<&str> {
        match self.node(id)?.label {
            Label::Key(key) => self.text(key),
            _ => None,
        }
    }

    /// Returns an error that points at a node.
    pub(crate) fn error(&self, id: Id, message: impl Into<String>) -> TargetError {
        syntax(self.source, self.node(id).map_or(0, |node| node.start), message)
    }

    /// Returns line and column of where each node stands, in the order of the nodes.
    pub(crate) fn positions(&self, ids: &[Id]) -> Vec<(usize, usize)> {
        let start = |id: &Id| self.node(*id).map_or(0, |node| node.start);
        // The text is looked through once, whatever the order.
        let mut sorted: Vec<usize> = (0..ids.len()).collect();
        sorted.sort_by_key(|number| ids.get(*number).map(start));
        let mut positions = Positions::of(self.source);
        let mut found = vec![(1, 1); ids.len()];
        for number in sorted {
            if let (Some(id), Some(place)) = (ids.get(number), found.get_mut(number)) {
                *place = positions.next(start(id));
            }
        }
        found
    }

    /// Returns the bytes of a scalar without its quotes; of anything else, where it begins.
    pub(crate) fn span(&self, id: Id) -> Range<usize> {
        match self.resolve(id).and_then(|id| self.node(id)) {
            Some(Node { value: Value::Scalar(scalar), .. }) => scalar.span.clone(),
            Some(node) => node.start..node.start,
            None => 0..0,
        }
    }

    /// Returns where a node is, for people. One that is too long loses its beginning.
    pub(crate) fn path(&self, id: Id) -> String {
        // From the node to the root, then turned around.
        let mut steps: Vec<String> = Vec::new();
        let mut length = 0;
        let mut at = Some(id);
        while let Some(node) = at.and_then(|id| self.node(id)) {
            let step = match node.label {
                Label::Root => String::new(),
                Label::Key(key) => shown_key(self.text(key).unwrap_or("?")),
                Label::KeyAt(index) | Label::Item(index) => format!("[{index}]"),
            };
            length += step.len() + 1;
            if length > PATH_MAX_CHARACTERS {
                steps.push("…".to_owned());
                break;
            }
            steps.push(step);
            at = node.parent;
        }
        let mut path = String::with_capacity(length);
        for step in steps.iter().rev().filter(|step| !step.is_empty()) {
            if !path.is_empty() && !step.starts_with('[') {
                path.push('.');
            }
            path.push_str(step);
        }
        path
    }

    /// Returns what to replace to change a scalar, without the first `skip` bytes of its text.
    pub(crate) fn slot(&self, id: Id, skip: usize) -> Result<Slot, SkipReason> {
        let node = self.resolve(id).and_then(|id| self.node(id));
        let Some(Value::Scalar(scalar)) = node.map(|node| &node.value) else { return Err(SkipReason::Encoded) };
        let Scalar { text, span, notation } = scalar;
        let is_exact = self.source.get(span.clone()) == Some(&**text);
        let style = match notation {
            Notation::Quoted => Style::Verbatim,
            Notation::Plain if skip > 0 => Style::PlainEnd,
            Notation::Plain => Style::Plain,
            Notation::Null => return Ok(Slot { span: span.clone(), style: Style::Plain, text: String::new() }),
            Notation::Missing { can_be_added: true } => Style::Absent,
            Notation::Missing { can_be_added: false } | Notation::Encoded => return Err(SkipReason::Encoded),
        };
        let is_findable = is_exact || (skip == 0 && *notation == Notation::Quoted);
        match text.get(skip..) {
            Some(text) if is_findable => Ok(Slot { span: span.start + skip..span.end, style, text: text.to_owned() }),
            _ => Err(SkipReason::Encoded),
        }
    }

    /// Adds the scalar as a reference in one piece, without the first `skip` bytes of its text. An empty one is no place.
    pub(crate) fn whole(&self, id: Id, skip: usize, both: bool, drafts: &mut Drafts) -> Result<(), TargetError> {
        let Some(id) = self.resolve(id) else { return Ok(()) };
        if let Some(line) = self.template(id) {
            let start = self.span(id).start;
            return drafts.skip(&self.path(id), start..start + line.len(), line, SkipReason::Template);
        }
        let written = self.text(id).and_then(|text| text.get(skip..)).unwrap_or_default();
        if written.is_empty() {
            return Ok(());
        }
        let slots = self.slot(id, skip).map(|slot| Slots::Whole(Whole { slot, both }));
        let span = slots.as_ref().ok().and_then(|slots| slots.spans().pop()).unwrap_or_else(|| self.span(id));
        drafts.add(&self.path(id), span, text::whole(written), slots)
    }

    /// Returns what is left of the line where a template action stands in place of a scalar: `image: {{ .Values.image }}`,
    /// which YAML reads as two mappings.
    fn template(&self, id: Id) -> Option<&'s str> {
        let node = self.node(id).filter(|node| matches!(node.value, Value::Mapping(_)))?;
        let line = self.source.get(node.start..)?.split(['\n', '\r']).next()?;
        line.starts_with("{{").then_some(line)
    }

    /// Returns the nodes that a pattern leads to from the roots.
    pub(crate) fn matches(&self, pattern: &Pattern) -> Vec<Id> {
        let mut ids: Vec<Id> = self.roots.clone();
        for step in &pattern.steps {
            let mut next: Vec<Id> = Vec::new();
            for id in ids.iter().filter_map(|id| self.resolve(*id)) {
                let values = |is_wanted: &dyn Fn(Id) -> bool| -> Vec<Id> {
                    let wanted = self.entries(id).iter().filter(|(key, _)| is_wanted(*key));
                    wanted.map(|(_, value)| *value).collect()
                };
                match step {
                    Step::AnyKey => next.extend(values(&|_| true)),
                    Step::Key(key) => next.extend(values(&|known| self.text(known) == Some(key))),
                    Step::AnyIndex => next.extend(self.items(id)),
                    Step::Index(index) => next.extend(self.items(id).get(*index)),
                }
            }
            // What several aliases lead to is followed once.
            for id in &mut next {
                *id = self.resolve(*id).unwrap_or(*id);
            }
            next.sort_unstable();
            next.dedup();
            ids = next;
        }
        ids
    }
}

/// Writes a key as it would be written in a pattern.
fn shown_key(key: &str) -> String {
    let key = text::part_of_path(key);
    let is_bare = !key.is_empty() && !key.contains(['.', '[', '"', '*', ' ']);
    if is_bare { key.to_owned() } else { format!("\"{key}\"") }
}
