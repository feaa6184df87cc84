//! What a server is told: the configuration, and what the files say that it names.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use registry::access::SigningKey;
use registry::configuration::{AwsVariables, FILE_MAX_BYTES, masked};
use registry::{
    Access, Bucket, Configuration, ConfigurationError, EventEndpoint, PostgresUrl, TlsIdentity, TraceSettings,
};
use resolve::document::without_value;

use crate::error::{OpsError, Told};
use crate::project::read_text;

/// Where a server's configuration comes from.
#[derive(Clone, Default)]
pub struct ServeRequest {
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// Variables by their names, those alone that begin with [`registry::configuration::PREFIX`] or are among
    /// [`registry::configuration::STANDARD`].
    pub variables: BTreeMap<String, String>,
    /// Where everything is kept when nothing says otherwise.
    pub root: Option<PathBuf>,
    /// What the usual variables say of a bucket.
    pub aws: AwsVariables,
}

impl std::fmt::Debug for ServeRequest {
    /// Of variables only the names show: some hold passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.variables.keys().collect();
        f.debug_struct("ServeRequest").field("file", &self.file).field("variables", &names).finish_non_exhaustive()
    }
}

/// What a server is told, with all that the files say that it names.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The configuration. Its `root` is there.
    pub configuration: Configuration,
    /// What is odd about it, a line each.
    pub warnings: Vec<String>,
    pub(super) access: Access,
    pub(super) endpoints: Vec<EventEndpoint>,
    pub(super) identity: Option<TlsIdentity>,
    pub(super) postgres: Option<PostgresUrl>,
    pub(super) bucket: Option<Bucket>,
    pub(super) traces: Option<TraceSettings>,
}

/// A configuration, and the text that it was read from, for whoever finds something wrong with it.
struct Source<'r> {
    configuration: Configuration,
    text: Option<(&'r Path, String)>,
}

/// Returns what a server is told, without a look at the files that it names. Its `root` is there.
///
/// # Errors
/// [`OpsError::Configuration`] with the place in the file, [`OpsError::Usage`] when there is no directory to keep anything in, and
/// what reading the file brings.
pub fn configure(request: &ServeRequest) -> Result<Configuration, OpsError> {
    source(request).map(|source| source.configuration)
}

/// Returns what a server is told. Nothing is opened or made yet. Tokens are sealed by `process_key` where nothing names another.
///
/// # Errors
/// As [`configure`]; also with the place that names a file which cannot be read, or in which something is wrong.
pub fn prepare(request: &ServeRequest, process_key: &SigningKey) -> Result<Prepared, OpsError> {
    let source = source(request)?;
    let configuration = &source.configuration;
    let wrong = |error| source.wrong(error);
    let (access, odd) = configuration.access(process_key, &read_file).map_err(wrong)?;
    let endpoints = configuration.event_endpoints(&read_file).map_err(wrong)?;
    let identity = configuration.tls_identity(&read_file).map_err(wrong)?;
    let postgres = configuration.postgres(&read_file).map_err(wrong)?;
    let bucket = configuration.bucket(&request.aws, &read_file).map_err(wrong)?;
    let traces = configuration.trace_settings(&read_file).map_err(wrong)?;
    let mut warnings: Vec<String> = odd.iter().map(|error| source.line(error)).collect();
    if configuration.is_overheard() {
        warnings.push(format!(
            "others can reach {}, and passwords come to it as they are: name a certificate in [tls], or say tls.proxy = true where something \
             in front of the registry speaks TLS",
            configuration.listen
        ));
    }
    Ok(Prepared {
        warnings,
        access,
        endpoints,
        identity,
        postgres,
        bucket,
        traces,
        configuration: source.configuration,
    })
}

fn source(request: &ServeRequest) -> Result<Source<'_>, OpsError> {
    let read = |file: &PathBuf| {
        let source = io::ErrorKind::NotFound.into();
        let absent = OpsError::File { action: "cannot read", path: file.clone(), source };
        read_text(file, FILE_MAX_BYTES)?.ok_or(absent)
    };
    let text = request.file.as_ref().map(|file| Ok::<_, OpsError>((file.as_path(), read(file)?))).transpose()?;
    let file = text.as_ref().map(|(file, text)| (text.as_str(), file.parent().unwrap_or(Path::new(""))));
    let read = Configuration::read(file, &request.variables);
    let mut configuration = read.map_err(|error| told(error, text.as_ref()))?;
    configuration.root = configuration.root.or_else(|| request.root.clone());
    if configuration.root.is_none() && configuration.is_local() {
        return Err(OpsError::usage(
            "nothing says in which directory the registry is kept",
            "SUPERCARGO_SERVE_ROOT=/var/lib/supercargo supercargo serve".to_owned(),
        ));
    }
    Ok(Source { configuration, text })
}

impl Source<'_> {
    fn wrong(&self, error: ConfigurationError) -> OpsError {
        told(error, self.text.as_ref())
    }

    /// Returns what is odd in one line, with its place.
    fn line(&self, error: &ConfigurationError) -> String {
        match (error, &self.text) {
            (ConfigurationError::File(problem), Some((file, text))) => {
                let before = text.get(..problem.place.start).unwrap_or_default();
                let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
                format!("{}:{line}:{column}: {problem}", file.display())
            }
            _ => error.to_string(),
        }
    }
}

/// Returns an error with its place. Passwords do not show, for the place is one of a line that may have one.
fn told(error: ConfigurationError, text: Option<&(&Path, String)>) -> OpsError {
    match (error, text) {
        (ConfigurationError::File(problem), Some((file, text))) => {
            let mut shown = masked(text);
            if problem.is_unknown_key && problem.label.is_empty() {
                // No key that it was meant to be is known, and it may be a password.
                shown = without_value(&shown, &problem.place);
            }
            OpsError::Configuration(Told {
                lines: problem.excerpt(&file.to_string_lossy(), &shown).lines().map(str::to_owned).collect(),
                message: problem.message,
                help: problem.help,
            })
        }
        (error, _) => {
            let help = match &error {
                ConfigurationError::File(problem) | ConfigurationError::Variable { problem, .. } => &problem.help,
            };
            let help = help.clone().or_else(|| Some("supercargo serve --help".to_owned()));
            OpsError::Configuration(Told { message: error.to_string(), lines: Vec::new(), help })
        }
    }
}

/// Returns the content of a file that has no more bytes than `most`.
fn read_file(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes")));
    }
    Ok(bytes)
}
