//! The variables that OpenTelemetry has for every program. The file, and the variables of its keys, win over them.

use std::collections::BTreeMap;

use resolve::document::{DocumentError, quoted};

/// The variables that are read.
pub const STANDARD: [&str; 6] = [ENDPOINT, SERVICE, RESOURCE, SAMPLER, SAMPLER_ARGUMENT, DISABLED];

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const SERVICE: &str = "OTEL_SERVICE_NAME";
const RESOURCE: &str = "OTEL_RESOURCE_ATTRIBUTES";
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
const DISABLED: &str = "OTEL_SDK_DISABLED";

/// Samplers: what part is taken, if not the argument, and whether the caller's decision counts.
const SAMPLERS: [(&str, Option<&str>, bool); 6] = [
    ("always_on", Some("1"), false),
    ("always_off", Some("0"), false),
    ("traceidratio", None, false),
    ("parentbased_always_on", Some("1"), true),
    ("parentbased_always_off", Some("0"), true),
    ("parentbased_traceidratio", None, true),
];

/// Returns what such a variable says, as lines of the file; `None` for one that says nothing or is another one.
///
/// # Errors
/// When the value is none that OpenTelemetry knows.
pub(super) fn lines(
    name: &str,
    value: &str,
    variables: &BTreeMap<String, String>,
) -> Result<Option<String>, DocumentError> {
    Ok(match name {
        ENDPOINT => Some(format!("traces.endpoint = {}", quoted(value))),
        SERVICE => Some(format!("traces.service = {}", quoted(value))),
        RESOURCE => Some(format!("traces.resource = [{}]", resource(value)?)),
        SAMPLER => Some(sampler(value, variables.get(SAMPLER_ARGUMENT))?),
        DISABLED if value.eq_ignore_ascii_case("true") => Some("traces.enabled = false".to_owned()),
        _ => None,
    })
}

fn sampler(value: &str, argument: Option<&String>) -> Result<String, DocumentError> {
    let Some((_, part, follows)) = SAMPLERS.iter().find(|(name, ..)| *name == value) else {
        let known = SAMPLERS.map(|(name, ..)| name).join(", ");
        let message = format!("`{}` is no sampler that is known here; there are {known}", value.escape_debug());
        return Err(DocumentError::new(message, 0..0));
    };
    let part = part.or(argument.map(String::as_str)).unwrap_or("1");
    Ok(format!("traces.sample = {}\ntraces.follow = {follows}", quoted(part)))
}

/// Returns the attributes as texts of a list: `name=value,name=value`, with percent signs before what could not stand there.
fn resource(value: &str) -> Result<String, DocumentError> {
    let pairs = value.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let decode = |pair: &str| {
        decoded(pair)
            .map(|pair| quoted(&pair))
            .ok_or_else(|| DocumentError::new(format!("`{}` is not percent-encoded UTF-8", pair.escape_debug()), 0..0))
    };
    Ok(pairs.map(decode).collect::<Result<Vec<_>, _>>()?.join(", "))
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn what_is_encoded_is_decoded_and_what_is_broken_is_refused() {
        assert_eq!(decoded("a%3Db=%C3%A9%2c").unwrap(), "a=b=é,");
        for wrong in ["%", "%4", "%g0", "%+1", "%ff", "a%é"] {
            assert_eq!(decoded(wrong), None, "{wrong}");
        }
    }
}
