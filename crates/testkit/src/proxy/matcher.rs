//! Which requests a rule is about.

use oci::Digest;

use super::Exchange;

/// Which requests a rule is about: those that meet every condition it was given.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    method: Option<String>,
    path_contains: Vec<String>,
    path_ends: Option<String>,
    query_contains: Option<String>,
    query_lacks: Option<String>,
}

impl Matcher {
    /// Returns a matcher of every request.
    pub fn any() -> Self {
        Self::default()
    }

    /// Returns a matcher of requests for a manifest, by tag or digest.
    #[expect(clippy::needless_pass_by_value, reason = "callers give a text, a tag or a digest, all of them cheap")]
    pub fn manifest(reference: impl ToString) -> Self {
        Self::any().path_ends(&format!("/manifests/{}", reference.to_string()))
    }

    /// Returns a matcher of requests for any manifest.
    pub fn manifests() -> Self {
        Self::any().path_contains("/manifests/")
    }

    /// Returns a matcher of requests for a blob.
    pub fn blob(digest: &Digest) -> Self {
        Self::any().path_ends(&format!("/blobs/{digest}"))
    }

    /// Returns a matcher of requests of uploads, their beginning and their parts.
    pub fn uploads() -> Self {
        Self::any().path_contains("/blobs/uploads/")
    }

    /// Returns a matcher of lists of referrers.
    pub fn referrers() -> Self {
        Self::any().path_contains("/referrers/")
    }

    /// Returns a matcher of the list of what refers to `subject`.
    pub fn referrers_of(subject: &Digest) -> Self {
        Self::any().path_ends(&format!("/referrers/{subject}"))
    }

    /// Returns a matcher of lists of tags.
    pub fn tags() -> Self {
        Self::any().path_ends("/tags/list")
    }

    /// Only requests of this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Only paths with this text in them. May be given several times.
    #[must_use]
    pub fn path_contains(mut self, text: &str) -> Self {
        self.path_contains.push(text.to_owned());
        self
    }

    /// Only paths that end with this text.
    #[must_use]
    pub fn path_ends(mut self, text: &str) -> Self {
        self.path_ends = Some(text.to_owned());
        self
    }

    /// Only queries with this text in them.
    #[must_use]
    pub fn query_contains(mut self, text: &str) -> Self {
        self.query_contains = Some(text.to_owned());
        self
    }

    /// Only queries without this text in them.
    #[must_use]
    pub fn query_lacks(mut self, text: &str) -> Self {
        self.query_lacks = Some(text.to_owned());
        self
    }

    /// Tells whether a request meets every condition.
    pub fn matches(&self, request: &Exchange) -> bool {
        let holds = |condition: &Option<String>, test: fn(&str, &str) -> bool, text: &str| {
            condition.as_deref().is_none_or(|wanted| test(text, wanted))
        };
        holds(&self.method, |method, wanted| method == wanted, &request.method)
            && self.path_contains.iter().all(|wanted| request.path.contains(wanted))
            && holds(&self.path_ends, |path, wanted| path.ends_with(wanted), &request.path)
            && holds(&self.query_contains, |query, wanted| query.contains(wanted), &request.query)
            && holds(&self.query_lacks, |query, unwanted| !query.contains(unwanted), &request.query)
    }
}
