//! Verifying passwords without being brought down by it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use oci::Digest;
use tokio::sync::Semaphore;

use super::htpasswd::Users;
use crate::limits::{Logins, Wait};
use crate::peer::Client;

/// Most passwords that are verified at once, each on a thread.
const AT_ONCE: usize = 2;
/// Most callers who wait for that; beyond them it is said that there are too many.
const WAITING_MAX: usize = 64;
/// Most credentials that are remembered.
const REMEMBERED_MAX: usize = 10_000;

/// Verifies passwords, a few at once, and remembers for a while which were right.
pub(super) struct Verifier {
    logins: Logins,
    waiting: Arc<Semaphore>,
    running: Arc<Semaphore>,
    /// What was right, by a hash that only this process can make, and until when that counts, in milliseconds since 1970.
    right: Mutex<HashMap<Digest, i64>>,
    /// What is being verified, by the same hash: whoever brings the same waits for that.
    flights: Mutex<HashMap<Digest, Weak<Flight>>>,
    salt: [u8; 32],
}

/// The turn of one of those who bring the same.
type Flight = tokio::sync::Mutex<()>;

/// Why a password is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unheard {
    /// Too many callers wait for theirs to be verified.
    Busy,
    /// Too many were wrong.
    Limited(Wait),
}

impl Verifier {
    pub(super) fn new(logins: Logins) -> Self {
        Self {
            logins,
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            running: Arc::new(Semaphore::new(AT_ONCE)),
            right: Mutex::default(),
            flights: Mutex::default(),
            salt: rand::random(),
        }
    }

    /// Tells whether this is the password of a user. Somebody unknown costs the same as somebody known. What is remembered is right however many
    /// others were wrong.
    pub(super) async fn verify(
        &self,
        users: &Users,
        (user, password): (&str, &str),
        (now, client): (i64, Client),
        remember_for: Duration,
    ) -> Result<bool, Unheard> {
        let known = users.hash(user);
        let Some(hash) = known.or_else(|| users.decoy(user)) else { return Ok(false) };
        let memory = self.memory(user, &hash.fingerprint(), password);
        if self.remembers(&memory, now) {
            return Ok(true);
        }
        // Many who come with the same at once are one attempt, should it be right.
        let flight = self.flight(&memory);
        let _turn = flight.lock().await;
        if self.remembers(&memory, now) {
            return Ok(true);
        }
        let attempt = self.logins.attempt(client, user, now).map_err(Unheard::Limited)?;
        if !hash.is_slow() {
            let right = hash.verify(password) & known.is_some();
            if right {
                attempt.has_not_failed(true);
            }
            return Ok(right);
        }
        let Ok(waiting) = Arc::clone(&self.waiting).try_acquire_owned() else {
            attempt.has_not_failed(false);
            return Err(Unheard::Busy);
        };
        // Neither semaphore is ever closed.
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Unheard::Busy)?;
        let (hash, password) = (hash.clone(), password.to_owned());
        let verified = tokio::task::spawn_blocking(move || {
            // Held here, for a caller who goes away does not end what the thread is at.
            let _held = (waiting, running);
            hash.verify(&password)
        });
        let right = verified.await.unwrap_or(false) & known.is_some();
        if right {
            attempt.has_not_failed(true);
            let lifetime = i64::try_from(remember_for.as_millis()).unwrap_or(i64::MAX);
            self.remember(memory, now, now.saturating_add(lifetime));
        }
        Ok(right)
    }

    fn memory(&self, user: &str, fingerprint: &Digest, password: &str) -> Digest {
        let mut bytes = self.salt.to_vec();
        for part in [user.as_bytes(), fingerprint.value(), password.as_bytes()] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        Digest::sha256(&bytes)
    }

    fn flight(&self, memory: &Digest) -> Arc<Flight> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(memory).and_then(Weak::upgrade) {
            return flight;
        }
        // There are as many as there are requests under way.
        flights.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::<Flight>::default();
        flights.insert(*memory, Arc::downgrade(&flight));
        flight
    }

    fn remembers(&self, memory: &Digest, now: i64) -> bool {
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right.get(memory).is_some_and(|until| *until > now)
    }

    fn remember(&self, memory: Digest, now: i64, until: i64) {
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= REMEMBERED_MAX {
            right.retain(|_, until| *until > now);
        }
        if right.len() >= REMEMBERED_MAX {
            right.clear();
        }
        right.insert(memory, until);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use oci::Digest;

    use super::{Unheard, Verifier, WAITING_MAX};
    use crate::access::htpasswd::Users;
    use crate::limits::{Logins, RateLimits};
    use crate::peer::Client;

    const HOUR: Duration = Duration::from_hours(1);

    fn verifier() -> Verifier {
        Verifier::new(Logins::new(&RateLimits::default(), Arc::default()))
    }

    fn at(now: i64) -> (i64, Client) {
        (now, Client::default())
    }

    fn users() -> (Users, &'static str) {
        let hash = bcrypt::hash("right", 4).unwrap();
        (Users::parse(&format!("ada:{hash}\n")).unwrap(), "right")
    }

    #[tokio::test]
    async fn only_a_known_user_with_the_right_password_comes_in() {
        let (users, right) = users();
        let verifier = verifier();
        for (user, password, expected) in [
            ("ada", right, true),
            ("ada", "wrong", false),
            ("ada", "", false),
            ("eve", right, false),
            ("", right, false),
        ] {
            let outcome = verifier.verify(&users, (user, password), at(0), HOUR).await;
            assert_eq!(outcome, Ok(expected), "{user}:{password}");
        }
        assert_eq!(verifier.verify(&Users::default(), ("ada", right), at(0), HOUR).await, Ok(false));
    }

    #[tokio::test]
    async fn what_was_right_is_remembered_for_a_while_and_only_for_the_same_hash() {
        let (users, right) = users();
        let verifier = verifier();
        let _ = verifier.verify(&users, ("ada", "wrong"), at(0), HOUR).await;
        assert!(verifier.right.lock().unwrap().is_empty(), "what is wrong is not remembered");
        assert_eq!(verifier.verify(&users, ("ada", right), at(0), HOUR).await, Ok(true));
        // With no thread to be had, only what is remembered is known.
        let all = verifier.waiting.acquire_many(u32::try_from(WAITING_MAX).unwrap()).await.unwrap();
        assert_eq!(verifier.verify(&users, ("ada", right), at(3_599_999), HOUR).await, Ok(true));
        assert_eq!(verifier.verify(&users, ("ada", right), at(3_600_000), HOUR).await, Err(Unheard::Busy));
        assert_eq!(verifier.verify(&users, ("ada", "wrong"), at(0), HOUR).await, Err(Unheard::Busy));
        assert_eq!(
            verifier.verify(&users, ("eve", right), at(0), HOUR).await,
            Err(Unheard::Busy),
            "a stranger waits like a friend"
        );
        let again = Users::parse(&format!("ada:{}\n", bcrypt::hash("right", 4).unwrap())).unwrap();
        assert_eq!(verifier.verify(&again, ("ada", right), at(0), HOUR).await, Err(Unheard::Busy));
        drop(all);
        assert_eq!(verifier.verify(&users, ("ada", "wrong"), at(0), HOUR).await, Ok(false));
    }
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_who_come_with_the_same_at_once_are_one_attempt() {
        let (users, right) = users();
        let verifier = verifier();
        let client = Client { address: Some([192, 0, 2, 7].into()), is_https: None };
        let all = (0..500).map(|_| verifier.verify(&users, ("ada", right), (0, client), HOUR));
        for outcome in futures_util::future::join_all(all).await {
            assert_eq!(outcome, Ok(true));
        }
        let all = (0..500).map(|_| verifier.verify(&users, ("ada", "wrong"), (0, client), HOUR));
        let outcomes = futures_util::future::join_all(all).await;
        assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(Unheard::Limited(_)))), "each wrong one counts");
        assert!(!outcomes.contains(&Ok(true)));
        let _ = verifier.flight(&Digest::sha256(b"another"));
        assert!(verifier.flights.lock().unwrap().len() <= 1, "what has ended is forgotten");
    }
}
