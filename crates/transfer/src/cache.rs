//! Manifests that are here already, so that an unchanged copy fetches none.

use oci::{Digest, Manifest, MediaType};

/// Keeps manifests between runs. Content is immutable, so what it returns is as good as what the source would send; an
/// implementation verifies it against the digest.
pub trait ManifestCache: Send + Sync {
    /// Returns a manifest that is kept.
    fn get(&self, digest: &Digest, media_type: &MediaType) -> Option<Manifest>;

    /// Keeps a manifest. Failing to is no error: it will be fetched again.
    fn keep(&self, manifest: &Manifest);
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCache;

impl ManifestCache for NoCache {
    fn get(&self, _: &Digest, _: &MediaType) -> Option<Manifest> {
        None
    }

    fn keep(&self, _: &Manifest) {}
}
