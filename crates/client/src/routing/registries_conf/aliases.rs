//! Short names and what they stand for.

use std::collections::BTreeMap;

use oci::{RegistryReference, RepositoryName, Selector};

use crate::routing::file::{Fields, Reason};

/// Returns the aliases of a file; an empty one takes back what an earlier file says.
pub(super) fn of(file: Fields<'_>) -> Result<BTreeMap<String, Option<String>>, Reason> {
    let mut aliases = BTreeMap::new();
    let Some(table) = file.table("aliases")? else { return Ok(aliases) };
    for (short, item) in table.iter() {
        let shown = oci::text::printable(short);
        if !is_short(short) {
            return Err(
                table.wrong(item, format!("the alias `{shown}` must be a name without a registry, tag and digest"))
            );
        }
        let Some(full) = item.as_str() else {
            return Err(table.wrong(item, format!("the alias `{shown}` must stand for a text")));
        };
        let full = if full.is_empty() {
            None
        } else {
            let reason =
                || format!("the alias `{shown}` must stand for a registry and a repository, without tag and digest");
            Some(normal(full).ok_or_else(|| table.wrong(item, reason()))?)
        };
        aliases.insert(short.to_owned(), full);
    }
    Ok(aliases)
}

fn is_short(name: &str) -> bool {
    let is_registry = |(first, _): (&str, &str)| first.contains('.') || first == "localhost";
    name.parse::<RepositoryName>().is_ok() && !name.split_once('/').is_some_and(is_registry)
}

fn normal(full: &str) -> Option<String> {
    let reference: RegistryReference = full.parse().ok()?;
    let is_name = reference.selector == Selector::default();
    is_name.then(|| reference.canonical().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_has_no_registry() {
        for name in ["alpine", "team/app", "a.b", "localhost"] {
            assert!(is_short(name), "{name}");
        }
        for name in ["", "h.example/a", "localhost/a", "h:5000/a", "a:tag", "a@sha256:00", "A", "/a", "a b"] {
            assert!(!is_short(name), "{name}");
        }
    }

    #[test]
    fn a_full_name_has_a_registry_and_nothing_after_the_repository() {
        assert_eq!(normal("docker.io/alpine").as_deref(), Some("docker.io/library/alpine"));
        assert_eq!(normal("localhost/a").as_deref(), Some("localhost/a"));
        for name in ["alpine", "team/app", "h.example", "h.example/a:tag", "h.example/A", "https://h.example/a"] {
            assert_eq!(normal(name), None, "{name}");
        }
    }
}
