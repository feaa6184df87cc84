//! `serve`

mod audit;
mod hold;
mod import;
mod key;
mod reindex;
mod retention;
mod scrub;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use ops::OpsError;
use ops::registry::Configuration;
use ops::registry::access::SigningKey;
use ops::registry::configuration::{LogLevel, STANDARD, Setting, variables};
use ops::serve::{Event, Log, ServeRequest, Server, prepare};
use serde::Serialize;

use crate::exit::Interrupted;
use crate::printer::{self, Document, Text};
use crate::session::Session;
use crate::signals::{Asked, Signals};
use import::ImportArguments;
use reindex::ReindexArguments;

/// Run a registry
///
/// Without a configuration it listens on 127.0.0.1:5000 and keeps everything in one directory below the user's data directory. It
/// prints its address once it accepts connections. What callers see only as status 500 is told on the standard error.
///
/// SIGTERM and SIGINT end it: no new connections, requests under way are given `limits.shutdown-grace`, then exit code 0. A second
/// signal ends it at once. SIGHUP reads the file again, and with it users, keys, rules and the certificate; what is wrong leaves all as it
/// was.
#[derive(Args, Debug)]
#[command(after_long_help = after_help(), args_conflicts_with_subcommands = true)]
pub(crate) struct ServeArguments {
    #[command(subcommand)]
    action: Option<Action>,

    /// The configuration (TOML)
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// Only check the configuration, and show all of it as the server would see it
    #[arg(long)]
    check: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Compare what lies in blob storage with what the database names
    ///
    /// Every fault is named, and the exit code is 6 if there is one. Nothing is changed, and the registry may be serving meanwhile.
    ///
    /// Example: supercargo serve audit --config serve.toml
    Audit,
    Hold(hold::HoldArguments),
    Key(key::KeyArguments),
    /// Take over what another registry keeps in a directory
    ///
    /// SOURCE is an OCI image layout, the directory of a distribution registry (with `docker/registry/v2`) or that of a zot registry.
    /// Everything is held against its digest. What is broken is left out, with every manifest and tag that needs it, and named; the exit
    /// code is 1 then. What is there is not read again, so an import that broke off goes on when it is run again. A registry whose
    /// database is in a directory must not be served meanwhile.
    ///
    /// Examples:
    ///   supercargo serve import /var/lib/registry --dry-run
    ///   supercargo serve import /var/lib/registry --link --config serve.toml
    ///   supercargo serve import ./layout --as team/app
    #[command(verbatim_doc_comment)]
    Import(ImportArguments),
    /// Make the database anew from what lies beside it
    ///
    /// While a registry is served, what its database says is written beside it, in `journal` and `manifests`. After a loss of the database
    /// this makes another one from that and from the blobs, and says what is missing. The registry must not be served meanwhile.
    ///
    /// Example: supercargo serve reindex --config serve.toml --verify
    Reindex(ReindexArguments),
    /// Show which tags go by the rules of retention, and why
    ///
    /// The tags that a registry with this configuration would remove now, and those that its rules take away and that stay all the same: somebody has asked for
    /// them, a pin or a legal hold is on what they name, or they are immutable. Nothing is changed, and the registry may be serving
    /// meanwhile.
    ///
    /// Example: supercargo serve retention --config serve.toml
    Retention,
    /// Read every byte that is kept, and find the bad ones
    ///
    /// What is not what its digest says, or is missing, is not served any more until it is pushed again. The registry must not be served
    /// meanwhile; while it is, it does the same by itself, slowly.
    ///
    /// Example: supercargo serve scrub --config serve.toml
    Scrub,
}

fn after_help() -> String {
    let mut text = "Variables, which win over the file:\n".to_owned();
    for variable in variables() {
        text.extend([format!("  {:<40} {}\n", variable.name, variable.key)]);
    }
    text.push_str("\nVariables of OpenTelemetry, over which the file wins:\n");
    for name in STANDARD {
        text.extend(["  ", name, "\n"]);
    }
    text.push_str("\nExamples:\n  supercargo serve\n  supercargo serve --config serve.toml --check\n");
    text.push_str("  SUPERCARGO_SERVE_LISTEN=127.0.0.1:5001 SUPERCARGO_SERVE_ROOT=registry supercargo serve");
    text
}

impl ServeArguments {
    /// Tells whether it runs until it is told to end.
    pub(crate) const fn is_server(&self) -> bool {
        self.action.is_none()
    }

    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        if let Some(Action::Key(arguments)) = self.action {
            return arguments.run(session);
        }
        if let Some(Action::Hold(arguments)) = self.action {
            return arguments.run(session).await;
        }
        let serve = &session.settings.serve;
        let mut variables = BTreeMap::new();
        for (name, value) in &serve.variables {
            let value = value.to_str().ok_or_else(|| {
                let help = format!("export {name}=…");
                OpsError::usage(format!("{name} is no text"), help)
            })?;
            variables.insert(name.clone(), value.to_owned());
        }
        let request = ServeRequest { file: self.config, variables, root: serve.root.clone(), aws: serve.aws.clone() };
        let process_key = SigningKey::random();
        let prepared = prepare(&request, &process_key)?;
        match self.action {
            Some(Action::Import(arguments)) => return arguments.run(&prepared, session).await,
            Some(Action::Reindex(arguments)) => return arguments.run(&prepared, session).await,
            Some(Action::Scrub) => return scrub::run(&prepared, session).await,
            Some(Action::Audit) => return audit::run(&prepared, session).await,
            Some(Action::Retention) => return retention::run(&prepared, session).await,
            Some(Action::Key(_) | Action::Hold(_)) | None => {}
        }
        if self.check {
            prepared.warnings.iter().for_each(|warning| printer::warn(warning));
            let configuration = &prepared.configuration;
            return session.print(&ServeDocument::new(configuration, configuration.listen, true));
        }
        let mut signals = Signals::listen();
        let least = if session.settings.quiet { LogLevel::Warning } else { LogLevel::Debug };
        let log = Log::new(least, session.settings.context.clock.clone(), printer::say);
        let mut server = Server::start(prepared, request, process_key, log.clone()).await?;
        session.print(&ServeDocument::new(server.configuration(), server.addr(), false))?;
        while signals.asked().await == Asked::Reload {
            if let Err(error) = server.reload() {
                log.tell(&refused(&error));
            }
        }
        tokio::select! {
            () = server.shutdown() => Ok(()),
            () = signals.asked_to_end() => Err(Interrupted.into()),
        }
    }
}

/// Returns the event that a reload left all as it was, with the place of what is wrong.
fn refused(error: &OpsError) -> Event {
    let place = error.told().and_then(|told| told.lines.first()?.trim().strip_prefix("--> "));
    let place = place.map(|place| format!("{place}: ")).unwrap_or_default();
    Event::new(LogLevel::Error, "reload", format!("nothing is changed: {place}{error}"))
}

/// Where a registry is served, or would be. The names of the fields are a public interface.
#[derive(Serialize)]
struct ServeDocument {
    address: String,
    root: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blobs: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Vec<SettingShape>>,
}

#[derive(Serialize)]
struct SettingShape {
    key: &'static str,
    value: String,
}

impl ServeDocument {
    fn new(configuration: &Configuration, address: std::net::SocketAddr, is_check: bool) -> Self {
        let shape = |setting: Setting| SettingShape { key: setting.key, value: setting.value };
        Self {
            address: address.to_string(),
            root: configuration.root.as_ref().map(|root| root.display().to_string()).unwrap_or_default(),
            database: configuration.database_url(),
            blobs: configuration.bucket_url().map(str::to_owned),
            settings: is_check.then(|| configuration.settings().into_iter().map(shape).collect()),
        }
    }
}

impl Document for ServeDocument {
    fn command(&self) -> &'static str {
        "serve"
    }

    fn text(&self, text: &mut Text) {
        let Some(settings) = &self.settings else {
            let local = (self.database.is_none() || self.blobs.is_none()).then_some(&self.root);
            let places: Vec<_> = [local, self.database.as_ref(), self.blobs.as_ref()].into_iter().flatten().collect();
            let places: Vec<_> = places.into_iter().map(String::as_str).collect();
            text.line(format_args!("{} serves {}", self.address, places.join(", ")));
            return;
        };
        for setting in settings {
            text.line(format_args!("{} = {}", setting.key, setting.value));
        }
    }
}
