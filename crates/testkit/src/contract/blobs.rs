//! Blobs that are what they should be.

use bytes::Bytes;
use oci::{Algorithm, Descriptor, MediaType};
use store::body::CHUNK_BYTES;
use store::{Identity, Meter, Put};

use super::{Case, checks};
use crate::seed::Seed;
use crate::source::{Kind, TestSource};

checks![
    absent_blobs_are_none,
    a_blob_comes_back_byte_for_byte,
    every_kind_of_source_is_taken,
    the_empty_blob_is_a_blob,
    a_blob_of_many_chunks_comes_back,
    a_blob_opens_at_any_offset,
    a_blob_may_be_put_twice,
    the_meter_counts_each_byte_once,
    sha512_names_a_blob,
    blake3_names_a_blob,
    the_same_bytes_live_under_several_names,
    nothing_is_adopted_from_an_opaque_place,
];

async fn absent_blobs_are_none(case: Case) {
    let absent = Descriptor::of(MediaType::OCTET_STREAM, b"never put");
    case.assert_blob_absent(&absent).await;
    assert!(case.store.open_blob(&absent, 3).await.unwrap().is_none(), "at an offset too");
}

async fn a_blob_comes_back_byte_for_byte(case: Case) {
    let bytes = Seed::new(1).bytes(10_000);
    let descriptor = Descriptor::of(MediaType::OCI_LAYER_GZIP, &bytes);
    assert_eq!(case.put_blob(&descriptor, &bytes).await, Put::Stored);
    assert_eq!(case.store.stat_blob(&descriptor.digest).await.unwrap(), Some(10_000));
    assert_eq!(case.read_blob(&descriptor).await, bytes);
}

async fn every_kind_of_source_is_taken(case: Case) {
    for (seed, kind) in (1..).zip(Kind::ALL) {
        let bytes = Seed::new(seed).bytes(300_001);
        let descriptor = Descriptor::of(MediaType::OCTET_STREAM, &bytes);
        let source = TestSource::new(kind, bytes.clone());
        let put = case.store.put_blob(&descriptor, &source, &Meter::default()).await;
        assert_eq!(put.unwrap_or_else(|error| panic!("{kind:?}: {error:?}")), Put::Stored, "{kind:?}");
        assert_eq!(case.read_blob(&descriptor).await, bytes, "{kind:?}");
    }
}

async fn the_empty_blob_is_a_blob(case: Case) {
    let descriptor = Descriptor::of(MediaType::OCTET_STREAM, b"");
    case.put_blob(&descriptor, &Bytes::new()).await;
    assert_eq!(case.store.stat_blob(&descriptor.digest).await.unwrap(), Some(0));
    assert_eq!(case.read_blob(&descriptor).await, Bytes::new());
}

async fn a_blob_of_many_chunks_comes_back(case: Case) {
    let bytes = Seed::new(2).bytes(12 * CHUNK_BYTES + 17);
    let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes);
    let source = TestSource::new(Kind::Stream, bytes.clone());
    case.store.put_blob(&descriptor, &source, &Meter::default()).await.unwrap();
    // Not assert_eq: nobody reads three megabytes of a message.
    assert!(case.read_blob(&descriptor).await == bytes, "the bytes that came back are others");
}

async fn a_blob_opens_at_any_offset(case: Case) {
    let bytes = Seed::new(3).bytes(2 * CHUNK_BYTES + 5);
    let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes);
    case.put_blob(&descriptor, &bytes).await;
    for offset in [1, CHUNK_BYTES - 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 4, bytes.len()] {
        let rest = bytes.slice(offset..);
        let body = case.store.open_blob(&descriptor, offset as u64).await.unwrap().expect("the blob is there");
        assert_eq!(body.length, rest.len() as u64, "the length of the rest from {offset}");
        let named = Descriptor::of(MediaType::OCTET_STREAM, &rest);
        let read = body.into_bytes(&named, "the rest", usize::MAX).await;
        assert!(read.unwrap_or_else(|error| panic!("from {offset}: {error:?}")) == rest, "other bytes from {offset}");
    }
}

async fn a_blob_may_be_put_twice(case: Case) {
    let bytes = Seed::new(4).bytes(5000);
    let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes);
    case.put_blob(&descriptor, &bytes).await;
    // Either answer is right: a registry may take the bytes again.
    case.put_blob(&descriptor, &bytes).await;
    assert_eq!(case.read_blob(&descriptor).await, bytes);
}

async fn the_meter_counts_each_byte_once(case: Case) {
    for (seed, kind) in (5..).zip(Kind::ALL) {
        let bytes = Seed::new(seed).bytes(700_000);
        let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes);
        let meter = Meter::default();
        case.store.put_blob(&descriptor, &TestSource::new(kind, bytes), &meter).await.unwrap();
        assert_eq!(meter.bytes(), 700_000, "{kind:?}");
    }
}

async fn sha512_names_a_blob(case: Case) {
    if case.profile.sha512_blobs {
        named_by(&case, Algorithm::Sha512).await;
    }
}

async fn blake3_names_a_blob(case: Case) {
    if case.profile.blake3 {
        named_by(&case, Algorithm::Blake3).await;
    }
}

async fn named_by(case: &Case, algorithm: Algorithm) {
    let bytes = Seed::new(9).bytes(4321);
    let descriptor = Descriptor::new(MediaType::OCTET_STREAM, algorithm.digest(&bytes), 4321);
    case.put_blob(&descriptor, &bytes).await;
    assert_eq!(case.store.stat_blob(&descriptor.digest).await.unwrap(), Some(4321));
    assert_eq!(case.read_blob(&descriptor).await, bytes);
    let other = Descriptor::new(MediaType::OCTET_STREAM, algorithm.digest(b"other content"), 4321);
    let put = case.store.put_blob(&other, &TestSource::memory(bytes), &Meter::default()).await;
    assert!(put.is_err(), "bytes that {algorithm} names otherwise must be refused");
    case.assert_blob_absent(&other).await;
}

async fn the_same_bytes_live_under_several_names(case: Case) {
    if !case.profile.sha512_blobs {
        return;
    }
    let bytes = Seed::new(10).bytes(100);
    let names = [Algorithm::Sha256, Algorithm::Sha512]
        .map(|algorithm| Descriptor::new(MediaType::OCTET_STREAM, algorithm.digest(&bytes), 100));
    case.put_blob(&names[0], &bytes).await;
    case.put_blob(&names[1], &bytes).await;
    for name in &names {
        assert_eq!(case.read_blob(name).await, bytes);
    }
}

async fn nothing_is_adopted_from_an_opaque_place(case: Case) {
    let descriptor = Descriptor::of(MediaType::OCTET_STREAM, b"elsewhere");
    assert!(!case.store.adopt_blob(&descriptor, &Identity::Opaque).await.unwrap());
    case.assert_blob_absent(&descriptor).await;
    assert_eq!(case.store.identity(), case.store.identity(), "an identity does not change");
    assert!(case.store.concurrency() >= 1);
    assert!(!case.store.location().is_empty());
}
