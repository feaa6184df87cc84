//! A configuration from the text of its file.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use resolve::document::{Document, DocumentError, Table};

use super::keys::{KEEP, ROOT};
use super::origin::{Origin, Source};
use super::{Collect, Configuration, FILE_MAX_BYTES, events, http2, immutable, quotas, rates, retention};
use crate::options::RegistryOptions;

type Result<T> = std::result::Result<T, DocumentError>;

/// Longest time that is taken: 520 weeks.
const DURATION_MAX: Duration = Duration::from_hours(520 * 7 * 24);
/// Most entries of an answer.
const PAGE_MAX: u64 = 100_000;
/// Most uploads under way at once.
const UPLOADS_MAX: u64 = 1_000_000;
/// Largest blob, in bytes.
const BLOB_MAX_BYTES: u64 = 1 << 50;

impl Configuration {
    /// Takes over what a text says, and returns where it says what is listened on, if it does.
    pub(super) fn apply(&mut self, text: &str, source: &Source<'_>) -> Result<Option<Origin>> {
        if text.len() > FILE_MAX_BYTES {
            return Err(DocumentError::new(format!("the file has more than {FILE_MAX_BYTES} bytes"), 0..0));
        }
        let document = Document::parse(text)?;
        let root = document.root(ROOT)?;
        if let Some(text) = root.text("root") {
            if text.text.is_empty() {
                return Err(DocumentError::new("`root` names no directory", text.place).help("root = \"registry\""));
            }
            self.root = Some(source.directory.join(text.text));
        }
        flag(&root, "deletes", &mut self.options.deletes);
        if let Some(table) = table(&root, "database")? {
            self.database.apply(&table, source)?;
        }
        if let Some(table) = table(&root, "blobs")? {
            self.blobs.apply(&table, source)?;
        }
        if let Some(table) = table(&root, "tls")? {
            self.tls.apply(&table, source)?;
        }
        if let Some(table) = table(&root, "http2")? {
            http2::apply(&table, &mut self.options.http2)?;
        }
        self.auth.apply(&root, source)?;
        if let Some(table) = table(&root, "collect")? {
            self.collect.apply(&table)?;
        }
        if root.has("immutable") {
            self.options.immutable = immutable::read(&root.list("immutable", immutable::KEYS)?)?;
        }
        if root.has("quotas") {
            self.options.quotas = quotas::read(&root.list("quotas", quotas::KEYS)?)?;
        }
        if root.has("retention") {
            self.options.retention = retention::read(&root.list("retention", retention::KEYS)?)?;
        }
        if root.has("events") {
            self.events = events::read(&root.list("events", events::KEYS)?, source)?;
        }
        if let Some(table) = table(&root, "proxies")? {
            self.proxies.apply(&table, source)?;
        }
        if root.has("rate-limits") {
            self.options.rate_limits = rates::read(&root.list("rate-limits", rates::KEYS)?)?;
        }
        if let Some(table) = table(&root, "audit")? {
            self.audit.apply(&table, source)?;
        }
        if let Some(table) = table(&root, "limits")? {
            limits(&table, &mut self.options)?;
        }
        if let Some(table) = table(&root, "manifests")? {
            flag(&table, "sparse", &mut self.options.sparse);
        }
        if let Some(table) = table(&root, "scrub")? {
            scrub(&table, &mut self.options)?;
        }
        if let Some(table) = table(&root, "log")? {
            self.log.apply(&table)?;
        }
        if let Some(table) = table(&root, "metrics")? {
            self.metrics.apply(&table)?;
        }
        if let Some(table) = table(&root, "traces")? {
            self.traces.apply(&table, source)?;
        }
        let Some(listen) = root.text("listen") else { return Ok(None) };
        self.listen = listen.text.parse().map_err(|_| {
            let message = format!("`{}` is no address with a port", listen.text.escape_debug());
            DocumentError::new(message, listen.place.clone()).help("listen = \"127.0.0.1:5000\"   # or \"[::1]:5000\"")
        })?;
        Ok(Some(source.origin(listen.place)))
    }
}

impl Collect {
    fn apply(&mut self, table: &Table<'_>) -> Result<()> {
        flag(table, "enabled", &mut self.enabled);
        duration(table, "lease", &mut self.keeping.lease)?;
        duration(table, "period", &mut self.period)?;
        if table.text("untagged").is_some_and(|text| text.text == KEEP) {
            self.keeping.untagged = None;
        } else if table.has("untagged") {
            let mut untagged = Duration::ZERO;
            duration(table, "untagged", &mut untagged)?;
            self.keeping.untagged = Some(untagged);
        }
        Ok(())
    }
}

fn scrub(table: &Table<'_>, options: &mut RegistryOptions) -> Result<()> {
    let mut is_enabled = options.scrub.is_some();
    flag(table, "enabled", &mut is_enabled);
    // What an earlier word has turned off is as it was by default when it is turned on.
    let mut scrub = options.scrub.or(RegistryOptions::default().scrub).unwrap_or_default();
    let mut period = scrub.period.unwrap_or_default();
    if table.has("period") {
        duration(table, "period", &mut period)?;
        scrub.period = Some(period);
    }
    if let Some(rate) = count(table, "bytes-per-second", BLOB_MAX_BYTES)? {
        scrub.bytes_per_second = Some(rate.max(1));
    }
    options.scrub = is_enabled.then_some(scrub);
    Ok(())
}

fn limits(table: &Table<'_>, options: &mut RegistryOptions) -> Result<()> {
    if let Some(bytes) = count(table, "blob-bytes", BLOB_MAX_BYTES)? {
        options.blob_max_bytes = bytes;
    }
    for (name, most, limit) in [
        ("uploads", UPLOADS_MAX, &mut options.uploads_max),
        ("uploads-each", UPLOADS_MAX, &mut options.uploads_max_each),
        ("tags-page", PAGE_MAX, &mut options.tags_page),
        ("referrers-page", PAGE_MAX, &mut options.referrers_page),
    ] {
        if let Some(count) = count(table, name, most)? {
            // The bound fits on every machine.
            *limit = usize::try_from(count).unwrap_or(usize::MAX);
        }
    }
    duration(table, "upload-lifetime", &mut options.upload_lifetime)?;
    duration(table, "idle-timeout", &mut options.idle_timeout)?;
    duration(table, "shutdown-delay", &mut options.shutdown_delay)?;
    duration(table, "shutdown-grace", &mut options.shutdown_grace)
}

/// Returns the error that others come through a proxy, and nothing says what they may do.
pub(super) fn not_private_behind(place: Range<usize>) -> DocumentError {
    DocumentError::new("others come through what is in front of the registry, and nothing says what they may do", place)
        .label("something in front of it")
        .help("auth.anonymous = \"everything\"   # everybody may read, write and delete; or users and rules")
}

/// Returns the error that others can reach the address, and nothing says what they may do.
pub(super) fn not_private(listen: SocketAddr, place: Range<usize>) -> DocumentError {
    DocumentError::new(format!("others can reach {listen}, and nothing says what they may do"), place)
        .label("not a loopback address")
        .help(
            "auth.anonymous = \"everything\"   # everybody may read, write and delete; or users and rules, or listen = \"127.0.0.1:5000\"",
        )
}

/// Returns a table of the root by the keys that it has there.
fn table<'a>(root: &Table<'a>, name: &str) -> Result<Option<Table<'a>>> {
    match ROOT.iter().find(|key| key.name == name).map(|key| &key.shape) {
        Some(resolve::document::Shape::Table(keys)) => root.table(name, keys),
        _ => Ok(None),
    }
}

fn flag(table: &Table<'_>, name: &str, value: &mut bool) {
    if table.has(name) {
        *value = table.flag(name);
    }
}

/// Returns a number that is at most `most`, if it is said.
pub(super) fn count(table: &Table<'_>, name: &str, most: u64) -> Result<Option<u64>> {
    let Some(count) = table.count(name).map(|count| count as u64) else { return Ok(None) };
    if count > most {
        let place = table.key(name).unwrap_or_else(|| table.place.clone());
        return Err(DocumentError::new(format!("`{name}` can be {most} at most"), place));
    }
    Ok(Some(count))
}

/// Takes over a time.
pub(super) fn duration(table: &Table<'_>, name: &str, value: &mut Duration) -> Result<()> {
    let Some(duration) = table.duration(name)?.map(Duration::from_secs) else { return Ok(()) };
    if duration.is_zero() || duration > DURATION_MAX {
        let place = table.text(name).map_or_else(|| table.place.clone(), |text| text.place);
        return Err(DocumentError::new(format!("`{name}` must be longer than nothing, and at most 520w"), place));
    }
    *value = duration;
    Ok(())
}
