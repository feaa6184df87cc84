//! Passwords that are wrong. To try many must take long; who knows his own must come in all the same.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use quick_cache::sync::Cache;

use super::rate::{Rate, Wait};
use super::table::{Key, Table};
use super::{Per, RateLimit, RateLimits, Refusals, Requests};
use crate::peer::{Client, Subnet};

/// Buckets for addresses and names.
const BUCKETS: usize = 1 << 14;
/// Most pairs of a user and an address that are remembered because they belong together.
const KNOWN_MAX: usize = 4096;
/// What counts where nothing is said of failed logins: so many in the period, and so many at once.
const REQUESTS: u64 = 10;
const PERIOD: Duration = Duration::from_mins(1);
const BURST: u64 = 20;

/// Holds attempts to come in by a password against the limits.
pub(crate) struct Logins {
    limits: Vec<(Per, Rate)>,
    /// Made by the first attempt: most registries see none for long.
    table: OnceLock<Table>,
    /// Users by the addresses from which they have come in.
    known: Cache<(Subnet, String), ()>,
    refusals: Arc<Refusals>,
}

/// An attempt, which counts as failed until it is said that it is not: also where the client goes away meanwhile.
pub(crate) struct Attempt<'l> {
    logins: &'l Logins,
    client: Client,
    user: &'l str,
    is_known: bool,
}

/// Returns the limits of failed logins, as they are where nothing is said of them.
pub(super) fn usual() -> RateLimit {
    RateLimit {
        of: Requests::FailedLogins,
        per: Per::Address,
        repositories: Vec::new(),
        requests: REQUESTS,
        period: PERIOD,
        burst: BURST,
    }
}

impl Logins {
    pub(crate) fn new(limits: &RateLimits, refusals: Arc<Refusals>) -> Self {
        let said: Vec<_> = limits.all().iter().filter(|limit| limit.of == Requests::FailedLogins).cloned().collect();
        let limits = if said.is_empty() { vec![usual()] } else { said };
        Self {
            limits: limits.iter().map(|limit| (limit.per, Rate::of(limit))).collect(),
            table: OnceLock::new(),
            known: Cache::new(KNOWN_MAX),
            refusals,
        }
    }

    /// Begins an attempt to come in as a user. Who has come in from the same address before has buckets of his own there: others who guess
    /// behind that address do not keep him out. An address that is not known has none.
    ///
    /// # Errors
    /// [`Wait`], and no password is to be looked at.
    pub(crate) fn attempt<'l>(&'l self, client: Client, user: &'l str, now: i64) -> Result<Attempt<'l>, Wait> {
        let is_known = client.subnet().is_some_and(|subnet| self.known.get(&(subnet, user.to_owned())).is_some());
        let attempt = Attempt { logins: self, client, user, is_known };
        let table = self.table.get_or_init(|| Table::new(BUCKETS));
        for (number, (per, rate)) in self.limits.iter().enumerate() {
            let Some(key) = attempt.key(*per) else { continue };
            if let Err(wait) = table.take(number, key, rate, now) {
                attempt.give_back(number);
                self.refusals.one(Requests::FailedLogins, *per);
                return Err(wait);
            }
        }
        Ok(attempt)
    }
}

impl<'l> Attempt<'l> {
    fn key(&self, per: Per) -> Option<Key<'l>> {
        if self.is_known {
            return self.client.subnet().map(|subnet| Key::Known(subnet, self.user));
        }
        match per {
            Per::Address => self.client.subnet().map(Key::Subnet),
            Per::Identity => Some(Key::Name(self.user)),
            Per::Everybody => Some(Key::Everybody),
        }
    }

    /// Says that the password was right, or that it was not looked at.
    pub(crate) fn has_not_failed(self, is_right: bool) {
        self.give_back(self.logins.limits.len());
        if let Some(subnet) = self.client.subnet().filter(|_| is_right && !self.is_known) {
            self.logins.known.insert((subnet, self.user.to_owned()), ());
        }
    }

    /// Gives back what was taken for the first limits.
    fn give_back(&self, limits: usize) {
        let Some(table) = self.logins.table.get() else { return };
        for (number, (per, rate)) in self.logins.limits.iter().enumerate().take(limits) {
            if let Some(key) = self.key(*per) {
                table.give_back(number, key, rate);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{BURST, Logins, usual};
    use crate::limits::{Per, RateLimit, RateLimits};
    use crate::peer::Client;

    fn from(address: &str) -> Client {
        Client { address: Some(address.parse().unwrap()), is_https: None }
    }

    fn guesses(logins: &Logins, client: Client, user: &str, now: i64) -> usize {
        (0..100).filter(|_| logins.attempt(client, user, now).is_ok()).count()
    }

    #[test]
    fn guesses_are_few_by_default_and_those_of_others_keep_nobody_out() {
        let logins = Logins::new(&RateLimits::default(), Arc::default());
        let (here, there) = (from("192.0.2.1"), from("192.0.2.2"));
        logins.attempt(here, "ada", 0).unwrap().has_not_failed(true);
        assert_eq!(guesses(&logins, here, "eve", 0), usize::try_from(BURST).unwrap());
        assert!(logins.attempt(here, "bob", 0).is_err());
        assert!(logins.attempt(there, "bob", 0).is_ok());
        // She has come in from there before.
        for _ in 0..100 {
            logins.attempt(here, "ada", 0).unwrap().has_not_failed(true);
        }
        assert_eq!(guesses(&logins, here, "ada", 0), usize::try_from(BURST).unwrap(), "but not to be guessed");
        assert_eq!(logins.attempt(here, "bob", 0).err().unwrap().seconds(), 7);
        assert!(logins.attempt(here, "bob", 7000).is_ok(), "and nobody for ever");
    }

    #[test]
    fn what_was_right_and_what_was_not_looked_at_costs_nothing() {
        let logins = Logins::new(&RateLimits::default(), Arc::default());
        for is_right in [true, false] {
            for number in 0..100 {
                logins.attempt(from("2001:db8::1"), &format!("user-{number}"), 0).unwrap().has_not_failed(is_right);
            }
        }
        assert_eq!(guesses(&logins, from("2001:db8::2"), "eve", 0), 20);
        assert_eq!(guesses(&logins, Client::default(), "eve", 0), 100, "whose address is not known");
    }

    #[test]
    fn a_limit_by_name_holds_from_however_many_addresses() {
        let limit = RateLimit { per: Per::Identity, requests: 1, burst: 3, period: Duration::from_mins(1), ..usual() };
        let logins = Logins::new(&RateLimits::new(vec![limit]), Arc::default());
        let from_all = (0..50).filter(|number| logins.attempt(from(&format!("192.0.2.{number}")), "ada", 0).is_ok());
        assert_eq!(from_all.count(), 3);
        assert!(logins.attempt(from("192.0.2.1"), "bob", 0).is_ok());
    }
}
