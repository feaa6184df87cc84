//! A server that runs.

use std::net::SocketAddr;
use std::sync::Arc;

use registry::access::{DecisionHook, SigningKey};
use registry::configuration::LogLevel;
use registry::{
    BlobFiles, BlobObjects, BlobStorage, Clock, Configuration, EventEndpoint, Events, FailureHook, Registry,
    RegistryOptions, RunningOperations, RunningRegistry, Storage, Tls,
};
use rustix::process::{Resource, Rlimit};

use super::audit_log;
use super::documents::HttpsFetch;
use super::events::HttpSender;
use super::log::{Event, Log};
use super::prepare::{Prepared, ServeRequest, prepare};
use super::{requests, traces};
use crate::error::OpsError;

/// Open files that are enough for as many connections as there may be.
const FILES_WANTED: u64 = 16 * 1024;

/// A server that runs, and can be told anew what it was told.
#[derive(Debug)]
pub struct Server {
    running: RunningRegistry,
    /// The listener for probes and metrics, which answers until everything has ended.
    operations: Option<RunningOperations>,
    registry: Registry,
    tls: Option<Tls>,
    configuration: Configuration,
    request: ServeRequest,
    process_key: SigningKey,
    log: Log,
}

/// Opens what keeps the content of a registry, and makes sure that it can be used.
///
/// # Errors
/// [`OpsError::Storage`] when the directory cannot be used or another process serves it, [`OpsError::Place`] when the database or the bucket
/// cannot be reached, or refuses.
pub async fn open_storage(prepared: &Prepared) -> Result<Storage, OpsError> {
    let configuration = &prepared.configuration;
    let root = configuration.root.clone().unwrap_or_default();
    let keeping = configuration.collect.keeping;
    let local = |source| OpsError::Storage { root: root.clone(), source };
    let blobs = open_blobs(prepared).await?;
    let storage = match &prepared.postgres {
        Some(url) => {
            let place = configuration.database_url().unwrap_or_default();
            let refused = |source| OpsError::Place { place: place.clone(), source };
            Storage::postgres(url, blobs, keeping).await.map_err(refused)?
        }
        None => Storage::open_with(&root, blobs, Clock::system(), keeping).await.map_err(local)?,
    };
    storage.retain_by(&configuration.options.retention);
    Ok(storage)
}

/// Opens the place of the blobs, and makes sure that it can be used.
pub(super) async fn open_blobs(prepared: &Prepared) -> Result<Arc<dyn BlobStorage>, OpsError> {
    let configuration = &prepared.configuration;
    let Some(bucket) = &prepared.bucket else {
        let root = configuration.root.clone().unwrap_or_default();
        let files = BlobFiles::open(&root).map_err(|source| OpsError::Storage { root, source })?;
        return Ok(Arc::new(files));
    };
    let place = configuration.bucket_url().unwrap_or_default();
    let refused = |source| OpsError::Place { place: place.to_owned(), source };
    let objects = BlobObjects::new(bucket).map_err(refused)?;
    objects.check().await.map_err(refused)?;
    Ok(Arc::new(objects))
}

/// Returns the place of the blobs, in which nothing is made or tried.
pub(super) fn inspect_blobs(prepared: &Prepared) -> Result<Arc<dyn BlobStorage>, OpsError> {
    let configuration = &prepared.configuration;
    let Some(bucket) = &prepared.bucket else {
        return Ok(Arc::new(BlobFiles::inspect(&configuration.root.clone().unwrap_or_default())));
    };
    let place = configuration.bucket_url().unwrap_or_default().to_owned();
    let objects = BlobObjects::new(bucket).map_err(|source| OpsError::Place { place, source })?;
    Ok(Arc::new(objects))
}

impl Server {
    /// Starts a server, and returns once it accepts connections. What it has to tell goes to `log`, as the configuration says. `request` and
    /// `process_key` are those by which it was prepared.
    ///
    /// # Errors
    /// As [`open_storage`]; [`OpsError::Listen`] when the address cannot be listened on.
    pub async fn start(
        prepared: Prepared,
        request: ServeRequest,
        process_key: SigningKey,
        log: Log,
    ) -> Result<Self, OpsError> {
        log.set(prepared.configuration.log);
        allow_files();
        let storage = open_storage(&prepared).await?;
        let Prepared { configuration, access, endpoints, identity, warnings, traces: settings, .. } = prepared;
        let events = events(endpoints)?;
        let audit = audit_log::open(&configuration)?;
        let traces = traces::traces(settings)?;
        let (failures, decisions) = (log.clone(), log.clone());
        let options = RegistryOptions {
            access,
            audit,
            events,
            documents: Some(Arc::new(HttpsFetch)),
            traces,
            on_failure: Some(FailureHook::new(move |failure| failures.failure(failure))),
            on_request: Some(requests::hook(&log)),
            on_decision: Some(DecisionHook::new(move |event| decisions.decision(event))),
            ..configuration.options()
        };
        let registry = Registry::new(storage, options);
        let root = configuration.root.clone().unwrap_or_default();
        registry.register_events().await.map_err(|source| OpsError::Storage { root, source })?;
        let (address, tls) = (configuration.listen, identity.map(Tls::new));
        let operations = match configuration.metrics.listen {
            Some(address) => {
                let started = RunningOperations::start(address, registry.clone()).await;
                Some(started.map_err(|source| OpsError::Listen { address, source })?)
            }
            None => None,
        };
        let started = RunningRegistry::start_with(address, registry.clone(), tls.clone()).await;
        let running = started.map_err(|source| OpsError::Listen { address, source })?;
        warn(&log, &warnings);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", running.addr());
        log.tell(&Event::new(LogLevel::Info, "start", format!("connections are accepted at {url}")).with("url", url));
        if let Some(operations) = &operations {
            let url = format!("http://{}", operations.addr());
            let message = format!("probes and metrics are answered at {url}");
            log.tell(&Event::new(LogLevel::Info, "operations", message).with("url", url));
        }
        Ok(Self { running, operations, registry, tls, configuration, request, process_key, log })
    }

    /// Returns the address that is listened on.
    pub const fn addr(&self) -> SocketAddr {
        self.running.addr()
    }

    /// Returns what the server was told last.
    pub const fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Reads the configuration and the files that it names again. Users, groups, keys, rules, how tokens are issued, the certificate and the log count
    /// from the next request on; requests under way go on. Of other keys that differ the log tells that they count from the next start on.
    ///
    /// # Errors
    /// As [`prepare`], and where nothing is said any more of who may do what, or TLS would begin or end. All stays as it was, but for the file of the
    /// audit log, which is opened again in any case: it may have been rotated.
    pub fn reload(&mut self) -> Result<(), OpsError> {
        if let Err(error) = self.registry.reopen_audit() {
            let message = format!("the audit log goes on where it was, for its file cannot be opened: {error}");
            self.log.tell(&Event::new(LogLevel::Error, "audit", message));
        }
        let Prepared { configuration, access, identity, warnings, .. } = prepare(&self.request, &self.process_key)?;
        if self.configuration.says_who() && !configuration.says_who() {
            return Err(OpsError::usage(
                "nothing says any more who may do what, which would let everybody in",
                "auth.anonymous = \"everything\"   # if that is meant".to_owned(),
            ));
        }
        if self.configuration.is_https() != configuration.is_https() {
            return Err(OpsError::usage("whether clients speak TLS changes only with a start", None));
        }
        self.registry.reload_access(&access);
        if let (Some(tls), Some(identity)) = (&self.tls, identity) {
            tls.replace(identity);
        }
        self.log.set(configuration.log);
        let fixed = self.configuration.fixed_changes(&configuration);
        warn(&self.log, &warnings);
        if !fixed.is_empty() {
            let message = format!("what is said anew of {} counts from the next start on", fixed.join(", "));
            self.log.tell(&Event::new(LogLevel::Warning, "reload", message).with("keys", fixed));
        }
        let message = "users, keys, rules, the certificate and the log are as the configuration says now";
        self.log.tell(&Event::new(LogLevel::Info, "reload", message));
        self.configuration = self.configuration.reloaded(&configuration);
        Ok(())
    }

    /// Ends the server as [`RunningRegistry::shutdown`] does.
    pub async fn shutdown(self) {
        let message = "ending once the requests under way have been answered; another signal ends at once";
        self.log.tell(&Event::new(LogLevel::Info, "ending", message));
        self.running.shutdown().await;
        drop(self.operations);
        self.log.tell(&Event::new(LogLevel::Info, "end", "all connections are closed"));
    }
}

/// Returns where events go, and by what.
fn events(endpoints: Vec<EventEndpoint>) -> Result<Events, OpsError> {
    if endpoints.is_empty() {
        return Ok(Events::default());
    }
    let sender = HttpSender::new().map_err(|error| {
        OpsError::usage(format!("events cannot be sent: {error}"), "supercargo serve --check".to_owned())
    })?;
    Ok(Events::new(endpoints, Arc::new(sender)))
}

fn warn(log: &Log, warnings: &[String]) {
    for warning in warnings {
        log.tell(&Event::new(LogLevel::Warning, "configuration", warning.clone()));
    }
}

/// Lets the process open more files than it may at first, as far as it may let itself: connections and what they read are files. Most
/// systems begin with a low limit for the sake of programs that cannot have more.
fn allow_files() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(FILES_WANTED, |most| most.min(FILES_WANTED));
    if limit.current.is_some_and(|current| current < wanted) {
        // Without it there are fewer connections.
        let _ = rustix::process::setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit });
    }
}
