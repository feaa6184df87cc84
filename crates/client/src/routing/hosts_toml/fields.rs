//! What is said of one place.

use std::path::{Path, PathBuf};

use http::{HeaderMap, HeaderName, HeaderValue};
use toml_edit::{Array, Value};

use super::{Capabilities, Place, duration};
use crate::routing::file::{Fields, Reason};
use crate::routing::route::{Identity, TlsFiles};

/// Most headers, and most values of one.
const HEADERS_MAX: usize = 128;

/// Reads what a table says of a place, but for its address. Files are looked for in `directory`.
pub(super) fn place(table: Fields<'_>, directory: &Path) -> Result<Place, Reason> {
    let skip_verify = table.flag("skip_verify")?;
    let ca = table.get("ca").map(|_| trusted(table, directory)).transpose()?;
    let identities = table.get("client").map(|_| identities(table, directory)).transpose()?;
    let speaks_of_tls = skip_verify.is_some() || ca.is_some() || identities.is_some();
    let tls = TlsFiles {
        ca: ca.unwrap_or_default(),
        identities: identities.unwrap_or_default(),
        skip_verify: skip_verify.unwrap_or_default(),
    };
    let span = |text| {
        duration::parse(text).ok_or_else(|| {
            table.wrong_field("dial_timeout", "`dial_timeout` must be a span of time, as in `5s` or `1m30s`")
        })
    };
    // None at all would be over before it began: containerd takes it for no limit.
    let connect_timeout = table.text("dial_timeout")?.map(span).transpose()?.filter(|span| !span.is_zero());
    let (capabilities, headers) = (capabilities(table)?, headers(table)?);
    Ok(Place { address: None, capabilities, tls, speaks_of_tls, headers, connect_timeout })
}

fn capabilities(table: Fields<'_>) -> Result<Capabilities, Reason> {
    let named = table.texts("capabilities")?.unwrap_or_default();
    if named.is_empty() {
        return Ok(Capabilities::default());
    }
    let mut is = Capabilities { pull: false, resolve: false, push: false, referrers: false };
    for name in named {
        match name.to_ascii_lowercase().as_str() {
            "pull" => is.pull = true,
            "resolve" => is.resolve = true,
            "push" => is.push = true,
            "referrers" => is.referrers = true,
            _ => {
                let reason = "`capabilities` are `pull`, `resolve`, `push` and `referrers`";
                return Err(table.wrong_field("capabilities", reason));
            }
        }
    }
    Ok(is)
}

/// `ca`: a file, or a list of files.
fn trusted(table: Fields<'_>, directory: &Path) -> Result<Vec<PathBuf>, Reason> {
    if let Some(path) = table.get("ca").and_then(toml_edit::Item::as_str) {
        return Ok(vec![directory.join(path)]);
    }
    let paths = table.texts("ca").map_err(|_| table.wrong_field("ca", "`ca` must be a file or a list of files"))?;
    Ok(paths.unwrap_or_default().iter().map(|path| directory.join(path)).collect())
}

/// `client`: a file, a list of files, or a list of pairs.
fn identities(table: Fields<'_>, directory: &Path) -> Result<Vec<Identity>, Reason> {
    let one = |path: &str| Identity { certificate: directory.join(path), key: directory.join(path) };
    let pair = |pair: &Array| match (pair.len(), pair.get(0)?.as_str(), pair.get(1)?.as_str()) {
        (2, Some(certificate), Some("")) => Some(one(certificate)),
        (2, Some(certificate), Some(key)) => {
            Some(Identity { certificate: directory.join(certificate), key: directory.join(key) })
        }
        _ => None,
    };
    let of = |value: &Value| match value {
        Value::String(path) => Some(one(path.value())),
        Value::Array(files) => pair(files),
        _ => None,
    };
    let item = table.get("client");
    let single = item.and_then(toml_edit::Item::as_str).map(|path| vec![one(path)]);
    let several = || item.and_then(toml_edit::Item::as_array)?.iter().map(of).collect();
    let reason = "`client` must be a file, a list of files, or a list of pairs `[certificate, key]`";
    single.or_else(several).ok_or_else(|| table.wrong_field("client", reason))
}

/// `header`: texts, or lists of texts. What they say may be secret.
fn headers(table: Fields<'_>) -> Result<HeaderMap, Reason> {
    let mut headers = HeaderMap::new();
    let Some(table) = table.table("header")? else { return Ok(headers) };
    for (name, item) in table.iter() {
        let shown = oci::text::printable(name);
        let texts: Option<Vec<&str>> = match item.as_str() {
            Some(text) => Some(vec![text]),
            None => item.as_array().and_then(|array| array.iter().map(Value::as_str).collect()),
        };
        let texts = texts
            .ok_or_else(|| table.wrong(item, format!("the header `{shown}` must be a text or a list of texts")))?;
        let wrong = || table.wrong(item, format!("`{shown}` cannot be a header"));
        let key = HeaderName::try_from(name).map_err(|_| wrong())?;
        for text in texts {
            let mut value = HeaderValue::try_from(text).map_err(|_| wrong())?;
            value.set_sensitive(true);
            if headers.len() == HEADERS_MAX {
                return Err(table.wrong(item, format!("there are more than {HEADERS_MAX} headers")));
            }
            headers.append(&key, value);
        }
    }
    Ok(headers)
}
