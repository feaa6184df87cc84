//! Lists of referrers.

use bytes::Bytes;
use oci::{Algorithm, Digest};
use store::{Referrers, Store as _, StoreError};

use crate::server::{Head, Reply, Server};

const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";

fn entry(name: &str, artifact_type: &str) -> String {
    format!(
        r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":9,"artifactType":"{artifact_type}"}}"#,
        Digest::sha256(name.as_bytes())
    )
}

fn page(entries: &[String]) -> Reply {
    let body = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX_TYPE}","manifests":[{}]}}"#, entries.join(","));
    Reply::new(200).with("content-type", INDEX_TYPE).body(body)
}

async fn serving(reply: impl Fn(&Head) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |head: &Head, _: &Bytes| match head.path.as_str() {
        "/v2/" => Reply::new(200),
        _ => reply(head),
    })
    .await
}

fn subject() -> Digest {
    Digest::sha256(b"subject")
}

fn listed(referrers: Referrers) -> Vec<Digest> {
    match referrers {
        Referrers::Listed(list) => list.into_iter().map(|descriptor| descriptor.digest).collect(),
        Referrers::Unsupported => panic!("unsupported"),
    }
}

#[tokio::test]
async fn pages_are_followed() {
    let server = serving(|head| match head.query.get("page") {
        None => page(&[entry("a", "t"), entry("b", "t")]).with("link", r#"<?page=2>; rel="next""#),
        Some(_) => page(&[entry("c", "t")]),
    })
    .await;
    let referrers = server.repository().referrers(&subject(), None).await.unwrap();
    let expected: Vec<_> = ["a", "b", "c"].iter().map(|name| Digest::sha256(name.as_bytes())).collect();
    assert_eq!(listed(referrers), expected);
}

#[tokio::test]
async fn filters_are_applied_here_where_the_registry_does_not() {
    let artifact_type = "application/vnd.example+type";
    for applies in [false, true] {
        let server = serving(move |head| {
            assert_eq!(head.query["artifactType"], "application/vnd.example%2Btype");
            let reply = page(&[entry("a", artifact_type), entry("b", "other")]);
            // A registry that says it has filtered is believed: what it lists may go by other rules.
            if applies { reply.with("oci-filters-applied", "x, artifactType") } else { reply }
        })
        .await;
        let referrers = server.repository().referrers(&subject(), Some(artifact_type)).await.unwrap();
        assert_eq!(listed(referrers).len(), if applies { 2 } else { 1 });
    }
}

#[tokio::test]
async fn a_registry_without_the_api_is_asked_once() {
    for status in [404, 405, 501] {
        let server = serving(move |_| Reply::new(status).body("404 page not found\n")).await;
        let repository = server.repository();
        for _ in 0..3 {
            assert_eq!(repository.referrers(&subject(), None).await.unwrap(), Referrers::Unsupported);
        }
        assert_eq!(server.seen().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn what_one_repository_lacks_another_may_have() {
    let server =
        serving(|head| if head.path.starts_with("/v2/app/") { Reply::new(404) } else { page(&[entry("a", "t")]) })
            .await;
    let client = client::Client::new(crate::server::options());
    let repository = |name: &str| client.repository(&server.host(), &name.parse().unwrap());
    assert_eq!(repository("app").referrers(&subject(), None).await.unwrap(), Referrers::Unsupported);
    assert_eq!(listed(repository("other").referrers(&subject(), None).await.unwrap()).len(), 1);
}

#[tokio::test]
async fn a_subject_that_is_not_known_teaches_nothing() {
    let other = Digest::sha256(b"other");
    let path = format!("/v2/app/referrers/{other}");
    let server =
        serving(move |head| if head.path == path { page(&[]) } else { Reply::error(404, "MANIFEST_UNKNOWN") }).await;
    let repository = server.repository();
    assert_eq!(repository.referrers(&subject(), None).await.unwrap(), Referrers::Unsupported);
    assert!(listed(repository.referrers(&other, None).await.unwrap()).is_empty());
}

#[tokio::test]
async fn an_algorithm_that_is_not_known_has_no_list() {
    let server = serving(|_| Reply::error(400, "DIGEST_INVALID")).await;
    let repository = server.repository();
    let sha512 = Algorithm::Sha512.digest(b"subject");
    assert_eq!(repository.referrers(&sha512, None).await.unwrap(), Referrers::Unsupported);
    assert!(matches!(repository.referrers(&subject(), None).await, Err(StoreError::Refused { .. })));
}

#[tokio::test]
async fn a_failure_in_the_middle_is_no_short_list() {
    for status in [404, 405, 500, 403] {
        let server = serving(move |head| match head.query.get("page") {
            None => page(&[entry("a", "t")]).with("link", r#"<?page=2>; rel="next""#),
            Some(_) => Reply::new(status),
        })
        .await;
        assert!(server.repository().referrers(&subject(), None).await.is_err(), "{status}");
    }
}

#[tokio::test]
async fn what_is_no_index_is_no_list() {
    let replies: [fn() -> Reply; 5] = [
        || Reply::new(200).with("content-type", "text/html").body("<html>"),
        || Reply::new(200).body("{}"),
        || Reply::new(200).with("content-type", INDEX_TYPE).body("{}"),
        || page(&["{}".to_owned()]),
        || page(&[entry("a", "t")]).cut(30),
    ];
    for reply in replies {
        let server = serving(move |_| reply()).await;
        assert!(server.repository().referrers(&subject(), None).await.is_err());
    }
}

#[tokio::test]
async fn a_repository_that_has_listed_is_not_one_without_lists() {
    let strange = [
        Reply::new(404).body("404 page not found"),
        Reply::new(302).with("location", "/maintenance"),
        Reply::new(405),
        Reply::new(501),
    ];
    for reply in strange {
        let status = reply.status;
        let first = format!("/v2/app/referrers/{}", subject());
        let server = serving(move |head| match head.path.as_str() {
            path if path == first => page(&[entry("a", "t")]),
            "/maintenance" => Reply::new(200).with("content-type", "text/html").body("<html>"),
            _ => reply.clone(),
        })
        .await;
        let (repository, second) = (server.repository(), Digest::sha256(b"second"));
        assert_eq!(listed(repository.referrers(&subject(), None).await.unwrap()).len(), 1);
        assert!(repository.referrers(&second, None).await.is_err(), "{status}");
        assert_eq!(listed(repository.referrers(&subject(), None).await.unwrap()).len(), 1, "it is asked again");
        let other = server.repository();
        assert!(matches!(other.referrers(&second, None).await.unwrap(), Referrers::Unsupported), "{status}");
    }
}
