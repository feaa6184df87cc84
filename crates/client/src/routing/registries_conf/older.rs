//! The older form of `registries.conf`: lists of hosts to search, to trust, and to forbid.

use std::collections::BTreeMap;
use std::path::Path;

use super::parse::{REGISTRIES_MAX, hosts, trimmed};
use super::{Entry, One, prefix};
use crate::routing::file::{Fields, Reason};

/// Lists of hosts.
pub(super) struct First<'a> {
    search: Option<(Fields<'a>, Vec<&'a str>)>,
    insecure: Vec<&'a str>,
    blocked: Vec<&'a str>,
}

impl<'a> First<'a> {
    /// Returns what a file says in the first form; `None` when it does not.
    pub(super) fn of(file: Fields<'a>) -> Result<Option<Self>, Reason> {
        let Some(registries) = file.table("registries")? else { return Ok(None) };
        let list = |name| {
            let Some(table) = registries.table(name)? else { return Ok(None) };
            Ok::<_, Reason>(table.texts("registries")?.map(|texts| (table, texts)))
        };
        let (search, insecure, blocked) = (list("search")?, list("insecure")?, list("block")?);
        if search.is_none() && insecure.is_none() && blocked.is_none() {
            return Ok(None);
        }
        let texts = |list: Option<(_, Vec<&'a str>)>| list.map(|(_, texts)| texts).unwrap_or_default();
        Ok(Some(Self { search, insecure: texts(insecure), blocked: texts(blocked) }))
    }

    pub(super) fn read(self, path: &Path) -> Result<One, Reason> {
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        let blocked = self.blocked.iter().map(|place| (place, true));
        for (place, is_blocked) in blocked.chain(self.insecure.iter().map(|place| (place, false))) {
            let place = trimmed(place)?;
            if place.is_empty() {
                return Err("a list of registries has one that is empty".to_owned());
            }
            let entry = entries.entry(prefix::lower_host(place)).or_insert_with(|| Entry {
                location: Some(place.to_owned()),
                insecure: false,
                blocked: false,
                mirrors: Vec::new(),
                source: path.to_owned(),
            });
            if is_blocked { entry.blocked = true } else { entry.insecure = true }
        }
        if entries.len() > REGISTRIES_MAX {
            return Err(format!("there are more than {REGISTRIES_MAX} registries"));
        }
        let search = self.search.map(|(table, search)| hosts(table, "registries", &search)).transpose()?;
        Ok(One { entries, search, aliases: BTreeMap::new() })
    }
}
