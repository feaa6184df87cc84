//! The log of requests: a line for each that is to be told.

use registry::configuration::{LogLevel, LogSettings, LoggedRequests};
use registry::{RequestEvent, RequestHook};

use super::log::{Event, Log};

/// Returns the hook that tells `log` of requests, as its settings say when they begin and end.
pub(super) fn hook(log: &Log) -> RequestHook {
    let (asked, told) = (log.clone(), log.clone());
    RequestHook::new(
        move || asked.settings().requests != LoggedRequests::None,
        move |request| {
            if is_told(request, told.settings()) {
                told.tell(&event(request));
            }
        },
    )
}

fn is_told(request: &RequestEvent<'_>, settings: LogSettings) -> bool {
    let has_failed = !request.is_whole || request.status.is_some_and(|status| status >= 500);
    match settings.requests {
        LoggedRequests::None => false,
        LoggedRequests::Failures => has_failed,
        LoggedRequests::Slow => has_failed || request.took >= settings.slow,
        LoggedRequests::All => true,
    }
}

/// Returns a request as an event. Names in it have passed the grammars of their kinds; the rest are words of this program.
fn event(request: &RequestEvent<'_>) -> Event {
    let RequestEvent { context, client, is_traced, method, route, identity, repository, .. } = *request;
    let RequestEvent { reference, status, sent, received, took, .. } = *request;
    let who = identity.unwrap_or("nobody");
    let from = client.map(|address| format!(" from {address}")).unwrap_or_default();
    let mut what = format!("{who}{from}: {method} {}", route.word());
    for (before, word) in [(" ", repository.map(oci::RepositoryName::as_str)), (" ", reference)] {
        if let Some(word) = word {
            what.extend([before, word]);
        }
    }
    let outcome = match (status, request.is_whole) {
        (None, _) => "the client went".to_owned(),
        (Some(status), true) => status.to_string(),
        (Some(status), false) => format!("{status}, broken off"),
    };
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let message = format!("{what}: {outcome}, {received} bytes in, {sent} bytes out, {milliseconds} ms, id {context}");
    let mut event = Event::new(LogLevel::Info, "request", message)
        .with("id", context.to_string())
        .with("method", method)
        .with("route", route.word())
        .with("complete", request.is_whole)
        .with("received", received)
        .with("sent", sent)
        .with("milliseconds", milliseconds);
    if let Some(address) = client {
        event = event.with("client", address.to_string());
    }
    if is_traced {
        // As systems that show logs beside traces look for them.
        event = event.with("trace_id", context.to_string()).with("span_id", format!("{:016x}", context.span));
    }
    if let Some(status) = status {
        event = event.with("status", status);
    }
    for (name, word) in
        [("who", identity), ("repository", repository.map(oci::RepositoryName::as_str)), ("reference", reference)]
    {
        if let Some(word) = word {
            event = event.with(name, word);
        }
    }
    event
}
