//! Which tags go by themselves, as a configuration says it.

use std::time::Duration;

use resolve::document::{DocumentError, Key, Shape, Table, key, required};
use resolve::retention::{Age, Pattern, Rules};

use super::immutable::patterns;
use super::keys::KEEP;
use super::read;
use crate::retention::{Retention, RetentionRule, Untagged};

/// Most rules: every tag is looked at by all of them.
const RULES_MAX: usize = 1000;
/// Most tags that are kept by their number: as many as anybody could count on.
const KEEP_MAX: u64 = 1_000_000;
/// What `untagged` may be beside a time, as a pattern of the schema has it.
const UNTAGGED_WORDS: &str = "collect|keep";
/// What nothing needs goes as soon as nobody may build on it.
const COLLECT: &str = "collect";

pub(super) const KEYS: &[Key] = &[
    required("repositories", Shape::Texts, "Patterns of the repositories that the rule is for."),
    key("tags", Shape::Texts, "Patterns of the tags that may go; `[\"*\"]`."),
    key("except", Shape::Texts, "Patterns of tags that stay, whatever this or another rule says; none."),
    key("keep", Shape::Count, "How many of the tags that may go stay: those that were pushed last."),
    key("pushed-within", Shape::Duration, "Tags stay that were pushed within this time."),
    key("pulled-within", Shape::Duration, "Tags stay that somebody has asked for within this time."),
    key(
        "untagged",
        Shape::DurationOr(UNTAGGED_WORDS),
        "How long a manifest stays that no tag points to and nothing needs; as `collect.untagged` says. `collect` is not at all, `keep` is for ever.",
    ),
];

/// Returns the rules of the tables.
pub(super) fn read(tables: &[Table<'_>]) -> Result<Retention, DocumentError> {
    if let Some(table) = tables.get(RULES_MAX) {
        return Err(DocumentError::new(format!("there are more than {RULES_MAX} rules"), table.place.clone()));
    }
    tables.iter().map(rule).collect::<Result<_, _>>().map(Retention::new)
}

fn rule(table: &Table<'_>) -> Result<RetentionRule, DocumentError> {
    let wrong = |message: &str, help: &str| Err(DocumentError::new(message, table.place.clone()).help(help));
    let repositories = patterns(table, "repositories")?;
    let keep = read::count(table, "keep", KEEP_MAX)?.map(|keep| usize::try_from(keep).unwrap_or(usize::MAX));
    let (pushed_within, pulled_within) = (age(table, "pushed-within")?, age(table, "pulled-within")?);
    let (mut delete, keep_tags) = (patterns(table, "tags")?, patterns(table, "except")?);
    let untagged = untagged(table)?;
    if keep.is_none() && pushed_within.is_none() && pulled_within.is_none() {
        if !delete.is_empty() || !keep_tags.is_empty() {
            return wrong("the rule does not say which tags stay", "keep = 10   # or pushed-within = \"30d\"");
        }
        if untagged.is_none() {
            return wrong("the rule says nothing", "keep = 10");
        }
    } else if delete.is_empty() {
        delete = Pattern::parse("*").into_iter().collect();
    }
    let tags = Rules { keep, keep_tags, delete, older_than: pushed_within };
    Ok(RetentionRule { repositories, tags, pulled_within, untagged })
}

fn age(table: &Table<'_>, name: &str) -> Result<Option<Age>, DocumentError> {
    let mut time = Duration::ZERO;
    read::duration(table, name, &mut time)?;
    Ok((!time.is_zero()).then_some(Age { seconds: time.as_secs() }))
}

fn untagged(table: &Table<'_>) -> Result<Option<Untagged>, DocumentError> {
    match table.text("untagged").map(|text| text.text) {
        None => Ok(None),
        Some(KEEP) => Ok(Some(Untagged::Keep)),
        Some(COLLECT) => Ok(Some(Untagged::Collect)),
        Some(_) => {
            let mut time = Duration::ZERO;
            read::duration(table, "untagged", &mut time)?;
            Ok(Some(Untagged::For(time)))
        }
    }
}

/// Returns the rules as TOML writes them in one line; `None` where there are none.
pub(super) fn shown(rules: &Retention) -> Option<String> {
    (!rules.rules().is_empty()).then(|| rules.to_string())
}
