//! A clock that jumps, forward and back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use registry::{BlobFiles, Clock, Keeping, RegistryOptions, Storage};
use testkit::seed::Seed;

use super::{pull, push, settled};
use crate::server::Server;

/// The first day of 2030, in seconds since 1970.
const START: u64 = 1_893_456_000;
/// Jumps in seconds, either way.
const JUMPS: [u64; 6] = [1, 3600, 7200, 86_400, 31_536_000, 315_360_000];

#[tokio::test]
async fn whatever_the_clock_shows_nothing_that_a_tag_names_is_lost() {
    for seed in 1..=4 {
        let now = Arc::new(AtomicU64::new(START));
        let shown = Arc::clone(&now);
        let clock = Clock::new(move || Duration::from_secs(shown.load(Ordering::SeqCst)));
        let directory = tempfile::tempdir().unwrap();
        let blobs = Arc::new(BlobFiles::open(directory.path()).unwrap());
        let storage = Storage::in_memory_with(blobs, clock, Keeping::default());
        let server = Server::over(storage.clone(), RegistryOptions::default());
        let mut random = Seed::new(seed);
        let (mut kept, mut number) = (Vec::<(Vec<u8>, String)>::new(), 0);
        for step in 0..60 {
            let jump = JUMPS[usize::try_from(random.next() % JUMPS.len() as u64).unwrap()];
            let time = now.load(Ordering::SeqCst);
            let time =
                if random.next().is_multiple_of(2) { time.saturating_add(jump) } else { time.saturating_sub(jump) };
            match random.next() % 5 {
                0 => now.store(time, Ordering::SeqCst),
                1 => {
                    storage.collect().await.unwrap();
                    server.0.expire_uploads().await;
                }
                2 => {
                    // The clock is set in the midst of an upload.
                    let upload = server.begin("app").await;
                    server.call("PATCH", &upload).body("half").send().await.expect(202);
                    now.store(time, Ordering::SeqCst);
                    server.0.expire_uploads().await;
                    let patch = server.call("PATCH", &upload).body("half").send().await;
                    assert!([202, 404].contains(&patch.status.as_u16()), "seed {seed}, step {step}: {patch:?}");
                    if patch.status == 202 {
                        let digest = oci::Digest::sha256(b"halfhalf");
                        server.call("PUT", &format!("{upload}?digest={digest}")).send().await.expect(201);
                    }
                }
                _ => {
                    number += 1;
                    let (layer, tag) = (format!("layer {number}").into_bytes(), format!("v{number}"));
                    assert!(push(&server, &layer, &tag).await, "seed {seed}, step {step}");
                    kept.push((layer, tag));
                }
            }
            for (layer, tag) in &kept {
                pull(&server, layer, tag).await;
            }
        }
        // Long after: what nothing needs is gone, and the rest is not.
        now.store(START + 10_000 * 31_536_000, Ordering::SeqCst);
        let audit = settled(&storage).await;
        assert_eq!((audit.tags, audit.due), (kept.len() as u64, 0), "seed {seed}: {audit:?}");
        assert_eq!(audit.blobs, if kept.is_empty() { 0 } else { kept.len() as u64 + 1 }, "seed {seed}");
        for (layer, tag) in &kept {
            pull(&server, layer, tag).await;
        }
    }
}
