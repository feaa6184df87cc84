//! A registry on a socket.

mod certificate;
mod connection;
mod http2;
mod operations;
mod pacing;
mod patience;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use rustix::process::Resource;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

use crate::peer::Peer;
use crate::registry::Registry;
use crate::traces::Exporting;
pub use certificate::{CertificateName, ClientTrust, ClientTrustError};
pub use http2::Http2;
pub use operations::RunningOperations;
pub use tls::{Tls, TlsError, TlsIdentity, TlsVersion};

/// Files that are kept for everything but connections: databases, the journal, what is written beside them.
const OTHER_FILES: u64 = 128;
/// How long to wait when no connection can be accepted (usually for want of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often abandoned uploads are looked for.
const EXPIRY_INTERVAL: Duration = Duration::from_mins(1);
/// How long changes gather before they are written beside the database. With the time that writing takes, that is what a loss of the
/// database can cost.
const JOURNAL_GATHER: Duration = Duration::from_millis(200);
/// How often it is looked for changes that others have left.
const JOURNAL_INTERVAL: Duration = Duration::from_mins(1);
/// How long to wait when changes cannot be written.
const JOURNAL_PAUSE: Duration = Duration::from_secs(5);
/// How long pulls gather before they are written.
const PULLS_INTERVAL: Duration = Duration::from_mins(1);
/// How often it is looked whether everything is to be read again.
const SCRUB_INTERVAL: Duration = Duration::from_mins(1);
/// How often at most, where the period is shorter than that.
const SCRUB_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// A registry that is being served over HTTP/1.1 and HTTP/2, plain or under TLS. Dropping it breaks off every connection.
#[derive(Debug)]
pub struct RunningRegistry {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl RunningRegistry {
    /// Serves `registry` on `address`; port 0 takes a free port. Returns once connections are accepted.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(address: SocketAddr, registry: Registry) -> io::Result<Self> {
        Self::start_with(address, registry, None).await
    }

    /// As [`RunningRegistry::start`], under TLS where there is a `tls`.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start_with(address: SocketAddr, registry: Registry, tls: Option<Tls>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        pacing::end_of_listener(&listener);
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept(listener, registry, tls, stopped));
        Ok(Self { address, stop: Some(stop), task })
    }

    /// Returns the address that is listened on.
    pub const fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Ends the server: it says that it is not ready, and goes on for the delay of the options; then no new connections, requests under way are given the grace of the options, the rest is broken off.
    /// Returns when nothing of it runs any more.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the task has ended.
            let _ = stop.send(());
        }
        let _ = (&mut self.task).await;
    }
}

impl Drop for RunningRegistry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, registry: Registry, tls: Option<Tls>, stopped: oneshot::Receiver<()>) {
    let graceful = GracefulShutdown::new();
    // Dropped with this future, and the connections with it.
    let mut connections = JoinSet::new();
    let mut upkeep = upkeep(&registry);
    let hook = registry.options().on_failure.clone();
    let exporting = registry.options().traces.as_ref().map(|traces| Exporting::begin(traces, hook));
    let most =
        connections_max(registry.options().connections_max, rustix::process::getrlimit(Resource::Nofile).current);
    let (end, ends) = watch::channel(false);
    let shared = http2::Shared::new(most, ends);
    let ending = async {
        // Dropping the handle aborts this task, so that the sender is gone means the same.
        let _ = stopped.await;
        // Nobody is turned away before those who ask can have heard that nobody should come.
        registry.drain();
        tokio::time::sleep(registry.options().shutdown_delay).await;
    };
    let mut ending = std::pin::pin!(ending);
    loop {
        registry.connected(connections.len());
        tokio::select! {
            () = &mut ending => break,
            accepted = listener.accept(), if connections.len() < most => match accepted {
                Ok((stream, address)) => {
                    let (registry, watcher, shared) = (registry.clone(), graceful.watcher(), shared.clone());
                    let peer = Peer::at(address, tls.is_some());
                    match tls.clone() {
                        None => connections.spawn(connection::serve(stream, peer, registry, watcher, shared)),
                        Some(tls) => connections.spawn(tls::serve(stream, peer, tls, registry, watcher, shared)),
                    };
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    upkeep.abort_all();
    // Nobody may listen.
    let _ = end.send(true);
    let ended = async {
        graceful.shutdown().await;
        while connections.join_next().await.is_some() {}
    };
    // What is left after the grace ends with `connections`.
    let _ = tokio::time::timeout(registry.options().shutdown_grace, ended).await;
    connections.shutdown().await;
    // What was about to write pulls has given back what it had not written.
    upkeep.shutdown().await;
    if registry.counts_pulls() {
        // Without them something may look as if nobody had asked for it in the last minute.
        let _ = tokio::time::timeout(registry.options().shutdown_grace, registry.write_pulls()).await;
    }
    if registry.options().journal {
        // What is left in the outbox is written by the next start.
        let _ = tokio::time::timeout(registry.options().shutdown_grace, registry.keep_journal()).await;
    }
    // What was broken off has just told that it was.
    registry.flush_audit().await;
    if let Some(exporting) = exporting {
        exporting.finish(registry.options().shutdown_grace).await;
    }
}

/// Returns how many connections there may be where so many files may be open: each needs one for itself and one for what it reads or
/// writes, and those that are there are to be served.
fn connections_max(wanted: usize, files: Option<u64>) -> usize {
    let Some(files) = files else { return wanted };
    let affordable = (files.saturating_sub(OTHER_FILES) / 2).max(1);
    usize::try_from(affordable).unwrap_or(usize::MAX).min(wanted)
}

/// Begins what has to be done again and again. It ends, wherever it is, when the tasks are dropped.
fn upkeep(registry: &Registry) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let expiring = registry.clone();
    tasks.spawn(repeat(EXPIRY_INTERVAL, async move || expiring.expire_uploads().await));
    // Whoever collects: from now on it is noted what changes and what is pulled.
    let registering = registry.clone();
    tasks.spawn(repeat(EXPIRY_INTERVAL, async move || registering.register_rules().await));
    if let Some(period) = registry.options().collect_period {
        let collecting = registry.clone();
        tasks.spawn(repeat(period, async move || collecting.collect().await));
    }
    if registry.counts_pulls() {
        tasks.spawn(write_pulls(registry.clone()));
    }
    if registry.options().journal {
        tasks.spawn(keep(registry.clone()));
    }
    for delivery in registry.deliveries() {
        tasks.spawn(delivery);
    }
    if let Some(scrub) = registry.options().scrub {
        let scrubbing = registry.clone();
        let often = scrub.period.map_or(SCRUB_INTERVAL, |period| period.clamp(SCRUB_INTERVAL_MIN, SCRUB_INTERVAL));
        tasks.spawn(repeat(often, async move || scrubbing.scrub(&scrub).await));
    }
    tasks
}

/// Writes what changes beside the database: soon after it has changed, and now and then what others have left.
async fn keep(registry: Registry) {
    let mut changes = registry.changes();
    loop {
        // What is changed from here on may be too late for this round.
        changes.borrow_and_update();
        if registry.keep_journal().await {
            // An error means that nothing has changed for so long.
            let _ = tokio::time::timeout(JOURNAL_INTERVAL, changes.changed()).await;
            tokio::time::sleep(JOURNAL_GATHER).await;
        } else {
            tokio::time::sleep(JOURNAL_PAUSE).await;
        }
    }
}

/// Writes down what was pulled: now and then, and as soon as that is much.
async fn write_pulls(registry: Registry) {
    loop {
        // An error means that there were few.
        let _ = tokio::time::timeout(PULLS_INTERVAL, registry.many_pulls()).await;
        registry.write_pulls().await;
    }
}

/// Does something at once and then in every period; where it takes longer than that, without a pause for others to overtake it.
async fn repeat(period: Duration, work: impl AsyncFn()) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        work().await;
    }
}

#[cfg(test)]
mod tests {
    use super::connections_max;

    #[test]
    fn there_are_files_for_every_connection() {
        for (wanted, files, expected) in [
            (4096, None, 4096),
            (4096, Some(1 << 20), 4096),
            (4096, Some(1024), 448),
            (4096, Some(64), 1),
            (3, Some(1024), 3),
        ] {
            assert_eq!(connections_max(wanted, files), expected, "{wanted} {files:?}");
        }
    }
}
