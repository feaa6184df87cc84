//! What credentials are for: a registry, or a prefix of the repositories in it.

use oci::{Host, RepositoryName};

/// Docker Hub's name in references, and the names it goes by in auth files.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_ALIASES: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];

/// What docker calls its hub, in auth files and where it asks credential helpers.
const DOCKER_HUB_URL: &str = "https://index.docker.io/v1/";

/// Where Docker Desktop keeps tokens of its own beside [`DOCKER_HUB_URL`]. Registries do not take them.
const DOCKER_HUB_TOKENS: [&str; 2] = ["access-token", "refresh-token"];

/// Brings the spellings of a place in an auth file to one: `https://index.docker.io/v1/` is `docker.io`. Of a URL only the host counts.
/// Returns `None` for what no registry goes by.
pub(super) fn normal(place: &str) -> Option<String> {
    let bare = place.strip_prefix("https://").or_else(|| place.strip_prefix("http://"));
    let is_url = bare.is_some();
    let bare = bare.unwrap_or(place).trim_end_matches('/');
    let (host, path) = bare.split_once('/').map_or((bare, None), |(host, path)| (host, Some(path)));
    let mut host = host.to_ascii_lowercase();
    if DOCKER_HUB_ALIASES.contains(&host.as_str()) {
        DOCKER_HUB.clone_into(&mut host);
    }
    let last = path.and_then(|path| path.rsplit('/').next());
    if host == DOCKER_HUB && is_url && last.is_some_and(|last| DOCKER_HUB_TOKENS.contains(&last)) {
        return None;
    }
    Some(match path {
        Some(path) if !is_url => format!("{host}/{path}"),
        _ => host,
    })
}

/// Returns the places that a repository is in, the longest first, down to the registry itself. A host that a file names for Docker Hub is
/// that, too.
pub(super) fn places(host: &Host, repository: Option<&RepositoryName>) -> impl Iterator<Item = String> {
    let host = host.as_str();
    let host = if DOCKER_HUB_ALIASES.contains(&host) { DOCKER_HUB } else { host };
    let whole = match repository {
        Some(repository) => format!("{host}/{repository}"),
        None => host.to_owned(),
    };
    std::iter::successors(Some(whole), |place| place.rfind('/').map(|end| place[..end].to_owned()))
}

/// Returns what a place is called in an auth file, so that docker, podman and crane find it.
pub(super) fn written(place: &str) -> &str {
    if place == DOCKER_HUB { DOCKER_HUB_URL } else { place }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spellings_of_a_place_are_one() {
        let cases = [
            ("https://index.docker.io/v1/", Some("docker.io")),
            ("index.docker.io", Some("docker.io")),
            ("registry-1.docker.io/library", Some("docker.io/library")),
            ("docker.io/library/alpine", Some("docker.io/library/alpine")),
            ("https://index.docker.io/v1/access-token", None),
            ("https://index.docker.io/v1/refresh-token", None),
            ("https://R.example:5000/v2/", Some("r.example:5000")),
            ("https://r.example/team", Some("r.example")),
            ("r.example/team/v1", Some("r.example/team/v1")),
            ("http://r.example", Some("r.example")),
        ];
        for (place, is) in cases {
            assert_eq!(normal(place).as_deref(), is, "{place}");
        }
        assert_eq!(normal(written("docker.io")).as_deref(), Some("docker.io"));
    }

    #[test]
    fn the_longest_place_comes_first() {
        let (host, repository) = ("h:5000".parse().unwrap(), "a/b".parse().unwrap());
        assert_eq!(places(&host, Some(&repository)).collect::<Vec<_>>(), ["h:5000/a/b", "h:5000/a", "h:5000"]);
        assert_eq!(places(&host, None).collect::<Vec<_>>(), ["h:5000"]);
    }
}
