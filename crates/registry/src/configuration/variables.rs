//! A variable for every key: `SUPERCARGO_SERVE_LIMITS_UPLOADS` is `uploads` in `[limits]`.

use resolve::document::{Document, DocumentError, Key, Shape, nearest, quoted};

use super::keys::ROOT;

/// What the names of all variables begin with.
pub const PREFIX: &str = "SUPERCARGO_SERVE_";

/// A key of the configuration, and the variable that wins over it.
#[derive(Debug)]
pub struct Variable {
    /// The variable's name.
    pub name: String,
    /// The key with the tables it is in: `limits.uploads`.
    pub key: String,
    /// What it means, in one sentence.
    pub meaning: &'static str,
    shape: &'static Shape,
}

/// Returns every variable, in the order of the keys.
pub fn variables() -> Vec<Variable> {
    let mut variables = Vec::new();
    add(ROOT, "", &mut variables);
    variables
}

// The depth is that of the tables of keys.
fn add(keys: &'static [Key], above: &str, variables: &mut Vec<Variable>) {
    for key in keys {
        let path = format!("{above}{}", key.name);
        if let Shape::Table(keys) = key.shape {
            add(keys, &format!("{path}."), variables);
        } else {
            let name = format!("{PREFIX}{}", path.replace(['.', '-'], "_").to_ascii_uppercase());
            variables.push(Variable { name, key: path, meaning: key.meaning, shape: &key.shape });
        }
    }
}

impl Variable {
    /// Returns the line that says in a file what the variable says.
    pub(super) fn line(&self, value: &str) -> String {
        let as_it_is = format!("{} = {value}", self.key);
        let is_text = matches!(self.shape, Shape::Text | Shape::Choice(_) | Shape::Duration | Shape::DurationOr(_));
        // What is neither a value nor a text is told as a text that does not fit.
        if is_text || value.contains(char::is_control) || Document::parse(&as_it_is).is_err() {
            return format!("{} = {}", self.key, quoted(value));
        }
        as_it_is
    }
}

/// Returns the variable of this name.
///
/// # Errors
/// When there is none, with the name that was meant.
pub(super) fn named<'v>(name: &str, variables: &'v [Variable]) -> Result<&'v Variable, DocumentError> {
    variables.iter().find(|variable| variable.name == name).ok_or_else(|| {
        let error = DocumentError::new("no key of the configuration has this variable", 0..0);
        // What all begin with makes them no nearer to each other.
        let bare = |name: &'v str| name.strip_prefix(PREFIX).unwrap_or_default();
        let known = variables.iter().map(|variable| bare(&variable.name));
        match nearest(name.strip_prefix(PREFIX).unwrap_or_default(), known) {
            Some(near) => error.help(format!("did you mean {PREFIX}{near}?")),
            None => error,
        }
    })
}
