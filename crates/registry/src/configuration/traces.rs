//! Where spans go, as a configuration says it.

use std::path::PathBuf;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use resolve::document::{DocumentError, Key, Shape, Table, Text, key};

use super::events::is_url;
use super::files::{self, ReadFile, shown};
use super::origin::{Said, Source};
use super::{Configuration, ConfigurationError, read};
use crate::access::Secret;
use crate::traces::{SampleRatio, TraceSettings};

/// What the URL of a collector goes on with.
const PATH: &str = "/v1/traces";
/// The attribute that says what the process is called, and what it is called where nothing says it.
const SERVICE_NAME: &str = "service.name";
const SERVICE: &str = "supercargo";
/// Most attributes of the process, and most bytes of each.
const ATTRIBUTES_MAX: usize = 64;
const ATTRIBUTE_MAX_BYTES: usize = 1024;
/// Most bytes of the file of headers, and most headers.
const HEADERS_MAX_BYTES: usize = 16 * 1024;
const HEADERS_MAX: usize = 32;
/// Most spans that wait.
const QUEUE_MAX: u64 = 100_000;

pub(super) const KEYS: &[Key] = &[
    key(
        "endpoint",
        Shape::Text,
        "The URL of a collector that takes OTLP over HTTP, to which `/v1/traces` is added; no traces without it.",
    ),
    key("enabled", Shape::Flag, "Whether traces are sent to it; `true`."),
    key("service", Shape::Text, "What the registry is called there (`service.name`); `supercargo`."),
    key("sample", Shape::Text, "What part of the traces that begin here is taken, from `0` to `1`; `1`."),
    key("follow", Shape::Flag, "Whether the decision of a caller counts that says one in `traceparent`; `true`."),
    key("resource", Shape::Texts, "What else is told of the process, each `name=value`; nothing."),
    key(
        "headers-file",
        Shape::Text,
        "A file of headers for every request to the collector: `name: value` on each line.",
    ),
    key("timeout", Shape::Duration, "How long the collector may take to answer; `10s`."),
    key("queue", Shape::Count, "Most spans that wait to be sent; further ones are dropped; `2048`."),
];

/// Where spans go, and which.
#[derive(Clone, Debug)]
pub struct Traced {
    pub(super) endpoint: Option<Said<String>>,
    pub(super) enabled: bool,
    pub(super) service: Option<Said<String>>,
    pub(super) ratio: SampleRatio,
    pub(super) follow: bool,
    pub(super) resource: Vec<(String, String)>,
    pub(super) headers_file: Option<Said<PathBuf>>,
    pub(super) timeout: Duration,
    pub(super) queue: u64,
}

impl Default for Traced {
    fn default() -> Self {
        Self {
            endpoint: None,
            enabled: true,
            service: None,
            ratio: SampleRatio::ALL,
            follow: true,
            resource: Vec::new(),
            headers_file: None,
            timeout: Duration::from_secs(10),
            queue: 2048,
        }
    }
}

impl Traced {
    pub(super) fn apply(&mut self, table: &Table<'_>, source: &Source<'_>) -> Result<(), DocumentError> {
        if let Some(text) = table.text("endpoint") {
            if !is_url(text.text) || text.text.contains(['?', '#']) {
                let message = "`endpoint` is no URL of `http` or `https`, or has a user or a query in it";
                return Err(
                    DocumentError::new(message, text.place).help("endpoint = \"http://collector.example:4318\"")
                );
            }
            self.endpoint = Some(source.said(text.text.to_owned(), text.place));
        }
        source.text(table, "service", &mut self.service)?;
        if let Some(text) = table.text("sample") {
            let Some(ratio) = text.text.parse().ok().and_then(SampleRatio::new) else {
                let message = format!("`{}` is no number from 0 to 1", text.text.escape_debug());
                return Err(DocumentError::new(message, text.place).help("sample = \"0.1\""));
            };
            self.ratio = ratio;
        }
        for (name, flag) in [("enabled", &mut self.enabled), ("follow", &mut self.follow)] {
            if table.has(name) {
                *flag = table.flag(name);
            }
        }
        if let Some(texts) = table.texts("resource") {
            if let Some(text) = texts.get(ATTRIBUTES_MAX) {
                let message = format!("`resource` has more than {ATTRIBUTES_MAX} attributes");
                return Err(DocumentError::new(message, text.place.clone()));
            }
            self.resource = texts.iter().map(attribute).collect::<Result<_, _>>()?;
        }
        source.path(table, "headers-file", &mut self.headers_file)?;
        read::duration(table, "timeout", &mut self.timeout)?;
        if let Some(most) = read::count(table, "queue", QUEUE_MAX)? {
            self.queue = most;
        }
        Ok(())
    }

    /// Returns the attributes of the process as the file says them.
    pub(super) fn attributes(&self) -> Vec<String> {
        self.resource.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    /// Returns what is told of the process.
    fn resource(&self) -> Vec<(String, String)> {
        let mut resource = self.resource.clone();
        if let Some(service) = &self.service {
            resource.retain(|(name, _)| name != SERVICE_NAME);
            resource.push((SERVICE_NAME.to_owned(), service.value.clone()));
        } else if !resource.iter().any(|(name, _)| name == SERVICE_NAME) {
            resource.push((SERVICE_NAME.to_owned(), SERVICE.to_owned()));
        }
        resource
    }
}

fn attribute(text: &Text<'_>) -> Result<(String, String), DocumentError> {
    let wrong = |message: String| {
        DocumentError::new(message, text.place.clone()).help("resource = [\"deployment.environment.name=production\"]")
    };
    if text.text.len() > ATTRIBUTE_MAX_BYTES {
        return Err(wrong(format!("an attribute has {ATTRIBUTE_MAX_BYTES} bytes at most")));
    }
    match text.text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !name.contains(char::is_whitespace) => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err(wrong(format!("`{}` is not of the form `name=value`", text.text.escape_debug()))),
    }
}

impl Configuration {
    /// Returns where spans go, with the headers that a file holds; `None` where they go nowhere.
    ///
    /// # Errors
    /// [`ConfigurationError`] when the file cannot be read, or something in it is no header.
    pub fn trace_settings(&self, read: ReadFile<'_>) -> Result<Option<TraceSettings>, ConfigurationError> {
        let traced = &self.traces;
        let Some(endpoint) = traced.endpoint.as_ref().filter(|_| traced.enabled) else { return Ok(None) };
        let headers = traced.headers_file.as_ref().map(|file| headers(file, read)).transpose()?;
        Ok(Some(TraceSettings {
            url: format!("{}{PATH}", endpoint.value.trim_end_matches('/')),
            ratio: traced.ratio,
            follows_caller: traced.follow,
            resource: traced.resource(),
            headers: headers.unwrap_or_default(),
            timeout: traced.timeout,
            // The bound fits on every machine.
            queue_max: usize::try_from(traced.queue).unwrap_or(usize::MAX),
        }))
    }
}

fn headers(file: &Said<PathBuf>, read: ReadFile<'_>) -> Result<Vec<(String, Secret)>, ConfigurationError> {
    let text = files::text(file, HEADERS_MAX_BYTES, read)?;
    let mut headers = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let header = line.split_once(':').map(|(name, value)| (name.trim(), value.trim())).filter(|(name, value)| {
            HeaderName::try_from(*name).is_ok() && HeaderValue::try_from(*value).is_ok() && !value.is_empty()
        });
        // What is in the line may be secret.
        let wrong = || file.origin.error(format!("{}:{}: this is not `name: value`", shown(&file.value), number + 1));
        let (name, value) = header.ok_or_else(wrong)?;
        if headers.len() >= HEADERS_MAX {
            return Err(file.origin.error(format!("{} has more than {HEADERS_MAX} headers", shown(&file.value))));
        }
        headers.push((name.to_owned(), Secret::new(value)));
    }
    Ok(headers)
}
