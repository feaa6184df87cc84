//! Where commands are run: a project, a registry behind an observer, and a home for each run with everything secret in it.

use std::fs;
use std::path::{Path, PathBuf};

use testkit::certificates;
use testkit::proxy::{ForwardProxy, HttpProxy, TlsFront};
use tokio::runtime::Runtime;

use super::home::{copy_tree, furnish, link, write_login};
use super::lines::Line;
use super::modes::{self, Login, Mode, Way};
use super::planted::{Needles, secret};
use super::watched::watch;
use crate::desk::Desk;
use crate::releases::{publish, release};
use crate::server::Server;

/// The name by which the proxy knows the registry.
const NAME: &str = "registry.test";

/// By which name the proxy knows it where clients have to show certificates.
const NAME_FOR_KNOWN: &str = "registry.test:8443";

/// What holds secrets because it was told to, and is not searched.
const KEEPERS: [&str; 6] = ["bin", "home/.docker", "home/kept", "home/.config/containerd", "secrets", "children"];

pub(super) struct Place {
    template: Desk,
    needles: Needles,
    runtime: Runtime,
    _server: Server,
    observer: HttpProxy,
    elsewhere: HttpProxy,
    forward: ForwardProxy,
    _fronts: [TlsFront; 2],
}

/// What came of a line.
pub(super) struct Seen {
    pub(super) failed: bool,
    pub(super) wrong: Vec<String>,
}

impl Place {
    pub(super) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (template, _application) = Desk::with_application();
        let server = Server::new();
        let days = ["2026-01-10", "2026-02-10", "2026-03-10", "2026-04-10"];
        for (day, tag) in days.iter().zip(["1.0.0", "1.1.0", "1.2.0", "1.3.0"]) {
            publish(&template, &server, "team/web", &[release(day, &[tag])]);
        }
        publish(&template, &server, "team/api", &[release("2026-01-10", &["1.0.0"])]);
        let observer = runtime.block_on(HttpProxy::start(server.host().parse().unwrap()));
        let elsewhere = runtime.block_on(HttpProxy::server(modes::elsewhere()));
        let user = ("captain", &*secret("proxy"));
        let front = runtime.block_on(TlsFront::start(observer.address(), "server"));
        let for_known = runtime.block_on(TlsFront::start_for_known(observer.address(), "server"));
        let names = [
            (&*format!("{NAME}:80"), observer.address()),
            (&*format!("{NAME}:443"), front.address()),
            (NAME_FOR_KNOWN, for_known.address()),
        ];
        let forward = runtime.block_on(ForwardProxy::start(&names, Some(user)));
        furnish(&template, &observer.host().to_string());
        Self {
            template,
            needles: Needles::default(),
            runtime,
            _server: server,
            observer,
            elsewhere,
            forward,
            _fronts: [front, for_known],
        }
    }

    /// Has the registry do what a mode says.
    pub(super) fn open(&self, mode: &Mode) {
        self.observer.set_rules((mode.rules)(&self.elsewhere.host().to_string()));
        self.observer.log().clear();
    }

    /// Returns what is wrong when nothing secret was shown to the registry in a mode.
    pub(super) fn assert_used(&self, mode: &Mode) -> Option<String> {
        self.runtime.block_on(self.observer.log().settled());
        let exchanges = self.observer.log().exchanges();
        let is_secret = |text: &str| !self.needles.find(text.as_bytes()).is_empty();
        let shows = |name: &str| exchanges.iter().filter_map(|exchange| exchange.header(name)).any(is_secret);
        let used = match (mode.way, mode.login) {
            (Way::Proxy, _) | (Way::Tls, Login::Pair | Login::Registry) => shows("Authorization") && shows("X-Gate"),
            (Way::Direct | Way::Tls, Login::Identity) => {
                exchanges.iter().any(|exchange| exchange.line() == "POST /token")
            }
            (Way::Direct, Login::Pair | Login::Fields | Login::Registry | Login::Helper) => shows("Authorization"),
            // Nobody comes so far, but whoever logs in with another password.
            _ => true,
        };
        (!used).then(|| format!("{}: the registry was not shown what it should be", mode.name))
    }

    /// Returns what is typed for the registry.
    fn host(&self, mode: &Mode) -> String {
        match mode.way {
            Way::Direct => self.observer.host().to_string(),
            Way::ClientTls => NAME_FOR_KNOWN.to_owned(),
            _ => NAME.to_owned(),
        }
    }

    /// Runs a line in a home of its own, and returns what was seen.
    pub(super) fn run(&self, mode: &Mode, number: usize, line: &Line) -> Seen {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        self.furnish(root, line);
        let (host, own) = (self.host(mode), format!("{}-{number}", mode.name));
        for file in
            ["Supercargo.toml", "Supercargo.lock", "old.lock", "compose.yaml", "fresh/compose.yaml", "mirror.toml"]
        {
            let text = fs::read_to_string(root.join(file)).unwrap();
            fs::remove_file(root.join(file)).unwrap();
            fs::write(root.join(file), text.replace(&self.observer.host().to_string(), &host)).unwrap();
        }
        write_login(root, mode.login, &host);
        let variables = self.variables(mode, root);
        let mut seen = Seen { failed: false, wrong: Vec::new() };
        for (number, typed) in line.typed.iter().enumerate() {
            // Each is seen in both forms.
            let json = (mode.name.len() + line.command.len() + number).is_multiple_of(2);
            let form = if json {
                ["--format", "json", "--progress", "json"]
            } else {
                ["--format", "table", "--progress", "plain"]
            };
            let typed = typed.replace("{r}", &host).replace("{m}", &own);
            let mut command = self.template.command(&form);
            command.arg("-vv");
            match mode.way {
                Way::Direct | Way::UnknownTls => &mut command,
                Way::Tls | Way::ClientTls => command.arg("--ca-file").arg(certificates::path("authority.pem")),
                _ => command.arg("--plain-http"),
            };
            command.args(typed.split(' '));
            command.current_dir(root).env("HOME", root.join("home")).env("XDG_RUNTIME_DIR", root.join("runtime"));
            command.envs(variables.iter().map(|(name, value)| (name, value)));
            let input = if typed.ends_with("--password-stdin") { secret("stdin") } else { String::new() };
            let watched = watch(command, &input, root);
            seen.failed = watched.code != Some(0);
            let what = format!("{}: {typed}", mode.name);
            let said = String::from_utf8_lossy(&watched.stderr).into_owned();
            if said.contains("panicked") || watched.code.is_none() {
                seen.wrong.push(format!("{what}: {said}"));
            }
            if mode.failures == 0 && seen.failed {
                seen.wrong.push(format!("{what}: ended with {:?}: {said}", watched.code));
            }
            let places = [("stdout", watched.stdout), ("stderr", watched.stderr), ("arguments", watched.arguments)];
            for (place, bytes) in places {
                seen.wrong.extend(self.needles.find(&bytes).iter().map(|found| format!("{what}: {place}: {found}")));
            }
        }
        let what = format!("{}: {}", mode.name, line.command);
        seen.wrong.extend(self.search_files(root).into_iter().map(|wrong| format!("{what}: {wrong}")));
        seen.wrong.extend(self.search_children(root, &variables).into_iter().map(|wrong| format!("{what}: {wrong}")));
        seen
    }

    /// Copies what a line needs of the desk. The rest would take most of the time.
    fn furnish(&self, root: &Path, line: &Line) {
        let needs = |word: &str| line.typed.iter().any(|typed| typed.contains(word));
        for entry in fs::read_dir(self.template.path("")).unwrap() {
            let entry = entry.unwrap();
            let (name, target) = (entry.file_name(), root.join(entry.file_name()));
            let is_needed = match name.to_str().unwrap() {
                "app" => needs("oci:app") || needs("import app"),
                ".git" => needs("HEAD"),
                "home" => {
                    copy_tree(&entry.path().join(".config"), &target.join(".config"));
                    fs::create_dir(target.join(".docker")).unwrap();
                    false
                }
                other => !other.starts_with("team-"),
            };
            if is_needed && entry.path().is_dir() {
                copy_tree(&entry.path(), &target);
            } else if is_needed {
                link(&entry.path(), &target);
            }
        }
    }

    /// Returns what the user's own environment holds.
    fn variables(&self, mode: &Mode, root: &Path) -> Vec<(String, String)> {
        let mut variables = vec![
            ("PATH".to_owned(), format!("{}:/usr/bin:/bin", root.join("bin").display())),
            ("RUST_BACKTRACE".to_owned(), "1".to_owned()),
            ("AWS_ACCESS_KEY_ID".to_owned(), secret("aws-id")),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), secret("aws")),
            ("AWS_SESSION_TOKEN".to_owned(), secret("aws-session")),
        ];
        let url = |password: &str| format!("http://captain:{password}@127.0.0.1:{}", self.forward.address().port());
        let proxy = match mode.way {
            Way::WrongProxy => url(&secret("wrong")),
            Way::BrokenProxy => format!("{}:no-port", url(&secret("proxy"))),
            _ => url(&secret("proxy")),
        };
        variables.extend(["HTTP_PROXY", "HTTPS_PROXY", "all_proxy"].map(|name| (name.to_owned(), proxy.clone())));
        let (scheme, name) = match mode.way {
            Way::ClientTls => ("https", NAME_FOR_KNOWN),
            Way::Tls | Way::UnknownTls => ("https", NAME),
            _ => ("http", NAME),
        };
        let certs = root.join("home/.config/containerd/certs.d").join(name);
        fs::create_dir_all(&certs).unwrap();
        let gate = format!("x-gate = \"{}\"", secret("gate"));
        let (rest, key) = match mode.way {
            Way::BrokenHosts => (format!("x-other = \"{}\nx = {}", secret("header"), secret("header")), ""),
            Way::BrokenKey => (String::new(), "client = [[\"client.pem\", \"client.key\"]]\n"),
            _ => (String::new(), ""),
        };
        let hosts = format!(
            "server = \"{scheme}://{name}\"\n[host.\"{scheme}://{name}\"]\n{key}[host.\"{scheme}://{name}\".header]\n{gate}\n{rest}\n"
        );
        fs::write(certs.join("hosts.toml"), hosts).unwrap();
        let pem = |kind: &str| format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", secret("key"));
        fs::write(certs.join("client.pem"), pem("CERTIFICATE")).unwrap();
        fs::write(certs.join("client.key"), pem("PRIVATE KEY")).unwrap();
        variables
    }

    /// Searches what lies below a directory.
    fn search_files(&self, root: &Path) -> Vec<String> {
        let mut wrong = Vec::new();
        for file in files(root) {
            let name = file.strip_prefix(root).unwrap();
            if !KEEPERS.iter().any(|keeper| name.starts_with(keeper)) {
                let found = self.needles.find(&fs::read(&file).unwrap());
                wrong.extend(found.iter().map(|found| format!("{}: {found}", name.display())));
            }
        }
        wrong
    }

    /// Searches what other programs were given, which is what the user's own environment holds, and nothing else.
    fn search_children(&self, root: &Path, variables: &[(String, String)]) -> Vec<String> {
        let given = fs::read_to_string(root.join("children")).unwrap_or_default();
        let own: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let others = given.lines().filter(|line| !own.iter().any(|own| own == line));
        let found = others.flat_map(|line| self.needles.find(line.as_bytes()));
        found.map(|found| format!("another program was given {found}")).collect()
    }
}

/// Returns every file below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}
