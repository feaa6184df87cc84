//! Spans as a document: OTLP 1.5 in its JSON form, of which the names are those of `ExportTraceServiceRequest`.

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::TraceSettings;
use super::span::{Attributes, Kind, Span, Value};

/// `STATUS_CODE_ERROR`
const STATUS_ERROR: u8 = 2;

/// Returns a batch as the body of a request.
pub(super) fn body(settings: &TraceSettings, spans: &[Span]) -> Bytes {
    let resource: Vec<_> =
        settings.resource.iter().map(|(name, value)| json!({"key": name, "value": {"stringValue": value}})).collect();
    let document = json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{
            "scope": {"name": "supercargo.registry", "version": env!("CARGO_PKG_VERSION")},
            "spans": spans.iter().map(span).collect::<Vec<_>>(),
        }],
    }]});
    document.to_string().into()
}

/// Returns how many spans a collector says it did not take.
pub(super) fn rejected(answer: &[u8]) -> u64 {
    let Ok(answer) = serde_json::from_slice::<Json>(answer) else { return 0 };
    let rejected = &answer["partialSuccess"]["rejectedSpans"];
    // Numbers of 64 bits are texts in this form, and some write them as numbers.
    rejected.as_u64().or_else(|| rejected.as_str()?.parse().ok()).unwrap_or(0)
}

fn span(span: &Span) -> Json {
    let Span { trace, id, parent, state, described, began_at, ended_at, has_failed } = span;
    let kind = match described.kind {
        Kind::Internal => 1,
        Kind::Server => 2,
        Kind::Client => 3,
    };
    let mut document = json!({
        "traceId": format!("{trace:032x}"),
        "spanId": format!("{id:016x}"),
        "name": described.name,
        "kind": kind,
        "startTimeUnixNano": began_at.to_string(),
        "endTimeUnixNano": ended_at.to_string(),
        "attributes": attributes(&described.attributes),
        // Sampled.
        "flags": 1,
    });
    if let Some(parent) = parent {
        document["parentSpanId"] = format!("{parent:016x}").into();
    }
    if let Some(state) = state {
        document["traceState"] = state.to_string().into();
    }
    if *has_failed {
        document["status"] = json!({"code": STATUS_ERROR});
    }
    document
}

fn attributes(attributes: &Attributes) -> Json {
    let attribute = |(name, value): &(&str, Value)| {
        let value = match value {
            Value::Text(text) => json!({"stringValue": text}),
            Value::Number(number) => json!({"intValue": number.to_string()}),
        };
        json!({"key": name, "value": value})
    };
    attributes.iter().map(attribute).collect()
}

#[cfg(test)]
mod tests {
    use super::rejected;

    #[test]
    fn what_a_collector_rejects_is_counted_and_what_it_babbles_is_not() {
        for (answer, count) in [
            (r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#, 3),
            (r#"{"partialSuccess":{"rejectedSpans":4}}"#, 4),
            (r#"{"partialSuccess":{"rejectedSpans":-4}}"#, 0),
            ("{}", 0),
            ("[]", 0),
            ("<html>", 0),
            ("", 0),
        ] {
            assert_eq!(rejected(answer.as_bytes()), count, "{answer}");
        }
    }
}
