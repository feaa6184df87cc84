//! Issuers whose assertions are taken, as the file has them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use resolve::document::{DocumentError, Key, Shape, Table, key, quoted, required};
use resolve::duration;
use resolve::glob::Glob;

use super::ConfigurationError;
use super::files::{self, ReadFile, shown};
use super::origin::{Origin, Said, Source};
use super::read;
use super::rules::{inline, list, name_of, pattern};
use crate::access::{CERTIFICATE, IssuerUrl, JwsAlgorithm, KEYS_MAX_BYTES, KeySet, OidcIssuer, OidcKeys};

type Result<T> = std::result::Result<T, DocumentError>;

/// Most issuers.
const ISSUERS_MAX: usize = 32;
/// Most claims of one table, and the longest name of one, in bytes.
const CLAIMS_MAX: usize = 32;
const CLAIM_MAX_BYTES: usize = 255;
/// Longest address and longest name of an audience, in bytes.
const TEXT_MAX_BYTES: usize = 1024;
/// Largest file of certificates, in bytes.
const PEM_MAX_BYTES: usize = 1 << 20;
/// How far clocks may be apart, unless it is said otherwise, and at most.
const SKEW: Duration = Duration::from_mins(1);
const SKEW_MAX: Duration = Duration::from_mins(10);
/// How long keys are used that cannot be fetched again, unless it is said otherwise.
const KEEP: Duration = Duration::from_hours(24);
/// The claim that names who comes, unless it is said otherwise.
const IDENTITY: &str = "sub";

pub(super) const KEYS: &[Key] = &[
    required("name", Shape::Text, "What the issuer is called, in rules and in the log."),
    required("issuer", Shape::Text, "The URL that the issuer calls itself, by HTTPS, as its assertions have it."),
    required(
        "audience",
        Shape::Text,
        "What this registry is to the issuer; assertions for anybody else are not taken.",
    ),
    key("algorithms", Shape::Texts, "How assertions may be signed: `RS256`, `ES256`, `EdDSA`; all of them."),
    key("identity", Shape::Text, "The claim that names who comes; `sub`."),
    key(
        "claims",
        Shape::TextMap,
        "What every assertion has to claim, whatever rules say: patterns by the claims' names.",
    ),
    key(
        "skew",
        Shape::Duration,
        "How far the clocks of the issuer and of this machine may be apart; `1m`, at most `10m`.",
    ),
    key("keys-file", Shape::Text, "The file with the issuer's keys (a JSON Web Key Set); nothing is fetched with it."),
    key(
        "keys-url",
        Shape::Text,
        "Where the issuer's keys are, by HTTPS; where the issuer itself says, on its own host.",
    ),
    key("keep", Shape::Duration, "How long keys are used that cannot be fetched again; `1d`."),
    key(
        "ca",
        Shape::Text,
        "The file with the certificates (PEM) that are trusted for the issuer, in place of the system's.",
    ),
];

/// An issuer, and the files that belong to it.
#[derive(Clone, Debug)]
pub struct OidcEntry {
    pub(super) name: Said<String>,
    url: IssuerUrl,
    audience: String,
    algorithms: Vec<JwsAlgorithm>,
    identity: String,
    claims: ClaimPatterns,
    skew: Duration,
    keys_file: Option<Said<PathBuf>>,
    keys_url: Option<IssuerUrl>,
    keep: Duration,
    ca: Option<Said<PathBuf>>,
}

/// Patterns by the names of claims.
#[derive(Clone, Debug, Default)]
pub(super) struct ClaimPatterns {
    /// As they were written, in the same order.
    written: Vec<String>,
    pub(super) parsed: Vec<(String, Glob)>,
}

/// Reads `[[auth.oidc]]`.
pub(super) fn read(tables: &[Table<'_>], source: &Source<'_>) -> Result<Vec<OidcEntry>> {
    if let Some(table) = tables.get(ISSUERS_MAX) {
        return Err(DocumentError::new(format!("there are more than {ISSUERS_MAX} issuers"), table.place.clone()));
    }
    let (mut names, mut urls) = (BTreeSet::new(), BTreeSet::new());
    let mut entries = Vec::with_capacity(tables.len());
    for table in tables {
        let entry = entry(table, source)?;
        let place = |name| table.text(name).map_or_else(|| table.place.clone(), |text| text.place);
        if !names.insert(entry.name.value.clone()) {
            return Err(DocumentError::new(format!("two issuers are called `{}`", entry.name.value), place("name")));
        }
        if !urls.insert(entry.url.as_str().to_owned()) {
            return Err(DocumentError::new("another table is of the same issuer", place("issuer")));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn entry(table: &Table<'_>, source: &Source<'_>) -> Result<OidcEntry> {
    let missing = |name| DocumentError::new(format!("`{name}` is missing"), table.place.clone());
    let name = table.text("name").ok_or_else(|| missing("name"))?;
    let said = source.said(name_of(name.text, "issuer", &name.place)?, name.place.clone());
    if said.value == CERTIFICATE {
        let message = format!("no issuer is called `{CERTIFICATE}`: those who come in by one are");
        return Err(DocumentError::new(message, name.place));
    }
    let algorithms = algorithms(table)?;
    let mut skew = SKEW;
    read::duration(table, "skew", &mut skew)?;
    if skew > SKEW_MAX {
        let place = table.text("skew").map_or_else(|| table.place.clone(), |text| text.place);
        return Err(DocumentError::new("`skew` is at most 10m", place));
    }
    let mut keep = KEEP;
    read::duration(table, "keep", &mut keep)?;
    let (mut keys_file, mut ca) = (None, None);
    source.path(table, "keys-file", &mut keys_file)?;
    source.path(table, "ca", &mut ca)?;
    let keys_url = if table.has("keys-url") { Some(url(table, "keys-url")?) } else { None };
    if keys_file.is_some() && (keys_url.is_some() || ca.is_some()) {
        let place = table.key("keys-file").unwrap_or_else(|| table.place.clone());
        return Err(DocumentError::new(
            "with `keys-file` nothing is fetched, so `keys-url` and `ca` say nothing",
            place,
        ));
    }
    Ok(OidcEntry {
        name: said,
        url: url(table, "issuer")?,
        audience: text(table, "audience")?.ok_or_else(|| missing("audience"))?,
        algorithms,
        identity: text(table, "identity")?.unwrap_or_else(|| IDENTITY.to_owned()),
        claims: claims(table)?,
        skew,
        keys_file,
        keys_url,
        keep,
        ca,
    })
}

fn algorithms(table: &Table<'_>) -> Result<Vec<JwsAlgorithm>> {
    let Some(texts) = table.texts("algorithms") else { return Ok(JwsAlgorithm::ALL.to_vec()) };
    let mut algorithms = Vec::new();
    for text in texts {
        let Some(algorithm) = JwsAlgorithm::parse(text.text) else {
            let known = JwsAlgorithm::ALL.map(JwsAlgorithm::word).join(", ");
            let message = format!("`{}` is no algorithm that is taken; there are {known}", text.text.escape_debug());
            return Err(DocumentError::new(message, text.place));
        };
        if !algorithms.contains(&algorithm) {
            algorithms.push(algorithm);
        }
    }
    if algorithms.is_empty() {
        let place = table.key("algorithms").unwrap_or_else(|| table.place.clone());
        return Err(DocumentError::new("`algorithms` has nothing in it", place));
    }
    Ok(algorithms)
}

fn text(table: &Table<'_>, name: &str) -> Result<Option<String>> {
    let Some(text) = table.text(name) else { return Ok(None) };
    let is_fit = !text.text.is_empty() && text.text.len() <= TEXT_MAX_BYTES && !text.text.contains(char::is_control);
    if is_fit {
        return Ok(Some(text.text.to_owned()));
    }
    Err(DocumentError::new(
        format!("`{name}` has 1 to {TEXT_MAX_BYTES} bytes, none of them a control character"),
        text.place,
    ))
}

fn url(table: &Table<'_>, name: &str) -> Result<IssuerUrl> {
    let place = table.text(name).map_or_else(|| table.place.clone(), |text| text.place);
    let wrong = || {
        let message = format!("`{name}` is no URL of `https`, or has a user, a query or a fragment in it");
        DocumentError::new(message, place).help(format!("{name} = \"https://issuer.example\""))
    };
    text(table, name)?.and_then(|text| IssuerUrl::parse(&text)).ok_or_else(wrong)
}

/// Reads patterns by the names of claims.
pub(super) fn claims(table: &Table<'_>) -> Result<ClaimPatterns> {
    let mut claims = ClaimPatterns::default();
    for (name, value) in table.text_map("claims") {
        if name.text.is_empty() || name.text.len() > CLAIM_MAX_BYTES || name.text.contains(char::is_control) {
            return Err(DocumentError::new("this cannot be the name of a claim", name.place));
        }
        if claims.written.len() == CLAIMS_MAX {
            return Err(DocumentError::new(format!("`claims` can have {CLAIMS_MAX} at most"), name.place));
        }
        claims.parsed.push((name.text.to_owned(), pattern(&value)?));
        claims.written.push(value.text.to_owned());
    }
    if table.has("claims") && claims.parsed.is_empty() {
        let place = table.key("claims").unwrap_or_else(|| table.place.clone());
        return Err(DocumentError::new("`claims` has nothing in it", place));
    }
    Ok(claims)
}

impl ClaimPatterns {
    /// Returns the patterns as TOML writes them; `None` where there are none.
    pub(super) fn shown(&self) -> Option<String> {
        let names: Vec<_> = self.parsed.iter().map(|(name, _)| quoted(name)).collect();
        let fields = names.iter().zip(&self.written).map(|(name, pattern)| (name.as_str(), quoted(pattern)));
        let fields: Vec<_> = fields.collect();
        (!fields.is_empty()).then(|| inline(&fields))
    }
}

impl OidcEntry {
    pub(super) const fn origin(&self) -> &Origin {
        &self.name.origin
    }

    /// Tells whether everybody for whom the issuer vouches is taken.
    pub(super) const fn takes_everybody(&self) -> bool {
        self.claims.parsed.is_empty()
    }

    /// Returns the entry as a table in one line.
    pub(super) fn shown(&self) -> String {
        let words: Vec<String> = self.algorithms.iter().map(JwsAlgorithm::to_string).collect();
        let file = |file: &Option<Said<PathBuf>>| file.as_ref().map(|file| quoted(&file.value.to_string_lossy()));
        let fields = [
            ("name", Some(quoted(&self.name.value))),
            ("issuer", Some(quoted(self.url.as_str()))),
            ("audience", Some(quoted(&self.audience))),
            ("algorithms", Some(list(&words))),
            ("identity", Some(quoted(&self.identity))),
            ("claims", self.claims.shown()),
            ("skew", Some(quoted(&duration::text(self.skew.as_secs())))),
            ("keys-file", file(&self.keys_file)),
            ("keys-url", self.keys_url.as_ref().map(|url| quoted(url.as_str()))),
            ("keep", Some(quoted(&duration::text(self.keep.as_secs())))),
            ("ca", file(&self.ca)),
        ];
        let fields: Vec<_> = fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        inline(&fields)
    }

    /// Returns the issuer, with what the files say that it names.
    pub(super) fn issuer(&self, read: ReadFile<'_>) -> std::result::Result<OidcIssuer, ConfigurationError> {
        let keys = match (&self.keys_file, &self.keys_url) {
            (Some(file), _) => {
                let keys = KeySet::parse(&files::bytes(file, KEYS_MAX_BYTES, read)?);
                let wrong = |error| file.origin.error(format!("{}: {error}", shown(&file.value)));
                OidcKeys::Here(Arc::new(keys.map_err(wrong)?))
            }
            (None, Some(url)) => OidcKeys::At(url.clone()),
            (None, None) => OidcKeys::Discovered,
        };
        let authorities = self.ca.as_ref().map(|file| files::bytes(file, PEM_MAX_BYTES, read)).transpose()?;
        Ok(OidcIssuer {
            name: self.name.value.clone(),
            url: self.url.clone(),
            audience: self.audience.clone(),
            algorithms: self.algorithms.clone(),
            identity: self.identity.clone(),
            conditions: self.claims.parsed.clone(),
            skew: self.skew,
            keys,
            keep: self.keep,
            authorities: authorities.map(Arc::from),
        })
    }
}
