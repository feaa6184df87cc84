//! Which tags are made once, as a configuration says it.

use resolve::document::{DocumentError, Key, Shape, Table, key, required};
use resolve::retention::{PATTERNS_MAX, Pattern};

use crate::immutability::{Immutability, ImmutableTags};

/// Most rules.
const RULES_MAX: usize = 1000;

pub(super) const KEYS: &[Key] = &[
    key("repositories", Shape::Texts, "Patterns of the repositories that the rule is for; `[\"*\"]`."),
    required("tags", Shape::Texts, "Patterns of the tags that are made once and neither moved nor removed."),
    key("except", Shape::Texts, "Patterns of those that are not immutable all the same; none."),
];

/// Returns the rules of the tables.
pub(super) fn read(tables: &[Table<'_>]) -> Result<Immutability, DocumentError> {
    if let Some(table) = tables.get(RULES_MAX) {
        return Err(DocumentError::new(format!("there are more than {RULES_MAX} rules"), table.place.clone()));
    }
    let rules = tables.iter().map(|table| {
        let repositories = match patterns(table, "repositories")? {
            patterns if patterns.is_empty() => Pattern::parse("*").into_iter().collect(),
            patterns => patterns,
        };
        Ok(ImmutableTags { repositories, tags: patterns(table, "tags")?, except: patterns(table, "except")? })
    });
    rules.collect::<Result<_, _>>().map(Immutability::new)
}

/// Returns the patterns of a list.
pub(super) fn patterns(table: &Table<'_>, name: &str) -> Result<Vec<Pattern>, DocumentError> {
    let texts = table.texts(name).unwrap_or_default();
    if let Some(text) = texts.get(PATTERNS_MAX) {
        return Err(DocumentError::new(format!("there are more than {PATTERNS_MAX} patterns"), text.place.clone()));
    }
    let parse = |text: resolve::document::Text<'_>| {
        Pattern::parse(text.text).map_err(|message| DocumentError::new(message, text.place))
    };
    texts.into_iter().map(parse).collect()
}

/// Returns the rules as TOML writes them in one line; `None` where there are none.
pub(super) fn shown(rules: &Immutability) -> Option<String> {
    (!rules.is_empty()).then(|| rules.to_string())
}
