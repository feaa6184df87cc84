//! What a registry does and does not do, as it was seen, for this run and later ones.
//!
//! A [`RegistryProfile`] holds a [`Check`] for each [`Ability`] that was looked at: it is as the specification has it, or there is a
//! [`Quirk`]. [`Client::examine`](crate::Client::examine) makes one by asking; a client also adds what it has to find out on its way.
//! [`Profiles`] keeps them, one file for each registry. What is kept counts for [`KEPT_DAYS`] days and no longer: registries change.

mod kept;
mod quirks;

use std::collections::BTreeMap;

use oci::{Host, RepositoryName, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::kept::Profiles;
pub use self::quirks::{Ability, Quirk};

/// The version of the format of a profile. A file of another version is not read, and is replaced.
pub const VERSION: u32 = 1;

/// For how long what was seen counts, in days.
pub const KEPT_DAYS: i64 = 7;

/// What a registry does and does not do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryProfile {
    version: u32,
    /// The registry.
    pub host: String,
    /// What was looked at, and what was seen.
    pub checks: BTreeMap<Ability, Check>,
}

/// What was seen of one ability.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Whether it is as specified.
    pub found: Found,
    /// What was asked and answered, for people.
    pub evidence: String,
    /// When, in seconds since 1970.
    at: i64,
}

/// Whether an ability is as the specification has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// It is, or it is a piece of information for which there is no other way.
    Standard,
    /// It is not.
    Quirk(Quirk),
    /// That could not be seen.
    Unknown,
}

impl RegistryProfile {
    /// Returns a profile that says nothing yet.
    pub fn new(host: &Host) -> Self {
        Self { version: VERSION, host: host.to_string(), checks: BTreeMap::new() }
    }

    /// Tells whether the registry has a quirk, by what counts at this time; `None` when nobody has looked, or too long ago.
    pub fn has(&self, quirk: Quirk, now: Timestamp) -> Option<bool> {
        let check = self.checks.get(&quirk.ability()).filter(|check| check.counts_at(now))?;
        match check.found {
            Found::Unknown => None,
            Found::Standard => Some(false),
            Found::Quirk(found) => Some(found == quirk),
        }
    }

    /// Returns its quirks, with what was seen.
    pub fn quirks(&self) -> impl Iterator<Item = (Quirk, &Check)> {
        self.checks.values().filter_map(|check| match check.found {
            Found::Quirk(quirk) => Some((quirk, check)),
            Found::Standard | Found::Unknown => None,
        })
    }

    /// Takes over what another profile knows.
    pub(crate) fn merge(&mut self, newer: Self) {
        let known = newer.checks.into_iter().filter(|(_, check)| check.found != Found::Unknown);
        self.checks.extend(known);
    }
}

impl Check {
    /// Returns what was seen at this time.
    pub(crate) const fn new(found: Found, evidence: String, at: Timestamp) -> Self {
        Self { found, evidence, at: at.seconds() }
    }

    /// Returns when it was seen.
    pub fn at(&self) -> Option<Timestamp> {
        Timestamp::from_seconds(self.at)
    }

    /// What is said to have been seen in the future counts as little as what was seen long ago.
    fn counts_at(&self, now: Timestamp) -> bool {
        let age = now.seconds().saturating_sub(self.at);
        (0..=KEPT_DAYS * 24 * 60 * 60).contains(&age)
    }
}

/// What an examination of a registry has brought.
#[derive(Clone, Debug)]
pub struct Examination {
    /// The repository in which was looked, where there is one.
    pub repository: Option<RepositoryName>,
    /// What was seen.
    pub profile: RegistryProfile,
    /// What was made for it and could not be removed again, for people.
    pub left: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn what_was_seen_long_ago_or_has_not_been_yet_does_not_count() {
        let mut profile = RegistryProfile::new(&"h.example".parse().unwrap());
        let quirk = Quirk::AbsentTagDenied;
        assert_eq!(profile.has(quirk, at(0)), None);
        for (seconds, counts) in [(0, true), (-6 * 86_400, true), (-8 * 86_400, false), (1_000, false)] {
            let check = Check::new(Found::Quirk(quirk), "seen".to_owned(), at(seconds));
            profile.checks.insert(quirk.ability(), check);
            assert_eq!(profile.has(quirk, at(0)), counts.then_some(true), "{seconds}");
        }
    }

    #[test]
    fn what_is_unknown_does_not_hide_what_was_known() {
        let host = "h.example".parse().unwrap();
        let quirk = Quirk::RangesIgnored;
        let seen = |found| {
            let mut profile = RegistryProfile::new(&host);
            profile.checks.insert(quirk.ability(), Check::new(found, String::new(), at(0)));
            profile
        };
        let mut profile = seen(Found::Quirk(quirk));
        profile.merge(seen(Found::Unknown));
        assert_eq!(profile.has(quirk, at(0)), Some(true));
        profile.merge(seen(Found::Standard));
        assert_eq!(profile.has(quirk, at(0)), Some(false));
    }
}
