//! One `registries.conf`, and what it may not say.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use oci::Host;

use super::older::First;
use super::{Entry, Mirror, One, aliases, prefix};
use crate::routing::file::{Fields, Reason, document};
use crate::routing::route::Pulls;

/// Most `[[registry]]` in a file, and most mirrors of one.
pub(super) const REGISTRIES_MAX: usize = 8192;
const MIRRORS_MAX: usize = 128;

/// Which form a file may have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `[[registry]]`, or the older one with lists of hosts.
    Any,
    /// `[[registry]]`.
    Second,
}

/// What the second form has at its top. Keys that nobody knows are passed over, as podman passes over them.
const SECOND: [&str; 6] = [
    "registry",
    "unqualified-search-registries",
    "credential-helpers",
    "short-name-mode",
    "additional-layer-store-auth-helper",
    "aliases",
];

impl One {
    /// Reads the text of a file.
    pub(super) fn parse(text: &str, path: &Path, form: Form) -> Result<Self, Reason> {
        let document = document(text)?;
        let file = Fields::new(document.as_table(), text);
        let first = First::of(file)?;
        let second = Self::second(file, path)?;
        let Some(first) = first else { return Ok(second) };
        if form == Form::Second {
            return Err("only the main file may have the form with `[registries.search]`".to_owned());
        }
        if SECOND.iter().any(|key| is_set(file, key)) {
            return Err("it has both `[registries.…]` and what belongs to the form with `[[registry]]`".to_owned());
        }
        first.read(path)
    }

    fn second(file: Fields<'_>, path: &Path) -> Result<Self, Reason> {
        let mut settings: HashMap<String, (bool, bool)> = HashMap::new();
        let mut entries = BTreeMap::new();
        for table in file.tables("registry", REGISTRIES_MAX)?.unwrap_or_default() {
            let (prefix, entry) = entry(table, path)?;
            // Two entries for one place agree on these, or it is not clear which is meant.
            let place = entry.location.as_ref().unwrap_or(&prefix);
            let now = (entry.insecure, entry.blocked);
            let before = *settings.entry(place.clone()).or_insert(now);
            let differ = [("insecure", before.0 != now.0), ("blocked", before.1 != now.1)];
            if let Some((name, _)) = differ.into_iter().find(|(_, differs)| *differs) {
                let place = oci::text::printable(place);
                return Err(table.wrong_field(name, format!("two entries for `{place}` differ in `{name}`")));
            }
            entries.entry(prefix).or_insert(entry);
        }
        let search = file.texts("unqualified-search-registries")?;
        let search = search.map(|search| hosts(file, "unqualified-search-registries", &search)).transpose()?;
        file.texts("credential-helpers")?;
        file.text("additional-layer-store-auth-helper")?;
        if let Some(mode) = file.text("short-name-mode")?
            && !matches!(mode, "enforcing" | "permissive" | "disabled")
        {
            let reason = "`short-name-mode` must be `enforcing`, `permissive` or `disabled`";
            return Err(file.wrong_field("short-name-mode", reason));
        }
        Ok(Self { entries, search, aliases: aliases::of(file)? })
    }
}

/// Tells whether a key says something: an empty text does not, an empty list does.
fn is_set(file: Fields<'_>, key: &str) -> bool {
    file.get(key).is_some_and(|item| item.as_str() != Some(""))
}

fn entry(table: Fields<'_>, path: &Path) -> Result<(String, Entry), Reason> {
    let location = place(table, "location")?;
    let prefix = match (place(table, "prefix")?, &location) {
        (Some(prefix), Some(_)) => prefix,
        (Some(prefix), None) if prefix.starts_with("*.") => prefix,
        (Some(_), None) => {
            let reason = "a `[[registry]]` needs a `location`, unless its `prefix` is `*.HOST`";
            return Err(table.wrong_field("prefix", reason));
        }
        (None, Some(location)) => location.clone(),
        (None, None) => return Err("a `[[registry]]` has neither `location` nor `prefix`".to_owned()),
    };
    if prefix.starts_with("*.") && prefix.contains(['/', '@', ':']) {
        let reason = "a prefix that begins with `*.` must be `*.HOST`, without a port and a path";
        return Err(table.wrong_field("prefix", reason));
    }
    if table.text("pull-from-mirror")?.is_some() {
        return Err(table.wrong_field("pull-from-mirror", "`pull-from-mirror` belongs to a mirror"));
    }
    let by_digest_only = table.flag("mirror-by-digest-only")?.unwrap_or_default();
    let mut mirrors = Vec::new();
    for mirror in table.tables("mirror", MIRRORS_MAX)?.unwrap_or_default() {
        mirrors.push(self::mirror(mirror, by_digest_only)?);
    }
    let (insecure, blocked) = (table.flag("insecure")?.unwrap_or_default(), table.flag("blocked")?.unwrap_or_default());
    Ok((prefix::lower_host(&prefix), Entry { location, insecure, blocked, mirrors, source: path.to_owned() }))
}

fn mirror(table: Fields<'_>, by_digest_only: bool) -> Result<Mirror, Reason> {
    let location = place(table, "location")?.ok_or("a mirror has no `location`")?;
    let pulls = table.text("pull-from-mirror")?;
    if by_digest_only && pulls.is_some() {
        let reason = "`pull-from-mirror` cannot be said where `mirror-by-digest-only` is said of all mirrors";
        return Err(table.wrong_field("pull-from-mirror", reason));
    }
    let pulls = match pulls {
        Some("digest-only") => Pulls { tags: false, digests: true },
        Some("tag-only") => Pulls { tags: true, digests: false },
        None | Some("all") => Pulls { tags: !by_digest_only, digests: true },
        Some(_) => {
            let reason = "`pull-from-mirror` must be `all`, `digest-only` or `tag-only`";
            return Err(table.wrong_field("pull-from-mirror", reason));
        }
    };
    Ok(Mirror { location, insecure: table.flag("insecure")?.unwrap_or_default(), pulls })
}

/// Returns a place, `HOST[:PORT][/PATH]`; what it names is seen when it is made part of a name.
fn place(table: Fields<'_>, name: &str) -> Result<Option<String>, Reason> {
    let Some(text) = table.text(name)? else { return Ok(None) };
    let text = trimmed(text).map_err(|reason| table.wrong_field(name, reason))?;
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

pub(super) fn trimmed(text: &str) -> Result<&str, Reason> {
    let trimmed = text.trim_end_matches('/');
    if trimmed.starts_with("http://") || trimmed.starts_with("https://") {
        return Err(format!("`{}` must be HOST[:PORT][/PATH], without `http://`", oci::text::printable(text)));
    }
    Ok(trimmed)
}

pub(super) fn hosts(table: Fields<'_>, name: &str, texts: &[&str]) -> Result<Vec<String>, Reason> {
    let host = |text: &&str| {
        let trimmed = trimmed(text)?;
        let is_host = trimmed.parse::<Host>().is_ok() && !trimmed.contains('_');
        let reason = || format!("`{}` is not HOST[:PORT]", oci::text::printable(text));
        if is_host { Ok(trimmed.to_owned()) } else { Err(reason()) }
    };
    texts.iter().map(host).collect::<Result<_, _>>().map_err(|reason: Reason| table.wrong_field(name, reason))
}
