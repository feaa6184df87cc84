//! The content that all clients push.

use std::sync::LazyLock;

use oci::Digest;

use crate::seed::Seed;

/// A blob.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) digest: Digest,
    pub(super) bytes: Vec<u8>,
}

/// Sizes of blobs, from none to more than one piece of a body.
const SIZES: [usize; 6] = [0, 30, 1000, 30_000, 200_000, 700_000];

/// Blobs, in all sizes.
static POOL: LazyLock<Vec<Content>> = LazyLock::new(|| {
    let mut seed = Seed::new(0x706f_6f6c);
    let content = |number: usize| {
        let bytes = seed.bytes(SIZES[number % SIZES.len()]).to_vec();
        Content { digest: Digest::sha256(&bytes), bytes }
    };
    // One of no bytes is enough.
    (0..24).filter(|number| *number == 0 || number % SIZES.len() != 0).map(content).collect()
});

/// Returns one of the blobs.
pub(super) fn pick(seed: &mut Seed) -> &'static Content {
    &POOL[below(seed, POOL.len())]
}

/// Returns a number below another.
pub(super) fn below(seed: &mut Seed, limit: usize) -> usize {
    usize::try_from(seed.next() % limit.max(1) as u64).unwrap_or(0)
}

/// Returns true in so many of a hundred cases.
pub(super) fn percent(seed: &mut Seed, percent: u64) -> bool {
    seed.next() % 100 < percent
}
