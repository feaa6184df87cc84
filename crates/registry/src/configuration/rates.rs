//! How often somebody may ask, as a configuration says it.

use std::time::Duration;

use resolve::document::{DocumentError, Key, Shape, Table, key, quoted, required};
use resolve::duration;

use super::immutable::patterns;
use super::read;
use super::rules::list;
use crate::limits::{Per, RateLimit, RateLimits, Requests};

/// Most limits: every request looks at all of them.
const LIMITS_MAX: usize = 100;
/// Most requests of a limit.
const REQUESTS_MAX: u64 = 1_000_000_000;

pub(super) const KEYS: &[Key] = &[
    required(
        "of",
        Shape::Choice(&["pulls", "pushes", "failed-logins"]),
        "What is limited: requests that read, requests that change, or wrong passwords.",
    ),
    key(
        "per",
        Shape::Choice(&["address", "identity", "everybody"]),
        "Who has a limit of his own: each address, each user, or nobody; `address`.",
    ),
    key("repositories", Shape::Texts, "Patterns of the repositories that it is for; all."),
    required("requests", Shape::Count, "How many may come in the period."),
    key("period", Shape::Duration, "The time in which they may come; `1m`."),
    key("burst", Shape::Count, "How many may come at once after a time without any; as many as `requests`."),
];

/// Returns the limits of the tables.
pub(super) fn read(tables: &[Table<'_>]) -> Result<RateLimits, DocumentError> {
    if let Some(table) = tables.get(LIMITS_MAX) {
        return Err(DocumentError::new(format!("there are more than {LIMITS_MAX} limits"), table.place.clone()));
    }
    tables.iter().map(limit).collect::<Result<_, _>>().map(RateLimits::new)
}

fn limit(table: &Table<'_>) -> Result<RateLimit, DocumentError> {
    let place = |name: &str| table.key(name).unwrap_or_else(|| table.place.clone());
    let word = |name: &str| table.text(name).map(|text| text.text);
    // The shape of the table has said that it is one of these.
    let of = Requests::ALL.into_iter().find(|of| word("of") == Some(of.word())).unwrap_or(Requests::Pulls);
    let per = Per::ALL.into_iter().find(|per| word("per") == Some(per.word())).unwrap_or_default();
    let repositories = patterns(table, "repositories")?;
    if of == Requests::FailedLogins && table.has("repositories") {
        let message = "nobody comes in to some repositories alone: failed logins are of all";
        return Err(DocumentError::new(message, place("repositories")));
    }
    let requests = read::count(table, "requests", REQUESTS_MAX)?.unwrap_or(1);
    let burst = read::count(table, "burst", REQUESTS_MAX)?.unwrap_or(requests);
    let mut period = Duration::from_mins(1);
    read::duration(table, "period", &mut period)?;
    Ok(RateLimit { of, per, repositories, requests, period, burst })
}

/// Returns the limits as TOML writes them in one line; `None` where there are none.
pub(super) fn shown(limits: &RateLimits) -> Option<String> {
    let one = |limit: &RateLimit| {
        let RateLimit { of, per, repositories, requests, period, burst } = limit;
        let patterns: Vec<String> = repositories.iter().map(|pattern| pattern.as_str().to_owned()).collect();
        let patterns =
            if patterns.is_empty() { String::new() } else { format!("repositories = {}, ", list(&patterns)) };
        format!(
            "{{ of = {}, per = {}, {patterns}requests = {requests}, period = {}, burst = {burst} }}",
            quoted(of.word()),
            quoted(per.word()),
            quoted(&duration::text(period.as_secs())),
        )
    };
    let all: Vec<String> = limits.all().iter().map(one).collect();
    (!all.is_empty()).then(|| format!("[{}]", all.join(", ")))
}
