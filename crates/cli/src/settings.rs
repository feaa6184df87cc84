//! Flags over environment over defaults, merged once.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use oci::{Platform, Timestamp};
use ops::context::LockUse;
use ops::credentials::AuthFiles;
use ops::doctor::Profiles;
use ops::observations::Clock;
use ops::project::ProjectPlace;
use ops::registry::configuration::AwsVariables;
use ops::{ClientOptions, ContextOptions, OpsError, Proxies, RoutingFiles};

use crate::arguments::{Format, GlobalArguments, ProgressMode, When};
use crate::environment::Environment;

/// What the user wants, whatever way it was said.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How the result is written.
    pub(crate) format: Format,
    /// Whether errors and notes are coloured.
    pub(crate) color: bool,
    /// How progress is shown.
    pub(crate) progress: ProgressDisplay,
    /// Whether notes are left out.
    pub(crate) quiet: bool,
    /// Whether progress tells of manifests and of what was there.
    pub(crate) verbose: bool,
    /// The platforms of an index that are meant; none means all.
    pub(crate) platforms: Vec<Platform>,
    /// How many blobs move at once.
    pub(crate) jobs: Option<usize>,
    /// Where the project is.
    pub(crate) project: ProjectPlace,
    /// What the environment says of a server.
    pub(crate) serve: ServeSettings,
    /// Where operations run.
    pub(crate) context: ContextOptions,
}

/// What the environment says of a server.
#[derive(Clone, Default)]
pub(crate) struct ServeSettings {
    /// The variables of its configuration.
    pub(crate) variables: BTreeMap<String, OsString>,
    /// Where everything is kept when nothing says otherwise.
    pub(crate) root: Option<PathBuf>,
    /// What the usual variables say of a bucket.
    pub(crate) aws: AwsVariables,
}

impl std::fmt::Debug for ServeSettings {
    /// Of variables only the names show: some hold passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

/// How progress is shown, decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgressDisplay {
    /// Bars.
    Bars,
    /// Lines of text.
    Lines,
    /// Lines of JSON.
    Json,
    /// Not at all.
    Silent,
}

impl Settings {
    /// Merges the flags with the environment.
    ///
    /// # Errors
    /// [`OpsError::Usage`] when a variable has a value that it cannot have.
    pub(crate) fn new(flags: &GlobalArguments, environment: &Environment) -> Result<Self, OpsError> {
        let terminal = std::io::stderr().is_terminal() && !environment.dumb_terminal;
        let color = match flags.color.unwrap_or_default() {
            When::Always => true,
            When::Never => false,
            When::Auto => terminal && !environment.no_color,
        };
        let mut client = ClientOptions {
            plain_http: flags.plain_http,
            insecure_skip_tls_verify: flags.insecure_skip_tls_verify,
            ca_file: flags.ca_file.clone(),
            proxies: proxies(environment)?,
            ..ClientOptions::default()
        };
        let clock = clock(environment)?;
        if let Some(cache) = &environment.cache_home {
            let clock = clock.clone();
            client.profiles = Profiles::below(cache.join("supercargo/registries"), move || clock.now());
        }
        if let Some(timeout) = flags.timeout {
            client.timeout = timeout;
        }
        let context = ContextOptions {
            content_store: content_store(environment),
            client,
            routing_files: RoutingFiles::usual(
                Path::new("/etc"),
                environment.home.as_deref(),
                flags.registries_conf.as_ref().or(environment.registries_conf.as_ref()).cloned(),
            ),
            auth_files: auth_files(flags, environment),
            offline: flags.offline,
            lock_use: match (flags.frozen, flags.locked) {
                (true, _) => LockUse::Frozen,
                (false, true) => LockUse::Locked,
                (false, false) => LockUse::Refresh,
            },
            observations: environment.state_home.as_ref().map(|state| state.join("supercargo/observations")),
            clock,
        };
        Ok(Self {
            format: flags.format.unwrap_or_default(),
            color,
            progress: progress(flags, environment, terminal)?,
            quiet: flags.quiet,
            verbose: flags.verbose > 0,
            platforms: flags.platform.clone(),
            jobs: flags.jobs.map(std::num::NonZero::get),
            serve: ServeSettings {
                variables: environment.serve.clone(),
                root: environment.data_home.as_ref().map(|data| data.join("supercargo/registry")),
                aws: environment.aws.clone(),
            },
            project: ProjectPlace { file: flags.project.clone() },
            context,
        })
    }
}

fn proxies(environment: &Environment) -> Result<Proxies, OpsError> {
    // A URL that is no text is no URL.
    let text = |name: &str| environment.proxies.get(name).map(|value| value.to_string_lossy().into_owned());
    Proxies::from_variables(text).map_err(|error| {
        let help = format!("export {}=http://HOST:PORT", error.variable);
        OpsError::usage(error.to_string(), help)
    })
}

/// Returns the clock of the system, or one that stands where the user has set it.
fn clock(environment: &Environment) -> Result<Clock, OpsError> {
    let Some(said) = environment.now.as_deref().map(OsStr::to_string_lossy) else { return Ok(Clock::new(system_time)) };
    let said = said.parse::<Timestamp>().map_err(|error| {
        let message = format!("SUPERCARGO_NOW is `{}`: {error}", oci::text::printable(&said));
        OpsError::usage(message, "export SUPERCARGO_NOW=2026-03-31T12:00:00Z".to_owned())
    })?;
    Ok(Clock::new(move || Some(said)))
}

/// Returns the time; `None` when the clock stands before 1970 or after 9999.
#[expect(clippy::disallowed_methods, reason = "this is the edge of the program")]
fn system_time() -> Option<Timestamp> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).ok().and_then(Timestamp::from_seconds)
}

fn progress(flags: &GlobalArguments, environment: &Environment, terminal: bool) -> Result<ProgressDisplay, OpsError> {
    let mode = match (flags.progress, environment.progress.as_deref().map(OsStr::to_string_lossy)) {
        (Some(mode), _) => mode,
        (None, Some(value)) => ProgressMode::from_str(&value, false).map_err(|_| {
            let message = format!("SUPERCARGO_PROGRESS is `{}`", oci::text::printable(&value));
            OpsError::usage(message, "export SUPERCARGO_PROGRESS=auto    (or plain, json, none)".to_owned())
        })?,
        (None, None) => ProgressMode::Auto,
    };
    Ok(match mode {
        _ if flags.quiet && flags.progress.is_none() => ProgressDisplay::Silent,
        ProgressMode::None => ProgressDisplay::Silent,
        ProgressMode::Auto if terminal => ProgressDisplay::Bars,
        ProgressMode::Auto | ProgressMode::Plain => ProgressDisplay::Lines,
        ProgressMode::Json => ProgressDisplay::Json,
    })
}

fn content_store(environment: &Environment) -> Option<PathBuf> {
    let below_data = || environment.data_home.as_ref().map(|data| data.join("supercargo/store"));
    environment.store.clone().or_else(below_data)
}

/// Returns the files that may hold credentials. One that is named for this program stands alone; podman's variable names another place
/// for the file of the session.
fn auth_files(flags: &GlobalArguments, environment: &Environment) -> AuthFiles {
    let below = |directory: &Option<PathBuf>, file: &str| directory.as_ref().map(|directory| directory.join(file));
    let of_podman = environment.registry_auth_file.clone();
    let of_docker = below(&environment.docker_config, "config.json");
    let of_session = below(&environment.runtime_directory, "containers/auth.json")
        .unwrap_or_else(|| format!("/run/containers/{}/auth.json", environment.user_id).into());
    let of_session = Some(of_session).filter(|_| of_podman.is_none());
    let of_user = below(&environment.config_home, "containers/auth.json");
    // Where docker's directory is named, the one in the home directory is not docker's.
    let of_home = below(&environment.home, ".docker/config.json").filter(|_| of_docker.is_none());
    AuthFiles {
        named: flags.authfile.as_ref().or(environment.auth_file.as_ref()).cloned(),
        preferred: of_podman.clone(),
        new: of_docker.clone().or_else(|| of_user.clone()),
        usual: [of_podman, of_docker, of_session, of_user, of_home].into_iter().flatten().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags() -> GlobalArguments {
        use clap::Parser as _;
        let arguments = crate::arguments::Arguments::parse_from(["supercargo", "completions", "bash"]);
        arguments.global
    }

    fn environment() -> Environment {
        Environment { home: Some("/home/u".into()), data_home: Some("/home/u/data".into()), ..Environment::default() }
    }

    #[test]
    fn a_flag_wins_over_the_environment() {
        let mut environment = environment();
        environment.progress = Some("json".into());
        let settings = Settings::new(&flags(), &environment).unwrap();
        assert_eq!(settings.progress, ProgressDisplay::Json);
        assert_eq!(settings.context.content_store, Some("/home/u/data/supercargo/store".into()));
        let flags = GlobalArguments { progress: Some(ProgressMode::Plain), ..flags() };
        environment.store = Some("/elsewhere".into());
        let settings = Settings::new(&flags, &environment).unwrap();
        assert_eq!(settings.progress, ProgressDisplay::Lines);
        assert_eq!(settings.context.content_store, Some("/elsewhere".into()));
    }

    #[test]
    fn settings_show_no_password() {
        use ops::registry::access::Secret;
        let secret = "geheim";
        let variable = |name: &str| (name.to_owned(), format!("http://u:{secret}@h").into());
        let environment = Environment {
            serve: [variable("SUPERCARGO_SERVE_DATABASE_URL")].into(),
            proxies: [variable("HTTPS_PROXY")].into(),
            aws: AwsVariables { secret_key: Some(Secret::new(secret)), ..AwsVariables::default() },
            ..environment()
        };
        let shown = format!("{:?}", Settings::new(&flags(), &environment).unwrap());
        assert!(shown.contains("SUPERCARGO_SERVE_DATABASE_URL") && !shown.contains(secret), "{shown}");
    }

    #[test]
    fn a_value_that_means_nothing_is_refused() {
        let environment = Environment { progress: Some("loud".into()), ..environment() };
        assert!(matches!(Settings::new(&flags(), &environment), Err(OpsError::Usage { .. })));
    }

    #[test]
    fn credentials_come_from_the_nearest_file_first() {
        let flags = GlobalArguments { authfile: Some("flag.json".into()), ..flags() };
        let environment = Environment {
            auth_file: Some("ours.json".into()),
            registry_auth_file: Some("podman.json".into()),
            ..environment()
        };
        let files = auth_files(&flags, &environment);
        assert_eq!(files.named, Some("flag.json".into()));
        let files = auth_files(&GlobalArguments { authfile: None, ..flags }, &environment);
        assert_eq!(files.named, Some("ours.json".into()));
    }

    #[test]
    fn files_are_asked_in_the_order_of_the_book() {
        let environment = Environment {
            runtime_directory: Some("/run/u".into()),
            config_home: Some("/home/u/.config".into()),
            ..environment()
        };
        let files = auth_files(&flags(), &environment);
        let of_podman = ["/run/u/containers/auth.json", "/home/u/.config/containers/auth.json"].map(PathBuf::from);
        assert_eq!(files.usual, [&of_podman[..], &["/home/u/.docker/config.json".into()]].concat());
        assert_eq!((files.named, files.new.as_ref()), (None, Some(&of_podman[1])));
        let environment = Environment { docker_config: Some("/docker".into()), ..environment };
        let files = auth_files(&flags(), &environment);
        assert_eq!(files.usual, [&["/docker/config.json".into()], &of_podman[..]].concat());
        assert_eq!((files.preferred, files.new), (None, Some("/docker/config.json".into())));
        let environment = Environment { registry_auth_file: Some("podman.json".into()), ..environment };
        let files = auth_files(&flags(), &environment);
        assert_eq!(
            files.usual,
            ["podman.json", "/docker/config.json", "/home/u/.config/containers/auth.json"].map(PathBuf::from)
        );
        assert_eq!(files.preferred, Some("podman.json".into()));
    }
}
