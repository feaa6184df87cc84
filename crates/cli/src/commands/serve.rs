//! `serve`

mod reindex;
mod scrub;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use oci::text::printable;
use ops::OpsError;
use ops::registry::Configuration;
use ops::registry::configuration::{Setting, variables};
use ops::serve::ServeRequest;
use serde::Serialize;

use crate::exit::Interrupted;
use crate::printer::{self, Document, Text};
use crate::session::Session;
use crate::signals::{Asked, Signals};
use reindex::ReindexArguments;

/// Run a registry
///
/// Without a configuration it listens on 127.0.0.1:5000 and keeps everything in one directory below the user's data directory. It
/// prints its address once it accepts connections. What callers see only as status 500 is told on the standard error.
///
/// SIGTERM and SIGINT end it: no new connections, requests under way are given `limits.shutdown-grace`, then exit code 0. A second
/// signal ends it at once. SIGHUP changes nothing: the configuration is read when it starts.
#[derive(Args, Debug)]
#[command(after_long_help = after_help())]
pub(crate) struct ServeArguments {
    /// The configuration (TOML)
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// Only check the configuration, and show all of it as the server would see it
    #[arg(long)]
    check: bool,

    #[command(subcommand)]
    command: Option<ServeCommand>,
}

#[derive(Debug, Subcommand)]
enum ServeCommand {
    /// Make the database anew from what lies beside it
    ///
    /// While a registry is served, what its database says is written beside it, in `journal` and `manifests`. After a loss of the database
    /// this makes another one from that and from the blobs, and says what is missing. The registry must not be served meanwhile.
    ///
    /// Example: supercargo serve reindex --config serve.toml --verify
    Reindex(ReindexArguments),
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
    text.push_str("\nExamples:\n  supercargo serve\n  supercargo serve --config serve.toml --check\n");
    text.push_str("  SUPERCARGO_SERVE_LISTEN=127.0.0.1:5001 SUPERCARGO_SERVE_ROOT=registry supercargo serve");
    text
}

impl ServeArguments {
    /// Tells whether it runs until it is told to end.
    pub(crate) const fn is_server(&self) -> bool {
        self.command.is_none()
    }

    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let serve = &session.settings.serve;
        let mut variables = BTreeMap::new();
        for (name, value) in &serve.variables {
            let value = value.to_str().ok_or_else(|| {
                let help = format!("export {name}=…");
                OpsError::usage(format!("{name} is no text"), help)
            })?;
            variables.insert(name.clone(), value.to_owned());
        }
        let request = ServeRequest { file: self.config, variables, root: serve.root.clone() };
        let configuration = ops::serve::configure(&request)?;
        match self.command {
            Some(ServeCommand::Reindex(arguments)) => return arguments.run(&configuration, session).await,
            Some(ServeCommand::Scrub) => return scrub::run(&configuration, session).await,
            None => {}
        }
        if self.check {
            return session.print(&ServeDocument::new(&configuration, configuration.listen, true));
        }
        let mut signals = Signals::listen();
        let running = ops::serve::start(&configuration, tell).await?;
        session.print(&ServeDocument::new(&configuration, running.addr(), false))?;
        while signals.asked().await == Asked::Reload {
            session.printer.note("SIGHUP changes nothing: the configuration is read when the server starts");
        }
        session.printer.note("ending once the requests under way have been answered; another signal ends at once");
        tokio::select! {
            () = running.shutdown() => Ok(()),
            () = signals.asked_to_end() => Err(Interrupted.into()),
        }
    }
}

/// Tells of a failure on one line of the standard error, with its causes.
fn tell(failure: &(dyn Error + Send + Sync + 'static)) {
    let mut line = format!("error: {failure}");
    let mut cause = failure.source();
    while let Some(error) = cause {
        line.extend([": ".to_owned(), error.to_string()]);
        cause = error.source();
    }
    printer::say(&printable(&line));
}

/// Where a registry is served, or would be. The names of the fields are a public interface.
#[derive(Serialize)]
struct ServeDocument {
    address: String,
    root: String,
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
            text.line(format_args!("{} serves {}", self.address, self.root));
            return;
        };
        for setting in settings {
            text.line(format_args!("{} = {}", setting.key, setting.value));
        }
    }
}
