//! Prefixes of names: whether they match, and what takes their place.

use oci::{Host, RepositoryName};

use crate::routing::file::Reason;

/// Returns how much of a name, `HOST[/REPOSITORY]`, a prefix takes up; `None` when it does not match. `*.HOST` matches all hosts below.
///
/// As for skopeo, a prefix without a port matches a host with one.
pub(super) fn matched(name: &str, prefix: &str) -> Option<usize> {
    let end = match prefix.strip_prefix('*').filter(|domain| domain.starts_with('.')) {
        Some(domain) => {
            let at = name.find(domain)?;
            if name[..at].contains('/') {
                return None;
            }
            at + domain.len()
        }
        None => name.starts_with(prefix).then_some(prefix.len())?,
    };
    matches!(name.as_bytes().get(end), None | Some(b':' | b'/' | b'@')).then_some(end)
}

/// Returns a name with another place instead of a prefix of it.
///
/// # Errors
/// When that is not a full name.
pub(super) fn rewritten(name: &str, prefix: &str, location: &str) -> Result<(Host, RepositoryName), Reason> {
    let rest = matched(name, prefix).map_or("", |end| &name[end..]);
    let whole = format!("{location}{rest}");
    let shown = || format!("it makes `{}` of `{name}`", oci::text::printable(&whole));
    let split = whole.split_once('/').filter(|(host, _)| host.contains(['.', ':']) || *host == "localhost");
    let (host, repository) = split.ok_or_else(|| format!("{}, and that has no registry or no repository", shown()))?;
    let host: Host = host.parse().map_err(|error| format!("{}, and {error}", shown()))?;
    let repository: RepositoryName = repository.parse().map_err(|error| format!("{}, and {error}", shown()))?;
    // What users may leave out is not added to what a file says.
    let is_short = host.as_str() == "docker.io" && !repository.as_str().contains('/');
    if is_short || host.as_str() == "index.docker.io" {
        return Err(format!("{}, and that is not the full name of a repository of docker.io", shown()));
    }
    Ok((host, repository))
}

/// Returns a prefix with its host in small letters, as hosts are here.
pub(super) fn lower_host(prefix: &str) -> String {
    let (host, path) = prefix.split_at(prefix.find('/').unwrap_or(prefix.len()));
    format!("{}{path}", host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_a_part_of_the_name_does() {
        for (name, prefix, is) in [
            ("h.example/a/b", "h.example", Some(9)),
            ("h.example/a/b", "h.example/a", Some(11)),
            ("h.example/a/b", "h.example/a/b", Some(13)),
            ("h.example/ab", "h.example/a", None),
            ("h.example.org/a", "h.example", None),
            ("h.example", "h.example/a", None),
            ("h.example:5000/a", "h.example", Some(9)),
            ("h.example:5000/a", "h.example:5000", Some(14)),
            ("h.example:5000/a", "h.example:500", None),
            ("a.b.example/x", "*.b.example", Some(11)),
            ("a.a.b.example:1/x", "*.b.example", Some(13)),
            ("b.example/x", "*.b.example", None),
            ("ab.example/x", "*.b.example", None),
            ("other/a.b.example", "*.b.example", None),
            ("a.b.example.org/x", "*.b.example", None),
            ("a.b.example", "*.b.example", Some(11)),
            ("h", "", None),
        ] {
            assert_eq!(matched(name, prefix), is, "{name} {prefix}");
        }
    }

    #[test]
    fn what_takes_the_place_of_a_prefix_makes_a_full_name() {
        for (name, prefix, location, is) in [
            ("h.example/a", "h.example", "i.example:5000/x", Some("i.example:5000 x/a")),
            ("h.example/a/b", "h.example/a", "localhost", Some("localhost b")),
            ("h.example/a", "h.example/a", "i.example/x/y", Some("i.example x/y")),
            ("h.example:80/a", "h.example", "i.example", Some("i.example:80 a")),
            ("a.b.example/x", "*.b.example", "i.example/y", Some("i.example y/x")),
            ("h.example/a", "h.example/a", "i.example", None),
            ("h.example/a", "h.example", "mirror", None),
            ("h.example/a", "h.example", "docker.io", None),
            ("h.example/a", "h.example", "docker.io/library", Some("docker.io library/a")),
            ("h.example/a", "h.example", "index.docker.io/library", None),
            ("h.example/a", "h.example", "i.example/Upper", None),
            ("h.example/a", "h.example", "i.example:port", None),
            ("h.example/a", "h.example/a", "i.example/a:tag", None),
        ] {
            let made = rewritten(name, prefix, location).map(|(host, repository)| format!("{host} {repository}"));
            assert_eq!(made.as_deref().ok(), is, "{name} {prefix} {location} {made:?}");
        }
    }
}
