//! Lines of the audit log about those of whom it is not known who they are. They cost whoever causes them nothing, so an address has few of them.

use std::sync::OnceLock;

use super::logins::usual;
use super::rate::Rate;
use super::table::{Key, Table};
use crate::observe::Counter;
use crate::peer::Client;

/// Buckets for addresses.
const BUCKETS: usize = 1 << 14;
/// The number of the one limit that there is.
const LIMIT: usize = 0;

/// Holds what is told of strangers against a limit: as many lines as an address may have failed logins where nothing is said of them.
pub(crate) struct Strangers {
    rate: Rate,
    /// Made by the first stranger.
    table: OnceLock<Table>,
    passed_over: Counter,
}

impl Strangers {
    pub(crate) fn new() -> Self {
        Self { rate: Rate::of(&usual()), table: OnceLock::new(), passed_over: Counter::default() }
    }

    /// Tells whether another line about a stranger is to be written, and counts it where not. Those without an address share one limit.
    pub(crate) fn is_told(&self, client: Client, now: i64) -> bool {
        let key = client.subnet().map_or(Key::Everybody, Key::Subnet);
        let table = self.table.get_or_init(|| Table::new(BUCKETS));
        let is_told = table.take(LIMIT, key, &self.rate, now).is_ok();
        if !is_told {
            self.passed_over.one();
        }
        is_told
    }

    /// Returns how many lines were not written.
    pub(crate) fn passed_over(&self) -> u64 {
        self.passed_over.get()
    }
}
