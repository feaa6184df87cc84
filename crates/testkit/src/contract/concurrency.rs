//! Several callers at once.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use oci::{Descriptor, MediaType};
use store::{Meter, Referrers};

use super::{Case, artifact, checks, tag};
use crate::seed::Seed;
use crate::source::{Kind, TestSource};

checks![
    one_blob_is_put_by_many,
    many_blobs_are_put_at_once,
    one_put_that_is_refused_does_not_harm_another,
    many_tags_are_set_at_once,
    many_referrers_are_put_at_once,
    a_blob_is_read_by_many,
];

const MANY: u64 = 8;

async fn one_blob_is_put_by_many(case: Case) {
    let bytes = Seed::new(1).bytes(600_000);
    let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes);
    let tasks = (0..MANY).map(|_| {
        let (store, descriptor, bytes) = (case.store.clone(), descriptor.clone(), bytes.clone());
        tokio::spawn(async move {
            let source = TestSource::new(Kind::Stream, bytes);
            store.put_blob(&descriptor, &source, &Meter::default()).await.unwrap()
        })
    });
    for put in join_all(tasks).await {
        put.unwrap();
    }
    assert!(case.read_blob(&descriptor).await == bytes, "the bytes that came back are others");
}

async fn many_blobs_are_put_at_once(case: Case) {
    let tasks = (0..MANY).map(|seed| {
        let store = case.store.clone();
        tokio::spawn(async move {
            let bytes = Seed::new(seed).bytes(100_000);
            let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes);
            let source = TestSource::new(Kind::Stream, bytes);
            store.put_blob(&descriptor, &source, &Meter::default()).await.unwrap();
            descriptor
        })
    });
    for descriptor in join_all(tasks).await {
        case.read_blob(&descriptor.unwrap()).await;
    }
}

async fn one_put_that_is_refused_does_not_harm_another(case: Case) {
    let bytes = Seed::new(1).bytes(300_000);
    let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes);
    let good = TestSource::new(Kind::Stream, bytes.clone());
    let bad = TestSource::new(Kind::Stream, Seed::new(2).bytes(300_000));
    let (good_meter, bad_meter) = (Meter::default(), Meter::default());
    let (put, refused) = tokio::join!(
        case.store.put_blob(&descriptor, &good, &good_meter),
        case.store.put_blob(&descriptor, &bad, &bad_meter),
    );
    put.unwrap();
    // A store that sees the blob arrive from the other side need not look at the bad bytes at all.
    drop(refused);
    assert!(case.read_blob(&descriptor).await == bytes, "the bytes that came back are others");
}

async fn many_tags_are_set_at_once(case: Case) {
    let image = case.put_image(1).await;
    let names: BTreeSet<_> = (0..MANY).map(|number| tag(&format!("v{number}"))).collect();
    let tasks = names.iter().cloned().map(|name| {
        let (store, image) = (case.store.clone(), image.clone());
        tokio::spawn(async move { store.tag(&name, &image).await.unwrap() })
    });
    for set in join_all(tasks).await {
        set.unwrap();
    }
    assert_eq!(case.store.tags().await.unwrap().into_iter().collect::<BTreeSet<_>>(), names);
}

async fn many_referrers_are_put_at_once(case: Case) {
    if !case.profile.referrers {
        return;
    }
    let image = case.put_image(1).await;
    let subject = image.descriptor();
    let tasks = (0..MANY).map(|number| {
        let (store, subject) = (case.store.clone(), subject.clone());
        tokio::spawn(async move {
            let artifact = artifact("application/vnd.example.one", &subject, &number.to_string());
            artifact.write_to_store(&*store).await.unwrap();
            *artifact.manifests()[0].digest()
        })
    });
    let put: BTreeSet<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    match case.store.referrers(&subject.digest, None).await.unwrap() {
        Referrers::Listed(list) => assert_eq!(list.iter().map(|d| d.digest).collect::<BTreeSet<_>>(), put),
        Referrers::Unsupported => panic!("the store keeps lists of referrers, its profile says"),
    }
}

async fn a_blob_is_read_by_many(case: Case) {
    let bytes = Seed::new(3).bytes(600_000);
    let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes);
    case.put_blob(&descriptor, &bytes).await;
    let reads = join_all((0..MANY).map(|_| case.read_blob(&descriptor))).await;
    assert!(reads.iter().all(|read| *read == bytes), "the bytes that came back are others");
}
