//! `Link: </v2/app/tags/list?n=2&last=b>; rel="next"` (RFC 8288; distribution-spec, "Listing Tags").

/// Returns the target of the first link whose relation is `next`, as it was written.
pub fn next(header: &str) -> Option<&str> {
    if !header.contains('<') {
        return bare(header);
    }
    let mut rest = header;
    loop {
        // Links are separated by commas, but a target may hold commas too: find the brackets first.
        let (_, after) = rest.split_once('<')?;
        let (target, parameters) = after.split_once('>')?;
        rest = parameters;
        // A target, its parameters each after a semicolon, a comma before the next target.
        loop {
            let end = end_of_parameter(rest);
            if is_next(&rest[..end]) {
                return Some(target);
            }
            rest = &rest[end..];
            let Some(parameter) = rest.strip_prefix(';') else { break };
            rest = parameter;
        }
    }
}

/// Returns the target of a link without the brackets, which some leave out. It cannot hold a semicolon then.
fn bare(header: &str) -> Option<&str> {
    let (target, parameters) = header.split_once(';')?;
    let target = target.trim();
    (!target.is_empty() && parameters.split(';').any(is_next)).then_some(target)
}

/// Returns where a parameter ends: at a semicolon or comma outside quotation marks.
fn end_of_parameter(text: &str) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b';' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("rel")
        && value.trim().trim_matches('"').split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn finds_the_next_page() {
        assert_eq!(next(r#"</v2/a/tags/list?n=2&last=b>; rel="next""#), Some("/v2/a/tags/list?n=2&last=b"));
        assert_eq!(next("<https://h/x?a=1,2>; rel=next"), Some("https://h/x?a=1,2"));
        assert_eq!(next(r#"</p>; rel="prev", </n>; title="a, b"; rel="last next""#), Some("/n"));
        assert_eq!(next(r#"</n>;REL="NEXT""#), Some("/n"));
        assert_eq!(next("https://h/x?n=50&last=b; rel=next"), Some("https://h/x?n=50&last=b"));
    }

    #[test]
    fn finds_none() {
        for header in ["", "<", "</n>", r#"</n>; rel="prev""#, "/n", "; rel=next", r#"</n>; title="; rel=next""#] {
            assert_eq!(next(header), None, "{header}");
        }
    }
}
