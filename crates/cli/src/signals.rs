//! Signals that ask the program to end.

use std::future::poll_fn;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Interrupted;

/// Where Linux tells which signals a process ignores.
const STATUS_FILE: &str = "/proc/self/status";

/// Returns when a signal has asked the program to end. They are listened for from the first poll on.
///
/// One that was ignored when the program began stays ignored: so do `nohup` and shells protect what runs in the background.
pub(crate) async fn interrupted() -> Interrupted {
    let kinds = [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate(), SignalKind::quit()];
    let mut heard = listened(&kinds);
    any(&mut heard).await;
    Interrupted
}

/// Signals to a program that serves until it is asked to end.
pub(crate) struct Signals {
    end: Vec<Signal>,
    reload: Vec<Signal>,
}

/// What a signal asks of a program that serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To end.
    End,
    /// To look at its configuration again.
    Reload,
}

impl Signals {
    /// Listens from now on. What was ignored when the program began stays ignored.
    pub(crate) fn listen() -> Self {
        let end = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::quit()];
        Self { end: listened(&end), reload: listened(&[SignalKind::hangup()]) }
    }

    /// Returns what the next signal asks.
    pub(crate) async fn asked(&mut self) -> Asked {
        tokio::select! {
            biased;
            () = any(&mut self.end) => Asked::End,
            () = any(&mut self.reload) => Asked::Reload,
        }
    }

    /// Returns when a signal asks to end.
    pub(crate) async fn asked_to_end(&mut self) {
        any(&mut self.end).await;
    }
}

/// Begins to listen for signals that were not ignored.
fn listened(kinds: &[SignalKind]) -> Vec<Signal> {
    let ignored = ignored();
    let heard = kinds.iter().filter(|kind| !has(ignored, kind.as_raw_value()));
    // One that cannot be caught ends the program without our doing.
    heard.filter_map(|kind| signal(*kind).ok()).collect()
}

/// Returns when one of the signals has come.
async fn any(heard: &mut [Signal]) {
    poll_fn(|context| {
        let has_come = heard.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if has_come { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Returns the signals that this process ignores, as a mask; none where the system does not tell.
fn ignored() -> u64 {
    std::fs::read_to_string(STATUS_FILE).map(|status| ignored_in(&status)).unwrap_or_default()
}

fn ignored_in(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

/// Tells whether a signal is in a mask, in which the first bit stands for signal 1.
fn has(mask: u64, signal: i32) -> bool {
    u32::try_from(signal - 1).is_ok_and(|bit| mask.checked_shr(bit).unwrap_or_default() & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_from_the_mask() {
        let mask = ignored_in(
            "Name:\tsupercargo\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\tffffffffffffffff\n",
        );
        let signals: Vec<i32> = (0..=70).filter(|signal| has(mask, *signal)).collect();
        assert_eq!(signals, [1, 13]);
        assert_eq!((ignored_in(""), ignored_in("SigIgn:\tmany\n")), (0, 0));
    }
}
