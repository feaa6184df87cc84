//! One line of text for each finished item.

use oci::{Descriptor, Digest};
use ops::{BlobOutcome, Progress};

use super::Sink;
use crate::printer::{ByteSize, count};

/// Tells of everything that is finished: what moved, and with `verbose` also manifests and what was there.
pub(crate) struct Lines {
    verbose: bool,
    sink: Sink,
}

impl Lines {
    pub(crate) const fn new(verbose: bool, sink: Sink) -> Self {
        Self { verbose, sink }
    }
}

impl Progress for Lines {
    fn planned(&self, blobs: usize, bytes: u64, manifests: usize) {
        let (blobs, manifests) = (count(blobs, "blob"), count(manifests, "manifest"));
        (self.sink)(&format!("plan     {blobs} ({}), {manifests}", ByteSize(bytes)));
    }

    fn blob_finished(&self, descriptor: &Descriptor, outcome: BlobOutcome) {
        let word = match outcome {
            BlobOutcome::Moved => "moved",
            BlobOutcome::Adopted => "mounted",
            BlobOutcome::Present if self.verbose => "there",
            BlobOutcome::Present => return,
        };
        (self.sink)(&format!("{word:<8} {} ({})", descriptor.digest, ByteSize(descriptor.size)));
    }

    fn manifest_put(&self, digest: &Digest) {
        if self.verbose {
            (self.sink)(&format!("manifest {digest}"));
        }
    }

    fn root_finished(&self, destination: &str, digest: &Digest) {
        (self.sink)(&format!("proven   {}@{digest}", oci::text::printable(destination)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use oci::MediaType;

    use super::*;

    fn transcript(verbose: bool) -> String {
        let told = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&told);
        let lines = Lines::new(verbose, Box::new(move |line| sink.lock().unwrap().extend([line, "\n"])));
        let blob = |content: &[u8]| Descriptor::of(MediaType::OCI_LAYER, content);
        lines.planned(3, 6, 1);
        lines.blob_finished(&blob(b"one"), BlobOutcome::Moved);
        lines.blob_finished(&blob(b"two"), BlobOutcome::Adopted);
        lines.blob_finished(&blob(b""), BlobOutcome::Present);
        lines.manifest_put(&Digest::sha256(b"{}"));
        lines.root_finished("h.example/a", &Digest::sha256(b"{}"));
        drop(lines);
        let told = told.lock().unwrap();
        told.clone()
    }

    #[test]
    fn every_finished_item_gets_a_line() {
        insta::assert_snapshot!(transcript(false), @r"
        plan     3 blobs (6 B), 1 manifest
        moved    sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed (3 B)
        mounted  sha256:3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3 (3 B)
        proven   h.example/a@sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
        ");
    }

    #[test]
    fn verbose_tells_of_manifests_and_of_what_was_there() {
        let told = transcript(true);
        assert!(
            told.contains("there    sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 (0 B)")
        );
        assert!(told.contains("manifest sha256:44136fa3"));
    }
}
