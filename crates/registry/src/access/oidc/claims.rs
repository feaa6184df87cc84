//! What an issuer says about who comes with its assertion.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::issuer::OidcIssuer;
use super::json::{Json, Object};

/// Most audiences of an assertion, and most values of a claim.
const VALUES_MAX: usize = 100;
/// Longest value of a claim that is looked at, in bytes.
const VALUE_MAX_BYTES: usize = 1024;

/// What an issuer says, under a signature that was right.
#[derive(Clone, Debug)]
pub struct Claims(Object);

/// Somebody for whom an issuer vouches: a job of a CI service, a pod, a service account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// What the claim says that names it.
    pub subject: String,
    /// What is claimed of it: texts, and numbers and flags as they are written; several values where it is a list. What has members of its
    /// own is left out.
    pub claims: BTreeMap<String, Vec<String>>,
    /// When the assertion ends, in milliseconds since 1970.
    pub expires_at: i64,
}

/// Why an assertion is not taken. The operator hears it; the caller hears only that he does not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is too long.
    Oversize,
    /// It is not of the form.
    Malformed,
    /// It is signed by an algorithm that is not taken.
    Algorithm,
    /// No issuer that is known has issued it.
    Issuer,
    /// The issuer has no key of this name for it.
    Key,
    /// The keys of the issuer are not there.
    NoKeys,
    /// The signature is not of the issuer's key.
    Signature,
    /// It is for another service.
    Audience,
    /// It has ended, or does not say when it does.
    Expired,
    /// It is not good yet.
    Early,
    /// It says that it was issued later than now.
    Future,
    /// It does not say whom it is about.
    Identity,
    /// A claim is not as it has to be of everybody for whom this issuer vouches.
    Condition,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Oversize => "the assertion is too long",
            Self::Malformed => "the assertion is not of the form",
            Self::Algorithm => "the assertion is signed by an algorithm that is not taken",
            Self::Issuer => "the assertion is of no issuer that is known",
            Self::Key => "the issuer has no such key as the assertion is signed by",
            Self::NoKeys => "the keys of the issuer cannot be had",
            Self::Signature => "the assertion's signature is wrong",
            Self::Audience => "the assertion is for another service",
            Self::Expired => "the assertion has ended, or has no end",
            Self::Early => "the assertion is not good yet",
            Self::Future => "the assertion was issued later than now",
            Self::Identity => "the assertion does not say whom it is about",
            Self::Condition => "a claim of the assertion is not as the issuer's table has it",
        })
    }
}

impl Claims {
    pub(super) const fn new(claims: Object) -> Self {
        Self(claims)
    }

    /// Returns whom the claims are about. `now` is in milliseconds since 1970.
    ///
    /// # Errors
    /// [`Refusal`] when they are of another issuer, for another service, for another time, about nobody, or do not meet the issuer's
    /// conditions.
    pub fn about(&self, issuer: &OidcIssuer, now: i64) -> Result<Workload, Refusal> {
        if self.0.get("iss").and_then(Json::text) != Some(issuer.url.as_str()) {
            return Err(Refusal::Issuer);
        }
        if !self.is_for(&issuer.audience) {
            return Err(Refusal::Audience);
        }
        let expires_at = self.in_time(issuer.skew, now)?;
        let subject = self.0.get(&issuer.identity).and_then(Json::text).filter(|text| is_value(text));
        let subject = subject.ok_or(Refusal::Identity)?.to_owned();
        let values = |(name, value): (&String, &Json)| Some((name.clone(), values(value)?));
        let workload = Workload { subject, claims: self.0.iter().filter_map(values).collect(), expires_at };
        if issuer.admits(&workload.claims) { Ok(workload) } else { Err(Refusal::Condition) }
    }

    fn is_for(&self, audience: &str) -> bool {
        match self.0.get("aud") {
            Some(Json::Text(text)) => text == audience,
            Some(Json::List(listed)) if listed.len() <= VALUES_MAX => {
                // A list with something else in it is one that other programs may read otherwise.
                listed.iter().all(|value| value.text().is_some())
                    && listed.iter().any(|value| value.text() == Some(audience))
            }
            _ => false,
        }
    }

    /// Returns when the assertion ends, in milliseconds since 1970, if it is good now.
    fn in_time(&self, skew: Duration, now: i64) -> Result<i64, Refusal> {
        let skew = i64::try_from(skew.as_millis()).unwrap_or(i64::MAX);
        let (latest, earliest) = (now.saturating_add(skew), now.saturating_sub(skew));
        let expires_at = self.0.get("exp").and_then(moment).ok_or(Refusal::Expired)?;
        if expires_at <= earliest {
            return Err(Refusal::Expired);
        }
        for (name, refusal) in [("nbf", Refusal::Early), ("iat", Refusal::Future)] {
            match self.0.get(name).map(moment) {
                None => {}
                Some(Some(at)) if at <= latest => {}
                Some(_) => return Err(refusal),
            }
        }
        Ok(expires_at)
    }
}

/// Returns a time in milliseconds since 1970, which is written in seconds.
fn moment(value: &Json) -> Option<i64> {
    let seconds = match value {
        Json::Integer(seconds) => *seconds,
        #[expect(clippy::cast_possible_truncation, reason = "beyond its range it is the end of it")]
        Json::Decimal(seconds) => seconds.floor() as i128,
        _ => return None,
    };
    i64::try_from(seconds.checked_mul(1000)?).ok()
}

/// Returns the values of a claim that can be compared.
fn values(value: &Json) -> Option<Vec<String>> {
    let one = |value: &Json| match value {
        Json::Text(text) if is_value(text) => Some(text.clone()),
        Json::Flag(flag) => Some(flag.to_string()),
        Json::Integer(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        Json::List(listed) if listed.len() <= VALUES_MAX => listed.iter().map(one).collect(),
        value => one(value).map(|value| vec![value]),
    }
}

/// Tells whether a text can stand in a log, in a history and in a token.
fn is_value(text: &str) -> bool {
    !text.is_empty() && text.len() <= VALUE_MAX_BYTES && !text.contains(char::is_control)
}
