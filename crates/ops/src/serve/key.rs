//! Keys for programs, made for an operator.

use std::collections::BTreeMap;
use std::path::Path;

use oci::date::Timestamp;
use registry::access::{ApiKey, Secret};
use registry::{Configuration, ConfigurationError};
use resolve::document::quoted;
use resolve::duration;

use crate::error::OpsError;

/// What a key is to be.
#[derive(Clone, Debug, Default)]
pub struct KeyRequest {
    /// What it is called.
    pub id: String,
    /// The user for whom it stands.
    pub user: String,
    /// Patterns of the repositories that it is for; all where there are none.
    pub repositories: Vec<String>,
    /// What may be done by it; all where there is nothing.
    pub actions: Vec<String>,
    /// When it ends: a day, a time, or how long from now on.
    pub expires: Option<String>,
}

/// A key that was made. It is kept nowhere.
#[derive(Debug)]
pub struct MadeKey {
    /// What the program is given.
    pub secret: Secret,
    /// What the file of the server is given.
    pub table: String,
}

/// Makes a key that ends as `request` says, counted from `now`.
///
/// # Errors
/// [`OpsError::Usage`] when no file could have a key as that.
pub fn make_key(request: &KeyRequest, now: Option<Timestamp>) -> Result<MadeKey, OpsError> {
    let (key, secret) = ApiKey::generate(&request.id, &request.user, Vec::new(), None);
    let mut lines = vec![
        "[[auth.keys]]".to_owned(),
        format!("id = {}", quoted(&request.id)),
        format!("user = {}", quoted(&request.user)),
        format!("hash = {}", quoted(&key.hash.to_string())),
    ];
    for (name, texts) in [("repositories", &request.repositories), ("actions", &request.actions)] {
        if !texts.is_empty() {
            lines.push(format!("{name} = [{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")));
        }
    }
    if let Some(expires) = &request.expires {
        let later = duration::parse(expires)
            .and_then(|seconds| Timestamp::from_seconds(now?.seconds().checked_add(i64::try_from(seconds).ok()?)?));
        lines.push(format!("expires = {}", quoted(&later.map_or_else(|| expires.clone(), |at| at.to_string()))));
    }
    let table = lines.join("\n") + "\n";
    // As the server will read it.
    let file = format!("auth.anonymous = \"everything\"\n{table}");
    Configuration::read(Some((&file, Path::new(""))), &BTreeMap::new()).map_err(|error| {
        let problem = match error {
            ConfigurationError::File(problem) | ConfigurationError::Variable { problem, .. } => problem,
        };
        OpsError::usage(problem.message, "supercargo serve key --help".to_owned())
    })?;
    Ok(MadeKey { secret, table })
}
