//! What a display is told. Engines report here; only the binary knows what a terminal is.

use oci::{Descriptor, Digest};
use store::Meter;

/// How a blob came to its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobOutcome {
    /// Its bytes were moved.
    Moved,
    /// It was mounted or linked; no bytes moved.
    Adopted,
    /// It was there.
    Present,
}

/// Receives what happens during a copy. Calls come from several tasks and must return at once.
pub trait Progress: Send + Sync {
    /// The plan is made: this many blobs with this many bytes, and this many manifests, are to be moved at most.
    fn planned(&self, blobs: usize, bytes: u64, manifests: usize) {
        let _ = (blobs, bytes, manifests);
    }

    /// The bytes of a blob begin to move; `meter` tells how many have.
    fn blob_started(&self, descriptor: &Descriptor, meter: &Meter) {
        let _ = (descriptor, meter);
    }

    /// A blob is at its destination.
    fn blob_finished(&self, descriptor: &Descriptor, outcome: BlobOutcome) {
        let _ = (descriptor, outcome);
    }

    /// A manifest is at its destination.
    fn manifest_put(&self, digest: &Digest) {
        let _ = digest;
    }

    /// One root, with everything selected, is at its destination and proven.
    fn root_finished(&self, destination: &str, digest: &Digest) {
        let _ = (destination, digest);
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {}
