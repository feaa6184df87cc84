//! What a server is told: by a file, by variables that win over it, and by defaults where neither says anything.
//!
//! ```text
//!  file ──────▶ Document ─ keys ─┐
//!  variables ─▶ Document ─ keys ─┴─▶ Configuration ─▶ RegistryOptions, Keeping, address, directory
//!                             └─▶ JSON Schema, names of the variables
//! ```
//!
//! Nothing here opens a file or looks at the environment.

mod audit;
mod auth;
mod events;
mod files;
mod http2;
mod immutable;
mod keys;
mod log;
mod masked;
mod metrics;
mod oidc;
mod opentelemetry;
mod origin;
mod places;
mod proxies;
mod quotas;
mod rates;
mod read;
mod retention;
mod rules;
mod shown;
mod tls;
mod traces;
mod variables;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use resolve::document::{self, DocumentError};

use crate::options::RegistryOptions;
use crate::storage::Keeping;
pub use audit::{AuditPlace, AuditSettings};
pub use auth::{Anonymous, Auth, Tokens};
pub use events::EventEntry;
pub use files::ReadFile;
use keys::ROOT;
pub use log::{LogFormat, LogLevel, LogSettings, LoggedDecisions, LoggedRequests};
pub use masked::masked;
pub use metrics::Metrics;
pub use oidc::OidcEntry;
pub use opentelemetry::STANDARD;
use origin::Source;
pub use origin::{Origin, Said};
pub use places::{AwsVariables, BlobPlace, DatabasePlace};
pub use proxies::ProxySettings;
pub use rules::{KeyEntry, RuleEntry};
pub use shown::Setting;
pub use tls::TlsFiles;
pub use traces::Traced;
pub use variables::{PREFIX, Variable, variables};

/// Most bytes of the file.
pub const FILE_MAX_BYTES: usize = 1 << 20;

/// Returns the JSON Schema (draft 2020-12) of the file.
pub fn json_schema() -> serde_json::Value {
    document::json_schema("Configuration of supercargo serve", ROOT)
}

/// What a server is told.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// What is listened on.
    pub listen: SocketAddr,
    /// The directory of database and blobs, where something says which.
    pub root: Option<PathBuf>,
    /// Where the metadata is kept, if not in the directory.
    pub database: DatabasePlace,
    /// Where blobs are kept, if not in the directory.
    pub blobs: BlobPlace,
    /// TLS.
    pub tls: TlsFiles,
    /// Who is known, and what they may do.
    pub auth: Auth,
    /// Which proxies are believed.
    pub proxies: ProxySettings,
    /// Where it is told who did what.
    pub audit: AuditSettings,
    /// Where events go.
    pub events: Vec<EventEntry>,
    /// What is told on the standard error.
    pub log: LogSettings,
    /// Where probes and metrics are answered.
    pub metrics: Metrics,
    /// Where spans go.
    pub traces: Traced,
    /// When content goes that nothing needs any more.
    pub collect: Collect,
    /// All else. What is said of the collector is not in it: see [`Configuration::options`].
    pub options: RegistryOptions,
}

/// When content goes that nothing needs any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collect {
    /// Whether the collector runs.
    pub enabled: bool,
    /// How often.
    pub period: Duration,
    /// What it keeps, and for how long.
    pub keeping: Keeping,
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// The file says it.
    #[error(transparent)]
    File(DocumentError),
    /// A variable says it.
    #[error("{name}: {problem}")]
    Variable {
        /// Its name.
        name: String,
        /// What is wrong. The place is one of the line that the file would have.
        problem: DocumentError,
    },
}

impl Default for Configuration {
    fn default() -> Self {
        let options = RegistryOptions::default();
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 5000)),
            root: None,
            database: DatabasePlace::default(),
            blobs: BlobPlace::default(),
            tls: TlsFiles::default(),
            auth: Auth::default(),
            proxies: ProxySettings::default(),
            audit: AuditSettings::default(),
            events: Vec::new(),
            log: LogSettings::default(),
            metrics: Metrics::default(),
            traces: Traced::default(),
            collect: Collect {
                enabled: true,
                period: options.collect_period.unwrap_or(Duration::from_mins(1)),
                keeping: Keeping::default(),
            },
            options,
        }
    }
}

impl Configuration {
    /// Reads a configuration: the text of a file with the directory it is in, and variables by their names, all of which begin
    /// with [`PREFIX`], win over the file, and are errors where they belong to no key; or are among [`STANDARD`], over which the file wins.
    ///
    /// # Errors
    /// [`ConfigurationError`] with the place in the text, or the name of the variable.
    pub fn read(file: Option<(&str, &Path)>, variables: &BTreeMap<String, String>) -> Result<Self, ConfigurationError> {
        let mut configuration = Self::default();
        let mut listen = None;
        let wrong = |name: &str| {
            let name = name.to_owned();
            move |problem| ConfigurationError::Variable { name, problem }
        };
        let (standard, own): (Vec<_>, Vec<_>) =
            variables.iter().partition(|(name, _)| STANDARD.contains(&name.as_str()));
        for (name, value) in standard {
            let source = Source { directory: Path::new(""), variable: Some(name) };
            if let Some(lines) = opentelemetry::lines(name, value, variables).map_err(wrong(name))? {
                configuration.apply(&lines, &source).map_err(wrong(name))?;
            }
        }
        if let Some((text, directory)) = file {
            let source = Source { directory, variable: None };
            listen = configuration.apply(text, &source).map_err(ConfigurationError::File)?;
        }
        let known = variables::variables();
        for (name, value) in own {
            let line = variables::named(name, &known).map_err(wrong(name))?.line(value);
            let source = Source { directory: Path::new(""), variable: Some(name) };
            listen = configuration.apply(&line, &source).map_err(wrong(name))?.or(listen);
        }
        configuration.check(listen.as_ref())?;
        Ok(configuration)
    }

    /// Checks what only the whole can tell, without a look at the files that it names.
    fn check(&self, listen: Option<&Origin>) -> Result<(), ConfigurationError> {
        self.auth.check(self.tls.knows_clients())?;
        self.tls.check()?;
        if !self.auth.is_said()
            && let Some(origin) = self.tls.proxy_origin().or_else(|| self.proxies.origin())
        {
            return Err(origin.wrong(read::not_private_behind(origin.place())));
        }
        match listen {
            Some(origin) if !self.auth.is_said() && !self.is_private() => {
                let problem = read::not_private(self.listen, origin.place());
                Err(origin.wrong(match origin.variable() {
                    Some(_) => problem.help(format!(
                        "export {PREFIX}AUTH_ANONYMOUS=everything    (everybody may read, write and delete)"
                    )),
                    None => problem,
                }))
            }
            _ => Ok(()),
        }
    }

    /// Tells whether anything is said of who may do what. If not, everybody may do everything.
    pub fn says_who(&self) -> bool {
        self.auth.is_said()
    }

    /// Returns what a registry is told of this.
    pub fn options(&self) -> RegistryOptions {
        let collect_period = self.collect.enabled.then_some(self.collect.period);
        RegistryOptions {
            collect_period,
            proxies: self.proxies.proxies(self.tls.proxy),
            probes: self.metrics.listen.is_none(),
            metrics: self.metrics.public,
            ..self.options.clone()
        }
    }

    /// Tells whether nobody but this machine can reach the address.
    fn is_private(&self) -> bool {
        self.listen.ip().to_canonical().is_loopback()
    }
}
