//! Blobs that are not what they should be: refused, and nothing of them is seen afterwards.

use bytes::Bytes;
use oci::{Descriptor, Digest, MediaType};
use store::{Meter, StoreError};

use super::{Case, checks};
use crate::seed::Seed;
use crate::source::{Kind, TestSource};

checks![
    other_bytes_of_the_right_size_are_refused,
    a_source_that_is_too_long_is_refused,
    a_source_that_is_too_short_is_refused,
    a_descriptor_with_the_wrong_size_is_refused,
    a_source_that_understates_its_length_is_refused,
    a_source_that_fails_leaves_nothing,
    a_refused_blob_can_be_put_right_afterwards,
    a_cancelled_put_leaves_nothing,
];

/// Puts what must be refused for being other content, and checks that nothing is seen of it.
async fn refused(case: &Case, descriptor: &Descriptor, source: TestSource) {
    let shown = format!("{source:?}").chars().take(60).collect::<String>();
    let error = case.store.put_blob(descriptor, &source, &Meter::default()).await;
    let error = error.expect_err(&format!("must be refused: {shown}"));
    assert!(error.is_integrity(), "the content is at fault, but the error is {error:?}");
    case.assert_blob_absent(descriptor).await;
}

async fn other_bytes_of_the_right_size_are_refused(case: Case) {
    for kind in Kind::ALL {
        let bytes = Seed::new(1).bytes(300_000);
        let descriptor = Descriptor::new(MediaType::OCI_LAYER, Digest::sha256(b"what was promised"), 300_000);
        refused(&case, &descriptor, TestSource::new(kind, bytes)).await;
    }
}

async fn a_source_that_is_too_long_is_refused(case: Case) {
    for kind in Kind::ALL {
        let bytes = Seed::new(2).bytes(300_000);
        // The first bytes are the right ones: a store that stops reading early would take them.
        let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes.slice(..299_000));
        refused(&case, &descriptor, TestSource::new(kind, bytes)).await;
    }
}

async fn a_source_that_is_too_short_is_refused(case: Case) {
    for kind in [Kind::Stream, Kind::Socket] {
        let bytes = Seed::new(3).bytes(300_000);
        let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes);
        let cut = TestSource::new(kind, bytes.slice(..200_000)).stating(300_000);
        let put = case.store.put_blob(&descriptor, &cut, &Meter::default()).await;
        // A connection that breaks may be reported as such: asking again may help.
        put.expect_err("a truncated blob must be refused");
        case.assert_blob_absent(&descriptor).await;
    }
}

async fn a_descriptor_with_the_wrong_size_is_refused(case: Case) {
    let bytes = Seed::new(4).bytes(5000);
    for size in [4999, 5001] {
        let descriptor = Descriptor::new(MediaType::OCI_LAYER, Digest::sha256(&bytes), size);
        refused(&case, &descriptor, TestSource::memory(bytes.clone())).await;
    }
}

async fn a_source_that_understates_its_length_is_refused(case: Case) {
    let bytes = Seed::new(5).bytes(300_000);
    let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes.slice(..250_000));
    let source = TestSource::new(Kind::Stream, bytes).stating(250_000);
    let put = case.store.put_blob(&descriptor, &source, &Meter::default()).await;
    // Whether the bytes after the stated end are looked at or not: what is there afterwards is right or nothing.
    if put.is_ok() {
        case.read_blob(&descriptor).await;
    } else {
        case.assert_blob_absent(&descriptor).await;
    }
}

#[derive(Debug)]
struct FailingSource;

#[async_trait::async_trait]
impl store::BlobSource for FailingSource {
    async fn open(&self, _offset: u64) -> Result<store::BlobBody, StoreError> {
        Err(StoreError::Missing { location: "a test".to_owned(), what: "what the source promised".to_owned() })
    }
}

async fn a_source_that_fails_leaves_nothing(case: Case) {
    let descriptor = Descriptor::of(MediaType::OCI_LAYER, b"promised");
    let put = case.store.put_blob(&descriptor, &FailingSource, &Meter::default()).await;
    assert!(matches!(put, Err(StoreError::Missing { .. })), "the source's own error is passed on, not {put:?}");
    case.assert_blob_absent(&descriptor).await;
}

async fn a_refused_blob_can_be_put_right_afterwards(case: Case) {
    let bytes = Bytes::from_static(b"the right content");
    let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes);
    refused(&case, &descriptor, TestSource::memory(&b"the wrong content"[..])).await;
    case.put_blob(&descriptor, &bytes).await;
    assert_eq!(case.read_blob(&descriptor).await, bytes);
}

async fn a_cancelled_put_leaves_nothing(case: Case) {
    let bytes = Seed::new(6).bytes(400_000);
    let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes);
    let source = TestSource::memory(bytes.clone()).pausing_after(200_000);
    let meter = Meter::default();
    tokio::select! {
        put = case.store.put_blob(&descriptor, &source, &meter) => panic!("the source has not ended, but: {put:?}"),
        () = source.paused() => {}
    }
    case.assert_blob_absent(&descriptor).await;
    case.put_blob(&descriptor, &bytes).await;
    assert!(case.read_blob(&descriptor).await == bytes, "the bytes that came back are others");
}
