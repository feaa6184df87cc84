//! Indexes reduced to some platforms.

use oci::Platform;
use testkit::application::WholeGraph;
use transfer::narrow::narrow;
use transfer::{NoCache, TransferError};

use crate::quirks::Quirky;

fn platforms(names: &[&str]) -> Vec<Platform> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[tokio::test]
async fn keeps_the_platform_and_the_attestation_about_it() {
    let application = WholeGraph::default().build();
    let store = Quirky::new("source");
    application.write_to_store(&store.inner).await.unwrap();
    let index = application.named("index");
    let narrowed = narrow(&store, &NoCache, index, &platforms(&["linux/arm64"])).await.unwrap();
    let kept: Vec<_> = narrowed.root.children().iter().map(|child| child.digest).collect();
    assert_eq!(kept, [application.named("arm64").digest, application.named("attestation-arm64").digest]);
    assert_ne!(*narrowed.root.digest(), index.digest);
    assert_eq!(narrowed.made.len(), 1);
}

#[tokio::test]
async fn an_index_that_has_nothing_to_leave_out_stays_itself() {
    let application = WholeGraph::default().build();
    let store = Quirky::new("source");
    application.write_to_store(&store.inner).await.unwrap();
    let index = application.named("index");
    let narrowed = narrow(&store, &NoCache, index, &platforms(&["linux/arm64/v8", "linux/amd64"])).await.unwrap();
    assert_eq!(*narrowed.root.digest(), index.digest);
    assert!(narrowed.made.is_empty());
}

#[tokio::test]
async fn a_platform_that_is_not_there_is_named_with_those_that_are() {
    let application = WholeGraph::default().build();
    let store = Quirky::new("source");
    application.write_to_store(&store.inner).await.unwrap();
    let wanted = platforms(&["windows/amd64"]);
    let error = narrow(&store, &NoCache, application.named("index"), &wanted).await.unwrap_err();
    assert!(matches!(error, TransferError::NoPlatform { .. }));
    let text = error.to_string();
    assert!(text.contains("windows/amd64") && text.contains("linux/amd64, linux/arm64/v8"), "{text}");
}
