//! How much repositories may have, as a configuration says it.

use resolve::document::{DocumentError, Key, Shape, Table, key, quoted};

use super::immutable::patterns;
use super::read;
use super::rules::list;
use crate::quota::{Counted, Quota, QuotaScope, Quotas};

/// Most limits: every push looks at all of them.
const QUOTAS_MAX: usize = 1000;
/// Greatest limit.
const LIMIT_MAX: u64 = 1 << 60;
/// What can be limited.
const COUNTED: [Counted; 4] = [Counted::Bytes, Counted::Blobs, Counted::Manifests, Counted::Tags];

pub(super) const KEYS: &[Key] = &[
    key("repositories", Shape::Texts, "Patterns of the repositories that may have so much, each of them."),
    key("namespace", Shape::Text, "A name: all repositories of this name and below it may have so much together."),
    key("bytes", Shape::Count, "Most bytes of manifests and blobs; a blob counts once in each repository."),
    key("blobs", Shape::Count, "Most blobs."),
    key("manifests", Shape::Count, "Most manifests."),
    key("tags", Shape::Count, "Most tags."),
];

/// Returns the limits of the tables.
pub(super) fn read(tables: &[Table<'_>]) -> Result<Quotas, DocumentError> {
    if let Some(table) = tables.get(QUOTAS_MAX) {
        return Err(DocumentError::new(format!("there are more than {QUOTAS_MAX} quotas"), table.place.clone()));
    }
    tables.iter().map(quota).collect::<Result<_, _>>().map(Quotas::new)
}

fn quota(table: &Table<'_>) -> Result<Quota, DocumentError> {
    let wrong = |message: &str, help: &str| Err(DocumentError::new(message, table.place.clone()).help(help));
    let scope = match (table.has("repositories"), table.text("namespace")) {
        (true, None) => QuotaScope::Each(patterns(table, "repositories")?),
        (false, Some(text)) => {
            let name = text.text.parse().map_err(|_| {
                let message = format!("`{}` is no name of a repository", text.text.escape_debug());
                DocumentError::new(message, text.place.clone())
            })?;
            QuotaScope::Namespace(name)
        }
        _ => return wrong("a quota is for `repositories` or for a `namespace`", "repositories = [\"team/*\"]"),
    };
    let mut limits = Vec::new();
    for counted in COUNTED {
        if let Some(limit) = read::count(table, counted.word(), LIMIT_MAX)? {
            limits.push((counted, limit));
        }
    }
    if limits.is_empty() {
        return wrong("the quota limits nothing", "bytes = 10000000000");
    }
    Ok(Quota { scope, limits })
}

/// Returns the limits as TOML writes them in one line; `None` where there are none.
pub(super) fn shown(quotas: &Quotas) -> Option<String> {
    let one = |quota: &Quota| {
        let mut fields = vec![match &quota.scope {
            QuotaScope::Namespace(name) => format!("namespace = {}", quoted(name.as_str())),
            QuotaScope::Each(patterns) => {
                let texts: Vec<String> = patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect();
                format!("repositories = {}", list(&texts))
            }
        }];
        fields.extend(quota.limits.iter().map(|(counted, limit)| format!("{} = {limit}", counted.word())));
        format!("{{ {} }}", fields.join(", "))
    };
    let all: Vec<String> = quotas.all().iter().map(one).collect();
    (!all.is_empty()).then(|| format!("[{}]", all.join(", ")))
}
