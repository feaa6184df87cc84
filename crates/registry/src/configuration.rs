//! What a server is told: by a file, by variables that win over it, and by defaults where neither says anything.
//!
//! ```text
//!  file ──────▶ Document ─ keys ─┐
//!  variables ─▶ Document ─ keys ─┴─▶ Configuration ─▶ RegistryOptions, Keeping, address, directory
//!                             └─▶ JSON Schema, names of the variables
//! ```
//!
//! Nothing here opens a file or looks at the environment.

mod immutable;
mod keys;
mod read;
mod shown;
mod variables;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use resolve::document::{self, DocumentError};

use crate::options::RegistryOptions;
use crate::storage::Keeping;
use keys::ROOT;
pub use shown::Setting;
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
    /// Whether it is said that everybody may do everything.
    pub is_open: bool,
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
            is_open: false,
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
    /// with [`PREFIX`].
    ///
    /// # Errors
    /// [`ConfigurationError`] with the place in the text, or the name of the variable.
    pub fn read(file: Option<(&str, &Path)>, variables: &BTreeMap<String, String>) -> Result<Self, ConfigurationError> {
        let mut configuration = Self::default();
        let mut listen = None;
        if let Some((text, directory)) = file {
            let place = configuration.apply(text, directory).map_err(ConfigurationError::File)?;
            listen = place.map(|place| (None, place));
        }
        let known = variables::variables();
        for (name, value) in variables {
            let wrong = |problem| ConfigurationError::Variable { name: name.clone(), problem };
            let line = variables::named(name, &known).map_err(wrong)?.line(value);
            let place = configuration.apply(&line, Path::new("")).map_err(wrong)?;
            listen = place.map(|place| (Some(name), place)).or(listen);
        }
        match listen {
            Some((name, place)) if !configuration.is_open && !configuration.is_private() => {
                let problem = read::not_private(configuration.listen, place);
                Err(match name {
                    Some(name) => {
                        let problem = problem.help(format!(
                            "export {PREFIX}AUTH_ANONYMOUS=everything    (everybody may read, write and delete)"
                        ));
                        ConfigurationError::Variable { name: name.clone(), problem }
                    }
                    None => ConfigurationError::File(problem),
                })
            }
            _ => Ok(configuration),
        }
    }

    /// Returns what a registry is told of this.
    pub fn options(&self) -> RegistryOptions {
        let collect_period = self.collect.enabled.then_some(self.collect.period);
        RegistryOptions { collect_period, ..self.options.clone() }
    }

    /// Tells whether nobody but this machine can reach the address.
    fn is_private(&self) -> bool {
        self.listen.ip().to_canonical().is_loopback()
    }
}
