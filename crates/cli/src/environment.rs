//! The environment: the only module that reads it. Everything else is given plain values.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use ops::registry::access::Secret;
use ops::registry::configuration::{AwsVariables, PREFIX, STANDARD};

/// A variable that supercargo reads.
pub(crate) struct Variable {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it does, for `--help` and the book.
    pub(crate) purpose: &'static str,
}

/// Every variable that supercargo reads, in the order in which they are shown.
pub(crate) const VARIABLES: [Variable; 21] = [
    Variable { name: STORE, purpose: "directory of the local content store" },
    Variable { name: AUTH_FILE, purpose: "file with credentials, instead of all others" },
    Variable { name: PROGRESS, purpose: "as --progress" },
    Variable { name: NOW, purpose: "the time, instead of the clock's, as in 2026-03-31T12:00:00Z" },
    Variable { name: SERVE, purpose: "keys of the configuration of `serve`, which names them all" },
    Variable { name: AWS, purpose: "key, region and endpoint of the bucket of `serve`, as usual" },
    Variable { name: REGISTRY_AUTH_FILE, purpose: "file with credentials, as podman uses it" },
    Variable { name: DOCKER_CONFIG, purpose: "directory of docker's config.json" },
    Variable { name: CONTAINERS_REGISTRIES_CONF, purpose: "registries.conf, instead of the user's and the system's" },
    Variable { name: HTTPS_PROXY, purpose: "proxy to registries under TLS (or `https_proxy`, and so on)" },
    Variable { name: HTTP_PROXY, purpose: "proxy to registries without TLS" },
    Variable { name: ALL_PROXY, purpose: "proxy where neither says anything" },
    Variable { name: NO_PROXY, purpose: "what is asked without a proxy; this machine always is" },
    Variable { name: XDG_RUNTIME_DIR, purpose: "where podman keeps containers/auth.json" },
    Variable { name: XDG_CONFIG_HOME, purpose: "configuration, instead of ~/.config" },
    Variable { name: XDG_DATA_HOME, purpose: "data such as the local content store, instead of ~/.local/share" },
    Variable { name: XDG_STATE_HOME, purpose: "state such as the observation log, instead of ~/.local/state" },
    Variable { name: XDG_CACHE_HOME, purpose: "what can be found out again, instead of ~/.cache" },
    Variable { name: HOME, purpose: "the home directory" },
    Variable { name: NO_COLOR, purpose: "no colours, unless --color says otherwise" },
    Variable { name: TERM, purpose: "`dumb` means no colours and no progress bars" },
];

const STORE: &str = "SUPERCARGO_STORE";
const AUTH_FILE: &str = "SUPERCARGO_AUTH_FILE";
const PROGRESS: &str = "SUPERCARGO_PROGRESS";
const NOW: &str = "SUPERCARGO_NOW";
const SERVE: &str = "SUPERCARGO_SERVE_…";
const AWS: &str = "AWS_…";
const REGISTRY_AUTH_FILE: &str = "REGISTRY_AUTH_FILE";
const DOCKER_CONFIG: &str = "DOCKER_CONFIG";
const CONTAINERS_REGISTRIES_CONF: &str = "CONTAINERS_REGISTRIES_CONF";
const HTTPS_PROXY: &str = "HTTPS_PROXY";
const HTTP_PROXY: &str = "HTTP_PROXY";
const ALL_PROXY: &str = "ALL_PROXY";
const NO_PROXY: &str = "NO_PROXY";
const XDG_RUNTIME_DIR: &str = "XDG_RUNTIME_DIR";
const XDG_CONFIG_HOME: &str = "XDG_CONFIG_HOME";
const XDG_DATA_HOME: &str = "XDG_DATA_HOME";
const XDG_STATE_HOME: &str = "XDG_STATE_HOME";
const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";
const HOME: &str = "HOME";
const NO_COLOR: &str = "NO_COLOR";
const TERM: &str = "TERM";
/// Not read but handed on.
const PATH: &str = "PATH";

/// What the environment says. A variable that is empty counts as not set. There is no way to print it: some hold passwords.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    /// `SUPERCARGO_STORE`.
    pub(crate) store: Option<PathBuf>,
    /// `SUPERCARGO_AUTH_FILE`.
    pub(crate) auth_file: Option<PathBuf>,
    /// `SUPERCARGO_PROGRESS`.
    pub(crate) progress: Option<OsString>,
    /// `SUPERCARGO_NOW`.
    pub(crate) now: Option<OsString>,
    /// All that begin with `SUPERCARGO_SERVE_`, and those of OpenTelemetry that are known, by their names.
    pub(crate) serve: BTreeMap<String, OsString>,
    /// `AWS_ACCESS_KEY_ID` and those that go with it.
    pub(crate) aws: AwsVariables,
    /// `REGISTRY_AUTH_FILE`.
    pub(crate) registry_auth_file: Option<PathBuf>,
    /// `DOCKER_CONFIG`.
    pub(crate) docker_config: Option<PathBuf>,
    /// `CONTAINERS_REGISTRIES_CONF`.
    pub(crate) registries_conf: Option<PathBuf>,
    /// Those of proxies that are set, by their names, in capitals and in small letters.
    pub(crate) proxies: BTreeMap<String, OsString>,
    /// `XDG_RUNTIME_DIR`.
    pub(crate) runtime_directory: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`, or `.config` in the home directory.
    pub(crate) config_home: Option<PathBuf>,
    /// `XDG_DATA_HOME`, or `.local/share` in the home directory.
    pub(crate) data_home: Option<PathBuf>,
    /// `XDG_STATE_HOME`, or `.local/state` in the home directory.
    pub(crate) state_home: Option<PathBuf>,
    /// `XDG_CACHE_HOME`, or `.cache` in the home directory.
    pub(crate) cache_home: Option<PathBuf>,
    /// `HOME`.
    pub(crate) home: Option<PathBuf>,
    /// The user that this process runs as.
    pub(crate) user_id: u32,
    /// Whether `NO_COLOR` is set.
    pub(crate) no_color: bool,
    /// Whether `TERM` is `dumb`.
    pub(crate) dumb_terminal: bool,
}

impl Environment {
    /// Reads the environment of this process.
    pub(crate) fn read() -> Self {
        let path = |name| variable(name).map(PathBuf::from);
        // The XDG specification has relative paths ignored.
        let absolute = |name| path(name).filter(|path| path.is_absolute());
        let home = path(HOME);
        let below_home = |rest: &str| home.as_ref().map(|home| home.join(rest));
        Self {
            store: path(STORE),
            auth_file: path(AUTH_FILE),
            progress: variable(PROGRESS),
            now: variable(NOW),
            serve: serve_variables(),
            aws: aws(),
            registry_auth_file: path(REGISTRY_AUTH_FILE),
            docker_config: path(DOCKER_CONFIG),
            registries_conf: path(CONTAINERS_REGISTRIES_CONF),
            proxies: proxies(),
            runtime_directory: absolute(XDG_RUNTIME_DIR),
            config_home: absolute(XDG_CONFIG_HOME).or_else(|| below_home(".config")),
            data_home: absolute(XDG_DATA_HOME).or_else(|| below_home(".local/share")),
            state_home: absolute(XDG_STATE_HOME).or_else(|| below_home(".local/state")),
            cache_home: absolute(XDG_CACHE_HOME).or_else(|| below_home(".cache")),
            user_id: rustix::process::getuid().as_raw(),
            no_color: variable(NO_COLOR).is_some(),
            dumb_terminal: variable(TERM).is_some_and(|term| term == "dumb"),
            home,
        }
    }

    /// Returns what a process of our own needs to find nothing of the user: home, data, store and credentials lie in
    /// `directory`, which has no credentials, and `now` is the present. Programs are found where this process finds them. To be used
    /// with an environment that was cleared.
    pub(crate) fn isolated(directory: &std::path::Path, now: &str) -> Vec<(&'static str, OsString)> {
        let own = [
            (HOME, directory.into()),
            (XDG_RUNTIME_DIR, directory.into()),
            (STORE, directory.join("store").into()),
            (PROGRESS, "none".into()),
            (NO_COLOR, "1".into()),
            (NOW, now.into()),
        ];
        own.into_iter().chain(variable(PATH).map(|path| (PATH, path))).collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the module that reads the environment")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns what the usual variables say of a bucket. One that is no text says nothing.
fn aws() -> AwsVariables {
    let text = |name| variable(name).and_then(|value| value.into_string().ok());
    let secret = |name| text(name).map(Secret::new);
    AwsVariables {
        access_key: secret("AWS_ACCESS_KEY_ID"),
        secret_key: secret("AWS_SECRET_ACCESS_KEY"),
        session_token: secret("AWS_SESSION_TOKEN"),
        region: text("AWS_REGION").or_else(|| text("AWS_DEFAULT_REGION")),
        endpoint: text("AWS_ENDPOINT_URL"),
    }
}

/// Returns what variables tell of proxies.
fn proxies() -> BTreeMap<String, OsString> {
    let names = [HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY];
    let names = names.into_iter().flat_map(|name| [name.to_owned(), name.to_ascii_lowercase()]);
    names.filter_map(|name| variable(&name).map(|value| (name, value))).collect()
}

/// Returns what variables tell a server.
fn serve_variables() -> BTreeMap<String, OsString> {
    let standard = STANDARD.into_iter().filter_map(|name| Some((name.to_owned(), variable(name)?)));
    variables(PREFIX).into_iter().chain(standard).collect()
}

/// Returns the variables whose names begin with `prefix`.
#[expect(clippy::disallowed_methods, reason = "this is the module that reads the environment")]
fn variables(prefix: &str) -> BTreeMap<String, OsString> {
    let named = |(name, value): (OsString, OsString)| {
        let name = name.into_string().ok().filter(|name| name.starts_with(prefix))?;
        (!value.is_empty()).then_some((name, value))
    };
    std::env::vars_os().filter_map(named).collect()
}
