//! Bake files: the images among the build contexts of targets, in HCL or JSON.
//!
//! | where | when it is an image |
//! |---|---|
//! | the values of `contexts` in a target | when they begin with `docker-image://` |
//! | the values of `args` in a target | when the argument is known to hold a reference |
//! | the default of a variable | when one of these consists of this variable |
//!
//! What a target is tagged with, and where it finds and leaves its cache, is written by the build or read as no image.

mod hcl;
mod json;
mod token;

use std::collections::HashMap;
use std::ops::Range;

use crate::compose::IMAGE_SCHEME;
use crate::error::TargetError;
use crate::find::Drafts;
use crate::options::Options;
use crate::place::SkipReason;
use crate::slot::{Slot, Slots, Whole};
use crate::text;

pub(crate) fn find(source: &str, options: &Options, drafts: &mut Drafts) -> Result<(), TargetError> {
    let facts = if source.trim_start().starts_with('{') { json::facts(source)? } else { hcl::facts(source)? };
    for (path, value) in &facts.contexts {
        facts.add(path, value, IMAGE_SCHEME, drafts)?;
    }
    for (path, argument, value) in &facts.arguments {
        if options.is_reference(argument) {
            facts.add(path, value, "", drafts)?;
        }
    }
    Ok(())
}

/// What a bake file says that could be about images.
#[derive(Default)]
struct Facts {
    /// The values of contexts, and where each is.
    contexts: Vec<(String, Value)>,
    /// The values of build arguments, where each is, and its name.
    arguments: Vec<(String, String, Value)>,
    /// The defaults of variables.
    variables: HashMap<String, Literal>,
}

/// A value in a target.
enum Value {
    /// A string.
    Literal(Literal),
    /// A variable by its name, and where it is written.
    Variable(String, Range<usize>),
}

/// A string.
#[derive(Clone)]
struct Literal {
    text: String,
    span: Range<usize>,
    /// What to replace to change it.
    slot: Result<Slot, SkipReason>,
}

impl Facts {
    /// Adds a value that begins with `scheme`, itself or by the variable that it consists of.
    fn add(&self, path: &str, value: &Value, scheme: &str, drafts: &mut Drafts) -> Result<(), TargetError> {
        let (name, scheme_in_default, span) = match value {
            Value::Variable(name, span) => (name.as_str(), scheme, span.clone()),
            Value::Literal(literal) => match literal.text.strip_prefix(scheme) {
                None => return Ok(()),
                Some(rest) => match variable(rest) {
                    Some(name) => (name, "", literal.span.clone()),
                    None => return literal.add(path, scheme.len(), drafts),
                },
            },
        };
        match self.variables.get(name) {
            Some(default) if default.text.starts_with(scheme_in_default) => {
                default.add(&format!("variable.{}", text::part_of_path(name)), scheme_in_default.len(), drafts)
            }
            None if scheme_in_default.is_empty() => drafts.skip(path, span, name, SkipReason::NoDefault),
            // A directory, or whatever is no image.
            _ => Ok(()),
        }
    }
}

impl Literal {
    /// Adds the text without its first bytes as a reference.
    fn add(&self, path: &str, skip: usize, drafts: &mut Drafts) -> Result<(), TargetError> {
        let written = &self.text[skip..];
        if written.is_empty() {
            return Ok(());
        }
        let slot = self.slot.clone().map(|slot| {
            let span = slot.span.start + skip..slot.span.end;
            Slot { span, style: slot.style, text: written.to_owned() }
        });
        let span = slot.as_ref().map_or_else(|_| self.span.clone(), |slot| slot.span.clone());
        let slots = slot.map(|slot| Slots::Whole(Whole { slot, both: true }));
        drafts.add(path, span, text::whole(written), slots)
    }
}

/// Returns the name in a text that is nothing but `${NAME}`.
fn variable(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?.trim();
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')).then_some(name)
}
