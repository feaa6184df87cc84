//! The paths of the API (distribution-spec, "Endpoints").
//!
//! A repository name has slashes in it, and its components may be called `blobs` or `manifests`; so a path is read from its
//! end, where the keywords stand. What a [`Route`] holds has passed the grammars of the `oci` crate.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use oci::{Digest, DigestError, NameError, RepositoryName, Tag};

use crate::query::decode;

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/v2/`: whether this is a registry, and whether the caller may come in.
    Ping,
    /// `/v2/_oci/ext/discover`: which extensions there are.
    Extensions,
    /// Something in a repository.
    Repository {
        /// The repository.
        name: RepositoryName,
        /// What in it.
        resource: Resource,
    },
}

/// What a path names in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `blobs/<digest>`
    Blob(Digest),
    /// `blobs/uploads/`: where uploads begin.
    Uploads,
    /// `blobs/uploads/<id>`
    Upload(UploadId),
    /// `manifests/<tag or digest>`
    Manifest(ManifestName),
    /// `tags/list`
    Tags,
    /// `referrers/<digest>`
    Referrers(Digest),
    /// `_oci/ext/discover`: which extensions there are.
    Extensions,
    /// `_oci/tag-history/<tag>`
    History(Tag),
    /// `_supercargo/tags`: the tags as of a time.
    TagsThen,
    /// `_supercargo/tags/<tag>`: a tag as of a time, and back to it.
    TagThen(Tag),
    /// `_supercargo/holds`
    Holds,
    /// `_supercargo/holds/<digest>`
    Hold(Digest),
}

/// By what a manifest is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ManifestName {
    /// By what a tag points to.
    Tag(Tag),
    /// By its content.
    Digest(Digest),
}

/// The name of an upload: a random UUID (distribution-spec, "Pushing a blob monolithically").
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UploadId(u128);

/// Why a path names nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// No such endpoint.
    Unknown,
    /// The repository's name breaks its grammar.
    Name(NameError),
    /// A digest breaks its grammar, or is of an algorithm that is not supported.
    Digest(DigestError),
    /// A tag breaks its grammar.
    Tag(NameError),
    /// Not an upload this server has ever begun.
    Upload,
}

impl Route {
    /// Reads the path of a request, without its query. Only the last segment may be percent-encoded: no name needs it,
    /// and what another program in front of the server took for one repository cannot become another here.
    ///
    /// # Errors
    /// [`RouteError`] says which part of the path names nothing.
    pub fn parse(path: &str) -> Result<Self, RouteError> {
        if path == "/v2" || path == "/v2/" {
            return Ok(Self::Ping);
        }
        if path == "/v2/_oci/ext/discover" {
            return Ok(Self::Extensions);
        }
        let path = path.strip_prefix("/v2/").ok_or(RouteError::Unknown)?;
        let (rest, last) = path.rsplit_once('/').ok_or(RouteError::Unknown)?;
        let (before, keyword) = rest.rsplit_once('/').ok_or(RouteError::Unknown)?;
        let last = decode(last).ok_or(RouteError::Unknown)?;
        let uploads = (keyword == "uploads").then(|| before.strip_suffix("/blobs")).flatten();
        let (name, resource) = match (keyword, last.as_str()) {
            ("uploads", id) if uploads.is_some() => {
                let resource = if id.is_empty() { Ok(Resource::Uploads) } else { id.parse().map(Resource::Upload) };
                (uploads.unwrap_or_default(), resource)
            }
            ("blobs", "uploads") => (before, Ok(Resource::Uploads)),
            ("blobs", digest) => (before, digest.parse().map(Resource::Blob).map_err(RouteError::Digest)),
            ("manifests", reference) => (before, reference.parse().map(Resource::Manifest)),
            // A tag may be called `list`.
            ("tags", "list") if !before.ends_with("/_supercargo") => (before, Ok(Resource::Tags)),
            ("referrers", digest) => (before, digest.parse().map(Resource::Referrers).map_err(RouteError::Digest)),
            _ => extension(before, keyword, &last).ok_or(RouteError::Unknown)?,
        };
        let name = name.parse().map_err(RouteError::Name)?;
        Ok(Self::Repository { name, resource: resource? })
    }
}

/// Reads the end of the path of an extension: `_<extension>/…`, which no name of a repository can have in it. Returns the repository's
/// name and what is meant in it.
fn extension<'p>(before: &'p str, keyword: &str, last: &str) -> Option<(&'p str, Result<Resource, RouteError>)> {
    if let ("_supercargo", "tags" | "holds") = (keyword, last) {
        return Some((before, Ok(if last == "tags" { Resource::TagsThen } else { Resource::Holds })));
    }
    let (name, extension) = before.rsplit_once('/')?;
    let tag = || last.parse::<Tag>().map_err(RouteError::Tag);
    let resource = match (extension, keyword) {
        ("_oci", "ext") if last == "discover" => Ok(Resource::Extensions),
        ("_oci", "tag-history") => tag().map(Resource::History),
        ("_supercargo", "tags") => tag().map(Resource::TagThen),
        ("_supercargo", "holds") => last.parse().map(Resource::Hold).map_err(RouteError::Digest),
        _ => return None,
    };
    Some((name, resource))
}

impl FromStr for ManifestName {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains(':') {
            text.parse().map(Self::Digest).map_err(RouteError::Digest)
        } else {
            text.parse().map(Self::Tag).map_err(RouteError::Tag)
        }
    }
}

impl fmt::Display for ManifestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl UploadId {
    /// Returns a name that cannot be guessed.
    pub fn random() -> Self {
        // Version 4, variant 1 (RFC 9562 section 5.4).
        let bits: u128 = rand::random();
        Self(bits & !(0xf << 76) & !(0b11 << 62) | 0x4 << 76 | 0b10 << 62)
    }
}

impl FromStr for UploadId {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.replace('-', "");
        let bits = u128::from_str_radix(&digits, 16).map_err(|_| RouteError::Upload)?;
        // One way to write each name, and no sign that `from_str_radix` would take.
        let id = Self(bits);
        if id.to_string() == text { Ok(id) } else { Err(RouteError::Upload) }
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, digit) in format!("{:032x}", self.0).chars().enumerate() {
            if matches!(position, 8 | 12 | 16 | 20) {
                f.write_char('-')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

impl fmt::Debug for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::{ManifestName, Resource, Route, RouteError, UploadId};

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn parse(path: &str) -> (String, Resource) {
        match Route::parse(path).unwrap() {
            Route::Repository { name, resource } => (name.to_string(), resource),
            Route::Ping | Route::Extensions => panic!("{path} is not in a repository"),
        }
    }

    #[test]
    fn reads_every_endpoint() {
        assert_eq!(Route::parse("/v2/"), Ok(Route::Ping));
        assert_eq!(Route::parse("/v2"), Ok(Route::Ping));
        assert_eq!(Route::parse("/v2/_oci/ext/discover"), Ok(Route::Extensions));
        let digest = format!("sha256:{HEX}").parse().unwrap();
        let id = UploadId::random();
        let cases = [
            (format!("/v2/a/b/blobs/sha256:{HEX}"), Resource::Blob(digest)),
            (format!("/v2/a/b/blobs/sha256%3A{HEX}"), Resource::Blob(digest)),
            ("/v2/a/b/blobs/uploads/".to_owned(), Resource::Uploads),
            ("/v2/a/b/blobs/uploads".to_owned(), Resource::Uploads),
            (format!("/v2/a/b/blobs/uploads/{id}"), Resource::Upload(id)),
            ("/v2/a/b/manifests/v1".to_owned(), Resource::Manifest(ManifestName::Tag("v1".parse().unwrap()))),
            (format!("/v2/a/b/manifests/sha256:{HEX}"), Resource::Manifest(ManifestName::Digest(digest))),
            ("/v2/a/b/tags/list".to_owned(), Resource::Tags),
            (format!("/v2/a/b/referrers/sha256:{HEX}"), Resource::Referrers(digest)),
            ("/v2/a/b/_oci/ext/discover".to_owned(), Resource::Extensions),
            ("/v2/a/b/_oci/tag-history/v1".to_owned(), Resource::History("v1".parse().unwrap())),
            ("/v2/a/b/_supercargo/tags".to_owned(), Resource::TagsThen),
            ("/v2/a/b/_supercargo/tags/list".to_owned(), Resource::TagThen("list".parse().unwrap())),
            ("/v2/a/b/_supercargo/holds".to_owned(), Resource::Holds),
            (format!("/v2/a/b/_supercargo/holds/sha256:{HEX}"), Resource::Hold(digest)),
        ];
        for (path, resource) in cases {
            assert_eq!(parse(&path), ("a/b".to_owned(), resource), "{path}");
        }
    }

    #[test]
    fn a_repository_may_be_called_like_a_keyword() {
        assert_eq!(parse("/v2/blobs/uploads/manifests/x").0, "blobs/uploads");
        assert_eq!(parse("/v2/manifests/blobs/uploads/").0, "manifests");
        assert_eq!(parse("/v2/tags/list/tags/list"), ("tags/list".to_owned(), Resource::Tags));
        assert_eq!(parse("/v2/blobs/blobs/uploads/blobs/uploads/").0, "blobs/blobs/uploads");
        assert_eq!(parse("/v2/a/blobs/manifests/list").0, "a/blobs");
    }

    #[test]
    fn says_what_names_nothing() {
        for path in [
            "",
            "/",
            "/v1/",
            "/v2/x",
            "/v2/tags/list",
            "/v2/a/tags/other",
            "/v2/a/uploads/x",
            "/v2/blobs/uploads/",
            "/v3/a/tags/list",
            "/v2/a/_oci/ext/other",
            "/v2/a/_other/tags",
            "/v2/_oci/tag-history/v1",
            "/v2/_supercargo/tags",
        ] {
            assert_eq!(Route::parse(path), Err(RouteError::Unknown), "{path}");
        }
        for path in
            ["/v2/A/tags/list", "/v2/a//b/tags/list", "/v2/../tags/list", "/v2/a%2Fb/tags/list", "/v2//tags/list"]
        {
            assert!(matches!(Route::parse(path), Err(RouteError::Name(_))), "{path}");
        }
        for path in ["/v2/a/blobs/sha256:12", "/v2/a/blobs/md5:00", "/v2/a/referrers/x", "/v2/a/manifests/sha256:zz"] {
            assert!(matches!(Route::parse(path), Err(RouteError::Digest(_))), "{path}");
        }
        assert!(matches!(Route::parse("/v2/a/manifests/.x"), Err(RouteError::Tag(_))));
        for id in ["x", "+0000000-0000-0000-0000-000000000000", "00000000000000000000000000000000"] {
            assert_eq!(Route::parse(&format!("/v2/a/blobs/uploads/{id}")), Err(RouteError::Upload), "{id}");
        }
    }

    #[test]
    fn an_upload_id_is_a_random_uuid() {
        let text = UploadId::random().to_string();
        assert_eq!((text.len(), &text[14..15]), (36, "4"), "{text}");
        assert!("89ab".contains(&text[19..20]), "{text}");
        assert_ne!(UploadId::random(), UploadId::random());
    }

    proptest::proptest! {
        #[test]
        fn any_path_is_read_or_refused(path in "(/(v2|a|B|blobs|uploads|manifests|tags|list|referrers|_oci|ext|tag-history|_supercargo|holds|%2[fF]|\\.\\.|sha256:e3)?){0,9}") {
            let _ = Route::parse(&path);
        }
    }
}
