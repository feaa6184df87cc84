//! A registry of one's own: what it is told, and its start.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use registry::configuration::FILE_MAX_BYTES;
use registry::{
    Bad, Clock, Configuration, ConfigurationError, FailureHook, Registry, Reindex, Reindexed, RunningRegistry, Scrub,
    Scrubbed, Storage, StorageError,
};

use crate::error::{OpsError, Told};
use crate::project::read_text;

/// Where a server's configuration comes from.
#[derive(Clone, Debug, Default)]
pub struct ServeRequest {
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// Variables by their names, those alone that begin with [`registry::configuration::PREFIX`].
    pub variables: BTreeMap<String, String>,
    /// Where everything is kept when nothing says otherwise.
    pub root: Option<PathBuf>,
}

/// Returns what a server is told. Its `root` is there.
///
/// # Errors
/// [`OpsError::Configuration`] with the place in the file, [`OpsError::Usage`] when there is no directory to keep anything in, and
/// what reading the file brings.
pub fn configure(request: &ServeRequest) -> Result<Configuration, OpsError> {
    let read = |file: &PathBuf| {
        let source = std::io::ErrorKind::NotFound.into();
        let absent = OpsError::File { action: "cannot read", path: file.clone(), source };
        read_text(file, FILE_MAX_BYTES)?.ok_or(absent)
    };
    let text = request.file.as_ref().map(|file| Ok::<_, OpsError>((file, read(file)?))).transpose()?;
    let file = text.as_ref().map(|(file, text)| (text.as_str(), file.parent().unwrap_or(Path::new(""))));
    let mut configuration = Configuration::read(file, &request.variables).map_err(|error| match (error, &text) {
        (ConfigurationError::File(problem), Some((file, text))) => OpsError::Configuration(Told {
            lines: problem.excerpt(&file.to_string_lossy(), text).lines().map(str::to_owned).collect(),
            message: problem.message,
            help: problem.help,
        }),
        (error, _) => {
            let help = match &error {
                ConfigurationError::File(problem) | ConfigurationError::Variable { problem, .. } => &problem.help,
            };
            let help = help.clone().or_else(|| Some("supercargo serve --help".to_owned()));
            OpsError::Configuration(Told { message: error.to_string(), lines: Vec::new(), help })
        }
    })?;
    configuration.root = configuration.root.or_else(|| request.root.clone());
    if configuration.root.is_none() {
        return Err(OpsError::usage(
            "nothing says in which directory the registry is kept",
            "SUPERCARGO_SERVE_ROOT=/var/lib/supercargo supercargo serve".to_owned(),
        ));
    }
    Ok(configuration)
}

/// Starts a server, and returns once it accepts connections. `on_failure` is told of what callers see only as status 500.
///
/// # Errors
/// [`OpsError::Storage`] when the directory cannot be used or another process serves it, [`OpsError::Listen`] when the address
/// cannot be listened on.
pub async fn start(
    configuration: &Configuration,
    on_failure: impl Fn(&(dyn Error + Send + Sync + 'static)) + Send + Sync + 'static,
) -> Result<RunningRegistry, OpsError> {
    let root = configuration.root.clone().unwrap_or_default();
    let opened = Storage::open(&root, Clock::system(), configuration.collect.keeping).await;
    let storage = opened.map_err(|source| OpsError::Storage { root, source })?;
    let mut options = configuration.options();
    options.on_failure = Some(FailureHook::new(on_failure));
    let address = configuration.listen;
    let registry = Registry::new(storage, options);
    RunningRegistry::start(address, registry).await.map_err(|source| OpsError::Listen { address, source })
}

/// Makes the database of a registry anew from what lies beside it.
///
/// # Errors
/// [`OpsError::Usage`] when there is a database and it may not be set aside, [`OpsError::Storage`] when the directory cannot be used or a
/// process serves it.
pub async fn reindex(configuration: &Configuration, reindex: &Reindex) -> Result<Reindexed, OpsError> {
    let root = configuration.root.clone().unwrap_or_default();
    let keeping = configuration.collect.keeping;
    Storage::reindex_directory(&root, Clock::system(), keeping, reindex).await.map_err(|source| match source {
        StorageError::NotEmpty => OpsError::usage(
            format!("there is a database in {}", root.display()),
            "supercargo serve reindex --replace    (sets it aside)".to_owned(),
        ),
        source => OpsError::Storage { root, source },
    })
}

/// Reads every byte of a registry that is not served, and marks what is bad. `on_bad` is told of it at once.
///
/// # Errors
/// [`OpsError::Storage`] when the directory cannot be used or a process serves it.
pub async fn scrub(
    configuration: &Configuration,
    scrub: &Scrub,
    on_bad: impl Fn(&Bad) + Send + Sync,
) -> Result<Scrubbed, OpsError> {
    let root = configuration.root.clone().unwrap_or_default();
    let scrubbed = async {
        let storage = Storage::open(&root, Clock::system(), configuration.collect.keeping).await?;
        storage.scrub(scrub, on_bad).await
    };
    let scrubbed = scrubbed.await.map_err(|source| OpsError::Storage { root: root.clone(), source })?;
    Ok(scrubbed.unwrap_or_default())
}
