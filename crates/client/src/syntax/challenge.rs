//! `WWW-Authenticate` (RFC 9110 section 11.6.1): which scheme a registry wants, and where its tokens come from.

use std::collections::BTreeMap;

/// Longest header that is read, in bytes.
pub const CHALLENGE_MAX_BYTES: usize = 16 * 1024;

/// One challenge: a scheme and its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// The scheme in lower case, such as `bearer`.
    pub scheme: String,
    /// The parameters; names in lower case.
    pub parameters: BTreeMap<String, String>,
}

/// Returns the challenges of a header in their order. What cannot be read ends the list: a registry that sends garbage has
/// named no scheme that we could answer.
pub fn parse(header: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    if header.len() > CHALLENGE_MAX_BYTES {
        return challenges;
    }
    let mut rest = header.trim_start_matches(separator);
    while !rest.is_empty() {
        let (word, after) = token(rest);
        if word.is_empty() {
            break;
        }
        let spaced = after.trim_start_matches([' ', '\t']);
        // `name=value` belongs to the last challenge, a word on its own begins the next one.
        let value = spaced.strip_prefix('=').filter(|value| !value.starts_with('='));
        rest = match (value, challenges.last_mut()) {
            (Some(value), Some(challenge)) => {
                let Some((value, after)) = parameter_value(value.trim_start_matches([' ', '\t'])) else { break };
                challenge.parameters.entry(word.to_ascii_lowercase()).or_insert(value);
                after
            }
            (Some(_), None) => break,
            (None, _) => {
                challenges.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: BTreeMap::new() });
                spaced
            }
        };
        rest = rest.trim_start_matches(separator);
    }
    challenges
}

fn separator(character: char) -> bool {
    matches!(character, ' ' | '\t' | ',')
}

/// Splits off a token (RFC 9110 section 5.6.2). The slash is in no token but in base64, which we skip as a word.
fn token(text: &str) -> (&str, &str) {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~/".contains(&byte);
    let end = text.bytes().position(|byte| !part(byte)).unwrap_or(text.len());
    text.split_at(end)
}

fn parameter_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        // Some registries leave the quotation marks out, around URLs too.
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, character) in quoted.char_indices() {
        match character {
            _ if escaped => {
                value.push(character);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Some((value, &quoted[at + 1..])),
            _ => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_a_bearer_challenge() {
        let header = r#"Bearer realm="https://auth.example/token",service="registry",scope="repository:a:pull,push""#;
        let challenges = parse(header);
        assert_eq!(challenges.len(), 1);
        assert_eq!(challenges[0].scheme, "bearer");
        assert_eq!(challenges[0].parameters["realm"], "https://auth.example/token");
        assert_eq!(challenges[0].parameters["scope"], "repository:a:pull,push");
    }

    #[test]
    fn reads_several_challenges() {
        let challenges = parse(r#"Negotiate, Basic realm="a \"b\"" , BEARER realm=https://h/t , service=s"#);
        let schemes: Vec<_> = challenges.iter().map(|challenge| challenge.scheme.as_str()).collect();
        assert_eq!(schemes, ["negotiate", "basic", "bearer"]);
        assert_eq!(challenges[1].parameters["realm"], "a \"b\"");
        assert_eq!(challenges[2].parameters["realm"], "https://h/t");
        assert_eq!(challenges[2].parameters["service"], "s");
    }

    #[test]
    fn stops_at_what_it_cannot_read() {
        assert!(parse("").is_empty());
        assert!(parse("realm=\"x\"").is_empty());
        assert_eq!(parse("Basic realm=\"open").len(), 1);
        assert!(parse("Basic realm=\"open")[0].parameters.is_empty());
        assert!(parse(&format!("Basic realm=\"{}\"", "x".repeat(20_000))).is_empty());
    }
}
