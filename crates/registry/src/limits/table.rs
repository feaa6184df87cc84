//! Many buckets in a bounded room.
//!
//! A bucket goes only when it is full, and then nothing is forgotten with it. So nobody, with however many addresses, resets the bucket of
//! anybody. Who comes when there is no room shares a bucket with others who do, of his neighbourhood.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use super::rate::{Rate, Wait, is_full};
use crate::peer::Subnet;

/// Buckets of a set. Whoever has one is in the set that the hash of his key says.
const WAYS: usize = 8;
/// Buckets that are shared where there is no room.
const SHARED: usize = 1 << 10;

/// Whose a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key<'k> {
    Everybody,
    Subnet(Subnet),
    Name(&'k str),
    /// Somebody who came in from there before.
    Known(Subnet, &'k str),
}

/// With whom a bucket is shared where there is no room.
#[derive(Hash)]
enum Neighbourhood {
    Addresses(IpAddr),
    Names,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// The hash of the key, which only this process can make.
    key: u64,
    full_at: i64,
}

/// Buckets of one number of limits.
pub(super) struct Table {
    sets: Box<[Mutex<[Bucket; WAYS]>]>,
    shared: Box<[Mutex<i64>]>,
    hasher: RandomState,
}

impl Key<'_> {
    fn neighbourhood(&self) -> Neighbourhood {
        match self {
            Self::Subnet(subnet) => Neighbourhood::Addresses(subnet.neighbourhood()),
            Self::Everybody | Self::Name(_) | Self::Known(..) => Neighbourhood::Names,
        }
    }
}

impl Table {
    /// Returns a table with room for so many buckets.
    pub(super) fn new(buckets: usize) -> Self {
        // A bucket that is full long since is as good as none.
        let empty = [Bucket { key: 0, full_at: i64::MIN }; WAYS];
        let sets = (0..buckets.div_ceil(WAYS).max(1)).map(|_| Mutex::new(empty)).collect();
        let shared = (0..SHARED).map(|_| Mutex::new(i64::MIN)).collect();
        Self { sets, shared, hasher: RandomState::new() }
    }

    /// Takes one out of the bucket that somebody has for a limit.
    ///
    /// # Errors
    /// [`Wait`], and the bucket is as it was.
    pub(super) fn take(&self, limit: usize, key: Key<'_>, rate: &Rate, now: i64) -> Result<(), Wait> {
        self.change(limit, key, now, |full_at| rate.take(full_at, now))
    }

    /// Puts one back into it.
    pub(super) fn give_back(&self, limit: usize, key: Key<'_>, rate: &Rate) {
        // Where the bucket has gone meanwhile it was full; then the shared one gets more than it gave, which costs little.
        let given: Result<(), ()> = self.change(limit, key, i64::MIN, |full_at| Ok(rate.give_back(full_at)));
        given.unwrap_or_default();
    }

    /// Changes a bucket, in its set or among those that are shared.
    fn change<E>(
        &self,
        limit: usize,
        key: Key<'_>,
        now: i64,
        change: impl FnOnce(i64) -> Result<i64, E>,
    ) -> Result<(), E> {
        let hash = self.hasher.hash_one((limit, key));
        if let Some(set) = slot(&self.sets, hash) {
            let mut set = set.lock().unwrap_or_else(PoisonError::into_inner);
            let at = set.iter().position(|bucket| bucket.key == hash && bucket.full_at != i64::MIN);
            let at = at.or_else(|| set.iter().position(|bucket| is_full(bucket.full_at, now)));
            if let Some(bucket) = at.and_then(|at| set.get_mut(at)) {
                let before = if bucket.key == hash { bucket.full_at } else { i64::MIN };
                let full_at = change(before)?;
                *bucket = Bucket { key: hash, full_at };
                return Ok(());
            }
        }
        let shared = slot(&self.shared, self.hasher.hash_one((limit, key.neighbourhood())));
        let Some(shared) = shared else { return Ok(()) };
        let mut full_at = shared.lock().unwrap_or_else(PoisonError::into_inner);
        *full_at = change(*full_at)?;
        Ok(())
    }
}

/// Returns the one of many that a hash says.
fn slot<T>(slots: &[T], hash: u64) -> Option<&T> {
    let at = hash.checked_rem(slots.len() as u64)?;
    slots.get(usize::try_from(at).ok()?)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use super::{Key, Table};
    use crate::limits::rate::Rate;
    use crate::limits::{Per, RateLimit, Requests};
    use crate::peer::{Client, Subnet};

    /// Five at once, and one a second.
    fn rate() -> Rate {
        let (of, per, repositories, period) = (Requests::Pulls, Per::Address, Vec::new(), Duration::from_secs(1));
        Rate::of(&RateLimit { of, per, repositories, requests: 1, period, burst: 5 })
    }

    fn subnet(number: u32) -> Subnet {
        let address = Some(IpAddr::V4(Ipv4Addr::from_bits(number)));
        Client { address, is_https: None }.subnet().unwrap()
    }

    #[test]
    fn everybody_has_a_bucket_of_his_own_for_each_limit() {
        let table = Table::new(64);
        for key in [Key::Everybody, Key::Subnet(subnet(1)), Key::Name("ada"), Key::Known(subnet(1), "ada")] {
            for limit in [0, 1] {
                let passed = (0..9).filter(|_| table.take(limit, key, &rate(), 0).is_ok()).count();
                assert_eq!(passed, 5, "{key:?} {limit}");
            }
            table.give_back(0, key, &rate());
            assert!(table.take(0, key, &rate(), 0).is_ok() && table.take(0, key, &rate(), 0).is_err());
        }
    }

    #[test]
    fn many_addresses_reset_nobodys_bucket_and_share_one_where_there_is_no_room() {
        let (table, victim) = (Table::new(64), Key::Subnet(subnet(7)));
        while table.take(0, victim, &rate(), 0).is_ok() {}
        let attackers = 0x0a00_0000..0x0a00_2710;
        let passed = attackers.clone().filter(|number| table.take(0, Key::Subnet(subnet(*number)), &rate(), 0).is_ok());
        // Each that has found room once, and those of one neighbourhood five times together.
        assert!(passed.count() <= 63 + 5);
        assert!(table.take(0, victim, &rate(), 0).is_err(), "his bucket is still empty");
        // Others are not in the attacker's neighbourhood; and who was there before has what he had.
        assert!(table.take(0, Key::Subnet(subnet(0xc000_0201)), &rate(), 0).is_ok());
        // What is full again makes room.
        let later = attackers.filter(|number| table.take(0, Key::Subnet(subnet(*number)), &rate(), 60_000).is_ok());
        assert!(later.count() >= 64);
    }

    #[test]
    fn many_limits_of_one_name_do_not_push_each_other_out() {
        let table = Table::new(8);
        let passed = (0..100).filter(|limit| table.take(*limit, Key::Name("ada"), &rate(), 0).is_ok()).count();
        assert!(passed >= 8);
        assert!((0..9).filter(|_| table.take(0, Key::Name("ada"), &rate(), 0).is_ok()).count() <= 5);
    }
}
