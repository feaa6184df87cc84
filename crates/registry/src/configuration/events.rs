//! Where events go, as a configuration says it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use axum::http::Uri;
use resolve::document::{DocumentError, Key, Shape, Table, key, quoted, required};
use resolve::duration;

use super::files::{self, ReadFile};
use super::immutable::patterns;
use super::origin::{Said, Source};
use super::rules::{list, name_of};
use super::{Configuration, ConfigurationError, read};
use crate::events::{EventEndpoint, EventKind};

/// Most endpoints: every change writes a row for each.
const ENDPOINTS_MAX: usize = 32;
/// Most events that wait for one endpoint.
const EVENTS_MAX: u64 = 10_000_000;

pub(super) const KEYS: &[Key] = &[
    required("name", Shape::Text, "What the endpoint is called, in the database and in the log."),
    required("url", Shape::Text, "Where events are sent to by POST; `http` or `https`, without a password in it."),
    key(
        "events",
        Shape::Texts,
        "What is told: `manifest.pushed`, `manifest.deleted`, `tag.moved`, `tag.deleted`, `blob.pushed`, `blob.mounted`, `blob.deleted`; \
         all of manifests and tags.",
    ),
    key("repositories", Shape::Texts, "Patterns of the repositories of which it is told; `[\"*\"]`."),
    key("secret-file", Shape::Text, "The file with the secret by which events are signed; they are not without it."),
    key("timeout", Shape::Duration, "How long the endpoint may take to answer; `10s`."),
    key("keep", Shape::Duration, "How long an event is kept that cannot be sent; `3d`."),
    key("queue", Shape::Count, "Most events that are kept; of more the oldest are dropped; `100000`."),
];

/// An endpoint, and where its secret lies.
#[derive(Clone, Debug)]
pub struct EventEntry {
    endpoint: EventEndpoint,
    secret_file: Option<Said<PathBuf>>,
}

/// Returns the endpoints of the tables.
pub(super) fn read(tables: &[Table<'_>], source: &Source<'_>) -> Result<Vec<EventEntry>, DocumentError> {
    if let Some(table) = tables.get(ENDPOINTS_MAX) {
        return Err(DocumentError::new(format!("there are more than {ENDPOINTS_MAX} endpoints"), table.place.clone()));
    }
    let mut names = BTreeSet::new();
    let mut entries = Vec::with_capacity(tables.len());
    for table in tables {
        let entry = entry(table, source)?;
        if !names.insert(entry.endpoint.name.clone()) {
            let message = format!("two endpoints are called `{}`", entry.endpoint.name);
            return Err(DocumentError::new(message, table.place.clone()));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn entry(table: &Table<'_>, source: &Source<'_>) -> Result<EventEntry, DocumentError> {
    let mut endpoint = EventEndpoint::new("", "");
    if let Some(text) = table.text("name") {
        endpoint.name = name_of(text.text, "endpoint", &text.place)?;
    }
    if let Some(text) = table.text("url") {
        if !is_url(text.text) {
            let message = "`url` is no URL of `http` or `https`, or has a user in it";
            return Err(DocumentError::new(message, text.place).help("url = \"https://hooks.example/registry\""));
        }
        text.text.clone_into(&mut endpoint.url);
    }
    if let Some(texts) = table.texts("events") {
        endpoint.kinds.clear();
        for text in texts {
            let Some(kind) = EventKind::parse(text.text) else {
                let known = EventKind::ALL.map(EventKind::word).join(", ");
                let message = format!("`{}` is no event; there are {known}", text.text.escape_debug());
                return Err(DocumentError::new(message, text.place));
            };
            if !endpoint.kinds.contains(&kind) {
                endpoint.kinds.push(kind);
            }
        }
    }
    if table.has("repositories") {
        endpoint.repositories = patterns(table, "repositories")?;
    }
    read::duration(table, "timeout", &mut endpoint.timeout)?;
    read::duration(table, "keep", &mut endpoint.keep)?;
    if let Some(most) = read::count(table, "queue", EVENTS_MAX)? {
        endpoint.events_max = most;
    }
    let mut secret_file = None;
    source.path(table, "secret-file", &mut secret_file)?;
    Ok(EventEntry { endpoint, secret_file })
}

/// Tells whether a text is a URL of `http` or `https` without a user in it.
pub(super) fn is_url(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    is_http && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
}

/// Returns a URL with nothing behind its host that says anything.
fn bare(url: &str) -> String {
    let Ok(uri) = url.parse::<Uri>() else { return "***".to_owned() };
    let host =
        format!("{}://{}", uri.scheme_str().unwrap_or_default(), uri.authority().map_or("", |host| host.as_str()));
    if uri.path_and_query().is_none_or(|path| path.as_str() == "/") { host } else { format!("{host}/***") }
}

impl EventEntry {
    pub(super) fn url(&self) -> &str {
        &self.endpoint.url
    }

    /// Returns the entry as a table in one line. Of the URL only scheme and host show: what stands behind them may be as good as a password.
    pub(super) fn shown(&self) -> String {
        let EventEndpoint { name, url, kinds, repositories, timeout, keep, events_max, secret: _ } = &self.endpoint;
        let words: Vec<String> = kinds.iter().map(|kind| kind.word().to_owned()).collect();
        let patterns: Vec<String> = repositories.iter().map(|pattern| pattern.as_str().to_owned()).collect();
        let secret = self.secret_file.as_ref();
        let secret = secret.map(|file| format!(", secret-file = {}", quoted(&file.value.to_string_lossy())));
        format!(
            "{{ name = {}, url = {}, events = {}, repositories = {}{}, timeout = {}, keep = {}, queue = {events_max} }}",
            quoted(name),
            quoted(&bare(url)),
            list(&words),
            list(&patterns),
            secret.unwrap_or_default(),
            quoted(&duration::text(timeout.as_secs())),
            quoted(&duration::text(keep.as_secs())),
        )
    }
}

impl Configuration {
    /// Returns where events go, with the secrets that files hold.
    ///
    /// # Errors
    /// [`ConfigurationError`] when a file cannot be read, or has not one line.
    pub fn event_endpoints(&self, read: ReadFile<'_>) -> Result<Vec<EventEndpoint>, ConfigurationError> {
        let endpoint = |entry: &EventEntry| {
            let secret = entry.secret_file.as_ref().map(|file| files::secret(file, read)).transpose()?;
            Ok(EventEndpoint { secret, ..entry.endpoint.clone() })
        };
        self.events.iter().map(endpoint).collect()
    }
}
