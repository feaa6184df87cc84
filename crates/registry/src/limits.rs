//! How often somebody may ask: buckets in the memory of this node, from which requests take.
//!
//! | module | holds |
//! |---|---|
//! | `rate` | one bucket as a number |
//! | `table` | many buckets in a bounded room, of which none can be pushed out |
//! | `logins` | passwords that were wrong |
//! | `strangers` | lines of the audit log about those who are not known |

mod logins;
mod rate;
mod strangers;
mod table;

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use oci::RepositoryName;
use resolve::retention::Pattern;

use crate::access::Identity;
use crate::error::ApiError;
use crate::observe::{Counter, Exposition, family};
use crate::peer::Client;

pub(crate) use logins::Logins;
use rate::Rate;
pub(crate) use rate::Wait;
pub(crate) use strangers::Strangers;
use table::{Key, Table};

/// Buckets of one table.
const BUCKETS: usize = 1 << 16;

/// What a limit is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requests {
    /// Requests to a repository that change nothing. Limits per address without repositories count those for a token and those to no repository too.
    Pulls,
    /// All other requests to a repository.
    Pushes,
    /// Passwords that are wrong.
    FailedLogins,
}

/// Who shares a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Per {
    /// All requests of one address; of version 6, of one network of 64 bits.
    #[default]
    Address,
    /// All requests of one user. Who is not known is his address. Of failed logins, all for one name.
    Identity,
    /// All requests.
    Everybody,
}

/// How often somebody may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// For what.
    pub of: Requests,
    /// Who shares a bucket.
    pub per: Per,
    /// To which repositories; none stands for all. Failed logins have none.
    pub repositories: Vec<Pattern>,
    /// So many in the period.
    pub requests: u64,
    /// The time in which an empty bucket lets so many pass.
    pub period: Duration,
    /// So many at once, after a time without any.
    pub burst: u64,
}

/// All limits. Failed logins are always limited: by the default where nothing else is said of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimits(Vec<RateLimit>);

impl Requests {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Pulls, Self::Pushes, Self::FailedLogins];

    /// Returns the word that says so.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pulls => "pulls",
            Self::Pushes => "pushes",
            Self::FailedLogins => "failed-logins",
        }
    }

    fn of(method: &Method) -> Self {
        if matches!(*method, Method::GET | Method::HEAD) { Self::Pulls } else { Self::Pushes }
    }
}

impl Per {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Address, Self::Identity, Self::Everybody];

    /// Returns the word that says so.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Identity => "identity",
            Self::Everybody => "everybody",
        }
    }
}

impl RateLimits {
    /// Returns these limits.
    pub fn new(limits: Vec<RateLimit>) -> Self {
        Self(limits)
    }

    /// Returns the limits that were given.
    pub fn all(&self) -> &[RateLimit] {
        &self.0
    }
}

/// Requests that were refused, by what they were and who shared the bucket.
#[derive(Debug, Default)]
pub(crate) struct Refusals([[Counter; Per::ALL.len()]; Requests::ALL.len()]);

impl Refusals {
    fn one(&self, of: Requests, per: Per) {
        // Each has its place.
        self.0[of as usize][per as usize].one();
    }

    pub(crate) fn write(&self, exposition: &mut Exposition) {
        for (of, counts) in Requests::ALL.iter().zip(&self.0) {
            for (per, count) in Per::ALL.iter().zip(counts) {
                exposition.labelled(&family::RATE_LIMITED, &[of.word(), per.word()], count.get());
            }
        }
    }
}

/// Holds requests against the limits.
pub(crate) struct Limiter {
    limits: Vec<(RateLimit, Rate)>,
    /// None where there are no limits.
    table: Option<Table>,
    refusals: Arc<Refusals>,
}

/// A request, as far as limits look at it.
pub(crate) struct Request<'r> {
    pub(crate) client: Client,
    pub(crate) method: &'r Method,
    /// `None` where it is for a token, or to no repository.
    pub(crate) repository: Option<&'r RepositoryName>,
    /// In milliseconds since 1970.
    pub(crate) now: i64,
}

impl Limiter {
    pub(crate) fn new(limits: &RateLimits, refusals: Arc<Refusals>) -> Self {
        let limits: Vec<_> = limits.0.iter().filter(|limit| limit.of != Requests::FailedLogins).cloned().collect();
        let limits: Vec<_> = limits.into_iter().map(|limit| (limit.clone(), Rate::of(&limit))).collect();
        let table = (!limits.is_empty()).then(|| Table::new(BUCKETS));
        Self { limits, table, refusals }
    }

    /// Lets a request pass as far as its address is concerned, before it is looked at who sends it.
    ///
    /// # Errors
    /// 429, with the time after which the bucket has room.
    pub(crate) fn by_address(&self, request: &Request<'_>) -> Result<(), ApiError> {
        let Some(table) = &self.table else { return Ok(()) };
        let key = request.client.subnet().map(Key::Subnet);
        self.take(table, request, |per| if per == Per::Address { key } else { None })
    }

    /// Lets a request pass as far as who sends it is concerned, and what everybody does together.
    ///
    /// # Errors
    /// As [`Limiter::by_address`].
    pub(crate) fn by_identity(&self, request: &Request<'_>, identity: &Identity) -> Result<(), ApiError> {
        let Some(table) = &self.table else { return Ok(()) };
        let key = identity.name().map(Key::Name).or_else(|| request.client.subnet().map(Key::Subnet));
        self.take(table, request, |per| match per {
            Per::Address => None,
            Per::Identity => key,
            Per::Everybody => Some(Key::Everybody),
        })
    }

    /// Takes from every bucket that has a key, or from none.
    fn take<'k>(
        &self,
        table: &Table,
        request: &Request<'_>,
        key: impl Fn(Per) -> Option<Key<'k>>,
    ) -> Result<(), ApiError> {
        // Some clients ask for a token by POST, which changes nothing either.
        let of = request.repository.map_or(Requests::Pulls, |_| Requests::of(request.method));
        let is_in = |patterns: &[Pattern]| {
            request.repository.is_some_and(|name| patterns.iter().any(|pattern| pattern.matches(name.as_str())))
        };
        let is_for =
            |limit: &RateLimit| limit.of == of && (limit.repositories.is_empty() || is_in(&limit.repositories));
        let keyed = self.limits.iter().enumerate().filter_map(|(number, (limit, rate))| {
            let key = key(limit.per)?;
            is_for(limit).then_some((number, limit.per, rate, key))
        });
        let mut taken = Vec::new();
        for (number, per, rate, key) in keyed {
            if let Err(wait) = table.take(number, key, rate, request.now) {
                for (number, rate, key) in taken {
                    table.give_back(number, key, rate);
                }
                self.refusals.one(of, per);
                return Err(refused(wait));
            }
            taken.push((number, rate, key));
        }
        Ok(())
    }
}

/// Returns the answer to somebody who asks too often.
pub(crate) fn refused(wait: Wait) -> ApiError {
    ApiError::too_many("this is asked for too often; come again later", wait.seconds())
}
