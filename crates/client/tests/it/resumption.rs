//! Uploads whose connections break, on either side.

use client::{Client, Repository, UploadMode};
use store::{Meter, Put, Store as _};
use testkit::source::{Kind, TestSource};

use crate::registry::{Effect, Registry};
use crate::server::{Reply, Server, options};
use crate::stored::{Elsewhere, LARGE, OnDisk, content, describe};

/// Returns a repository of which it is known whether digests are verified, and the session that it opens next.
async fn known(registry: &Registry, server: &Server, mode: UploadMode) -> (Repository, String) {
    let repository = server.repository_with(|options| options.upload = mode);
    let other = content(LARGE).slice(1..);
    repository.put_blob(&describe(&other), &TestSource::memory(other), &Meter::default()).await.unwrap();
    (repository, format!("/uploads/session-{}", registry.opened() + 1))
}

async fn upload(repository: &Repository, kind: Kind, meter: &Meter) -> Put {
    let content = content(LARGE);
    let source = TestSource::new(kind, content.clone());
    repository.put_blob(&describe(&content), &source, meter).await.unwrap()
}

#[tokio::test]
async fn an_upload_that_is_cut_goes_on_where_it_was() {
    for verifies in [true, false] {
        for kind in Kind::ALL {
            for cut in [1, 3_000_000, LARGE - 1] {
                let registry = Registry::new(|behaviour| behaviour.verifies = verifies);
                let server = registry.start().await;
                let (repository, session) = known(&registry, &server, UploadMode::PostPut).await;
                registry.fault("PUT", &session, Effect::CutRequest(cut));
                let meter = Meter::default();
                let case = format!("{verifies} {kind:?} {cut}");
                assert_eq!(upload(&repository, kind, &meter).await, Put::Stored, "{case}");
                assert!(registry.blob(&describe(&content(LARGE)).digest).unwrap() == content(LARGE), "{case}");
                assert_eq!(meter.bytes(), LARGE as u64, "{case}");
                let patch = server.seen().into_iter().find(|head| head.method == "PATCH");
                if cut > 1 {
                    let expected = format!("{cut}-{}", LARGE - 1);
                    assert_eq!(patch.unwrap().header("content-range"), Some(expected.as_str()), "{case}");
                }
                assert_eq!(server.count("GET", &session), 1, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_chunk_that_is_cut_goes_on_where_it_was() {
    for mode in [UploadMode::Chunked { size: 4_000_000 }, UploadMode::Streamed] {
        let registry = Registry::default();
        let server = registry.start().await;
        let (repository, session) = known(&registry, &server, mode).await;
        let opened = server.count("POST", "/uploads/");
        registry.fault("PATCH", &session, Effect::CutRequest(3_000_000));
        let meter = Meter::default();
        assert_eq!(upload(&repository, Kind::Stream, &meter).await, Put::Stored);
        assert_eq!((meter.bytes(), registry.open_uploads()), (LARGE as u64, 0), "{mode:?}");
        assert_eq!(server.count("POST", "/uploads/"), opened + 1, "{mode:?}");
    }
}

#[tokio::test]
async fn without_a_status_it_begins_again() {
    let registry = Registry::new(|behaviour| behaviour.upload_status = false);
    let server = registry.start().await;
    let (repository, session) = known(&registry, &server, UploadMode::PostPut).await;
    let opened = server.count("POST", "/uploads/");
    registry.fault("PUT", &session, Effect::CutRequest(3_000_000));
    let meter = Meter::default();
    upload(&repository, Kind::File, &meter).await;
    assert_eq!(meter.bytes(), LARGE as u64);
    assert_eq!((server.count("POST", "/uploads/"), server.count("PATCH", "/uploads/")), (opened + 2, 0));
}

#[tokio::test]
async fn a_session_that_is_gone_is_opened_anew() {
    for status in [404, 416, 500, 503] {
        let registry = Registry::default();
        let server = registry.start().await;
        let (repository, session) = known(&registry, &server, UploadMode::PostPut).await;
        registry.fault("PUT", &session, Effect::Reply(Reply::new(status)));
        let meter = Meter::default();
        upload(&repository, Kind::Memory, &meter).await;
        assert_eq!((registry.blobs(), meter.bytes()), (2, LARGE as u64), "{status}");
    }
}

#[tokio::test]
async fn an_upload_that_never_gets_on_ends() {
    let registry = Registry::default();
    let server = registry.start().await;
    let (repository, _) = known(&registry, &server, UploadMode::Auto).await;
    let put = server.count("PUT", "/uploads/");
    for _ in 0..5 {
        registry.fault("PUT", "/uploads/", Effect::CutRequest(0));
    }
    let content = content(LARGE);
    let meter = Meter::default();
    let outcome = repository.put_blob(&describe(&content), &TestSource::memory(content.clone()), &meter).await;
    assert!(matches!(outcome, Err(store::StoreError::Unreachable { .. })), "{outcome:?}");
    assert_eq!((registry.blobs(), meter.bytes()), (1, 0));
    assert_eq!(server.count("PUT", "/uploads/"), put + 4);
}

#[tokio::test]
async fn a_source_that_is_cut_is_read_on() {
    for (verifies, chunked) in [(true, false), (true, true), (false, false), (false, true)] {
        let (from, to) = (Registry::default(), Registry::new(|behaviour| behaviour.verifies = verifies));
        let (from_server, to_server) = (from.start().await, to.start().await);
        let content = content(LARGE);
        from.add(&content);
        from.fault("GET", "/blobs/", Effect::CutAnswer(4_000_000));
        let mode = if chunked { UploadMode::Chunked { size: 2_500_000 } } else { UploadMode::Auto };
        let client = Client::new(client::ClientOptions { upload: mode, ..options() });
        let name = "app".parse().unwrap();
        let source = Elsewhere(client.repository(&from_server.host(), &name), describe(&content));
        let target = client.repository(&to_server.host(), &name);
        let meter = Meter::default();
        target.put_blob(&describe(&content), &source, &meter).await.unwrap();
        assert!(to.blob(&describe(&content).digest).unwrap() == content, "{verifies} {chunked}");
        assert_eq!(meter.bytes(), LARGE as u64, "{verifies} {chunked}");
    }
}

#[tokio::test]
async fn a_file_is_sent_and_sent_on() {
    let registry = Registry::default();
    let server = registry.start().await;
    let content = content(LARGE);
    let source = OnDisk::new(&content);
    let meter = Meter::default();
    let (repository, session) = known(&registry, &server, UploadMode::Auto).await;
    registry.fault("PUT", &session, Effect::CutRequest(5_000_000));
    registry.fault("PATCH", &session, Effect::CutRequest(1_000_000));
    repository.put_blob(&describe(&content), &source, &meter).await.unwrap();
    assert!(registry.blob(&describe(&content).digest).unwrap() == content);
    let patches = server.seen().into_iter().filter(|head| head.method == "PATCH");
    let ranges: Vec<_> = patches.map(|head| head.header("content-range").unwrap().to_owned()).collect();
    assert_eq!(ranges, [format!("5000000-{}", LARGE - 1), format!("6000000-{}", LARGE - 1)]);
    assert_eq!(meter.bytes(), LARGE as u64);
}
