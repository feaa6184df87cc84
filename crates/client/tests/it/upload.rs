//! Every way to upload, from every kind of source.

use bytes::Bytes;
use client::UploadMode;
use oci::{Algorithm, Descriptor, MediaType};
use store::{Meter, Put, Store as _, StoreError};
use testkit::source::{Kind, TestSource};

use crate::registry::{Effect, Registry};
use crate::server::{Head, Reply, Server};
use crate::stored::{LARGE, content, describe};

const MODES: [UploadMode; 5] = [
    UploadMode::Auto,
    UploadMode::SinglePost,
    UploadMode::PostPut,
    UploadMode::Chunked { size: 1_000_000 },
    UploadMode::Streamed,
];

#[tokio::test]
async fn every_way_from_every_source() {
    let large = content(LARGE);
    for mode in MODES {
        for length in [0, 1, 2, 1000, 70_000, LARGE] {
            for kind in Kind::ALL {
                let registry = Registry::new(|behaviour| behaviour.single_post = true);
                let server = registry.start().await;
                let content = large.slice(..length);
                let descriptor = describe(&content);
                let meter = Meter::default();
                let repository = server.repository_with(|options| options.upload = mode);
                let put = repository.put_blob(&descriptor, &TestSource::new(kind, content.clone()), &meter).await;
                let case = format!("{mode:?} {length} {kind:?}");
                assert_eq!(put.unwrap(), Put::Stored, "{case}");
                assert!(registry.blob(&descriptor.digest).unwrap() == content, "{case}");
                assert_eq!(meter.bytes(), length as u64, "{case}");
                assert_eq!(registry.open_uploads(), 0, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn absolute_locations_are_followed() {
    let registry = Registry::new(|behaviour| behaviour.absolute_locations = true);
    let server = registry.start().await;
    let content = content(100_000);
    server
        .repository()
        .put_blob(&describe(&content), &TestSource::memory(content.clone()), &Meter::default())
        .await
        .unwrap();
    assert_eq!(registry.blobs(), 1);
}

#[tokio::test]
async fn learns_that_one_post_does_not_work() {
    let registry = Registry::default();
    let server = registry.start().await;
    let repository = server.repository();
    for length in [10, 20, 30] {
        let content = content(length);
        let source = TestSource::memory(content.clone());
        repository.put_blob(&describe(&content), &source, &Meter::default()).await.unwrap();
    }
    let posts: Vec<_> = server.seen().into_iter().filter(|head| head.method == "POST").collect();
    let with_digest: Vec<_> = posts.iter().map(|head| head.query.contains_key("digest")).collect();
    // The session that the first brought was used, so each took two requests.
    assert_eq!(with_digest, [true, false, false]);
    assert_eq!(server.count("PUT", "/uploads/"), 3);
    assert_eq!((registry.blobs(), registry.open_uploads()), (3, 0));
}

#[tokio::test]
async fn learns_that_one_post_works() {
    let registry = Registry::new(|behaviour| behaviour.single_post = true);
    let server = registry.start().await;
    let repository = server.repository();
    // The large one is no trial, but once it is known to work it goes that way, too.
    for length in [200_000, 10, 200_001] {
        let content = content(length);
        let source = TestSource::memory(content.clone());
        repository.put_blob(&describe(&content), &source, &Meter::default()).await.unwrap();
    }
    assert_eq!(
        server.lines(),
        [
            "POST /v2/app/blobs/uploads/",
            "PUT /v2/app/blobs/uploads/session-1",
            "POST /v2/app/blobs/uploads/",
            "POST /v2/app/blobs/uploads/"
        ]
    );
}

#[tokio::test]
async fn a_post_with_a_blob_that_is_refused_is_tried_the_other_way() {
    for status in [400, 404, 405, 411] {
        let registry = Registry::default();
        registry.fault("POST", "/uploads/", Effect::Reply(Reply::error(status, "UNSUPPORTED")));
        let server = registry.start().await;
        let content = content(10);
        let meter = Meter::default();
        let source = TestSource::memory(content.clone());
        server.repository().put_blob(&describe(&content), &source, &meter).await.unwrap();
        assert_eq!((registry.blobs(), meter.bytes()), (1, 10), "{status}");
    }
}

#[tokio::test]
async fn chunks_are_as_large_as_the_registry_wants() {
    let registry = Registry::new(|behaviour| behaviour.chunk_min = Some(4000));
    let server = registry.start().await;
    let content = content(10_000);
    let repository = server.repository_with(|options| options.upload = UploadMode::Chunked { size: 1000 });
    repository.put_blob(&describe(&content), &TestSource::memory(content.clone()), &Meter::default()).await.unwrap();
    let patches = server.seen().into_iter().filter(|head| head.method == "PATCH");
    let ranges: Vec<_> = patches.map(|head| head.header("content-range").unwrap().to_owned()).collect();
    assert_eq!(ranges, ["0-3999", "4000-7999", "8000-9999"]);
    assert_eq!(registry.blobs(), 1);
}

#[tokio::test]
async fn content_that_is_not_what_it_should_be_is_not_stored() {
    let right = content(300_000);
    let mut bytes = right.to_vec();
    bytes[299_999] ^= 1;
    let wrong = Bytes::from(bytes);
    for verifies in [true, false] {
        for mode in MODES {
            for kind in Kind::ALL {
                let registry = Registry::new(|behaviour| {
                    behaviour.verifies = verifies;
                    behaviour.single_post = true;
                });
                let server = registry.start().await;
                let repository = server.repository_with(|options| options.upload = mode);
                let meter = Meter::default();
                let source = TestSource::new(kind, wrong.clone());
                let error = repository.put_blob(&describe(&right), &source, &meter).await.unwrap_err();
                let case = format!("{verifies} {mode:?} {kind:?}");
                assert!(matches!(error, StoreError::Digest { .. }), "{case}: {error}");
                assert_eq!((registry.blobs(), meter.bytes()), (0, 0), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_source_that_lies_about_its_length_is_not_stored() {
    let right = content(300_000);
    for mode in MODES {
        for kind in [Kind::Stream, Kind::Socket] {
            for (length, stated) in [(299_000, 299_000), (300_000, 300_001), (299_000, 300_000)] {
                let registry = Registry::new(|behaviour| behaviour.verifies = false);
                let server = registry.start().await;
                let repository = server.repository_with(|options| options.upload = mode);
                let meter = Meter::default();
                let source = TestSource::new(kind, right.slice(..length)).stating(stated);
                let outcome = repository.put_blob(&describe(&right), &source, &meter).await;
                let case = format!("{mode:?} {kind:?} {length} {stated}");
                let error = outcome.expect_err(&case);
                let expected = matches!(error, StoreError::Size { .. } | StoreError::Unreachable { .. });
                assert!(expected, "{case}: {error}");
                assert_eq!((registry.blobs(), meter.bytes()), (0, 0), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_registry_that_names_the_blob_otherwise_is_not_believed() {
    let registry = Registry::default();
    let other = format!("sha256:{}", "0".repeat(64));
    registry.fault("PUT", "/uploads/", Effect::Reply(Reply::new(201).with("docker-content-digest", other)));
    let server = registry.start().await;
    let content = content(1000);
    let source = TestSource::memory(content.clone());
    let outcome = server.repository().put_blob(&describe(&content), &source, &Meter::default()).await;
    assert!(matches!(outcome, Err(StoreError::Digest { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_registry_may_call_other_algorithms_by_sha256() {
    let registry = Registry::default();
    let sha256 = format!("sha256:{}", "0".repeat(64));
    registry.fault("PUT", "/uploads/", Effect::Reply(Reply::new(201).with("docker-content-digest", sha256)));
    let server = registry.start().await;
    let content = content(1000);
    let digest = Algorithm::Sha512.digest(&content);
    let descriptor = Descriptor::new(MediaType::OCTET_STREAM, digest, 1000);
    server.repository().put_blob(&descriptor, &TestSource::memory(content), &Meter::default()).await.unwrap();
}

#[tokio::test]
async fn damage_on_the_way_is_repaired_by_sending_again() {
    let registry = Registry::default();
    registry.fault("PUT", "/uploads/", Effect::Reply(Reply::error(400, "DIGEST_INVALID")));
    let server = registry.start().await;
    let content = content(1000);
    let meter = Meter::default();
    let source = TestSource::memory(content.clone());
    server.repository().put_blob(&describe(&content), &source, &meter).await.unwrap();
    assert_eq!((registry.blobs(), meter.bytes()), (1, 1000));
}

#[tokio::test]
async fn a_registry_that_always_says_damaged_is_not_sent_more() {
    let registry = Registry::default();
    for _ in 0..9 {
        registry.fault("PUT", "/uploads/", Effect::Reply(Reply::error(400, "DIGEST_INVALID")));
    }
    let server = registry.start().await;
    let content = content(1000);
    let source = TestSource::memory(content.clone());
    let error = server.repository().put_blob(&describe(&content), &source, &Meter::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { status: Some(400), .. }), "{error}");
    assert_eq!((server.count("PUT", "/uploads/"), source.opened()), (2, 3));
}

#[tokio::test]
async fn a_registry_may_have_the_blob_before_it_has_read_it() {
    let registry = Registry::default();
    let server = registry.start().await;
    registry.fault("PUT", "/uploads/session-1", Effect::Early(Reply::new(201)));
    let content = content(3 * 1024 * 1024);
    let meter = Meter::default();
    let source = TestSource::memory(content.clone());
    server.repository().put_blob(&describe(&content), &source, &meter).await.unwrap();
    assert_eq!(meter.bytes(), content.len() as u64);
}

#[tokio::test]
async fn a_refusal_says_what_the_registry_said() {
    let registry = Registry::default();
    registry.fault("POST", "/uploads/", Effect::Reply(Reply::error(403, "DENIED")));
    let server = registry.start().await;
    let content = content(1000);
    let source = TestSource::memory(content.clone());
    let error = server.repository().put_blob(&describe(&content), &source, &Meter::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::Denied { .. }), "{error}");
    assert!(error.to_string().contains("DENIED: no"), "{error}");

    registry.fault("PUT", "/uploads/", Effect::Reply(Reply::error(413, "SIZE\\u001b")));
    let error = server.repository().put_blob(&describe(&content), &source, &Meter::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { status: Some(413), .. }), "{error}");
    assert!(error.to_string().contains(r"SIZE\u{1b}"), "{error}");
    assert!(!error.to_string().contains("_state"), "what the location holds is not shown: {error}");
}

#[tokio::test]
async fn an_answer_that_comes_before_everything_is_sent_is_heard() {
    for kind in Kind::ALL {
        let registry = Registry::default();
        let server = registry.start().await;
        let content = content(LARGE);
        let repository = server.repository_with(|options| options.upload = UploadMode::PostPut);
        let meter = Meter::default();
        let first = content.slice(1..);
        repository.put_blob(&describe(&first), &TestSource::memory(first.clone()), &meter).await.unwrap();
        meter.rewind(first.len() as u64);
        registry.fault("PUT", "/uploads/", Effect::Early(Reply::error(413, "SIZE_LIMIT")));
        let source = TestSource::new(kind, content.clone());
        let error = repository.put_blob(&describe(&content), &source, &meter).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused { status: Some(413), .. }), "{kind:?}: {error}");
        assert_eq!(meter.bytes(), 0, "{kind:?}");
    }
}

#[tokio::test]
async fn a_location_at_another_host_gets_no_credentials() {
    let foreign = Server::start(|_: &Head, _: &Bytes| Reply::new(201)).await;
    let target = format!("http://{}/upload?signed=yes", foreign.address);
    let home = Server::start(move |head: &Head, _: &Bytes| match head.header("authorization") {
        None => Reply::new(401).with("www-authenticate", "Basic realm=\"x\""),
        Some(_) if head.method == "POST" => Reply::new(202).with("location", &target),
        Some(_) => Reply::new(200),
    })
    .await;
    let content = content(1000);
    let repository = home.repository_with(|options| {
        options.credentials.add(&home.address.to_string(), crate::auth::password("user", "geheim"));
        options.upload = UploadMode::PostPut;
    });
    let source = TestSource::memory(content.clone());
    repository.put_blob(&describe(&content), &source, &Meter::default()).await.unwrap();
    let puts = foreign.seen();
    assert_eq!(foreign.lines(), ["PUT /upload"]);
    assert_eq!((puts[0].query["signed"].as_str(), puts[0].header("authorization")), ("yes", None));
    assert!(home.seen().iter().all(|head| head.header("authorization").is_some()));
}
